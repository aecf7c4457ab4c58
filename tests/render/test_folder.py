from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
from pathlib import Path

import pytest
import yaml
from compiling import SMALL, planned

from smolc.compiler.render import FolderRefused, files, write

HOSTILE = [
    "$(touch PWNED)",
    "`touch PWNED`",
    "x\\ntouch PWNED\\n",
    "'; touch PWNED; '",
    '\\"; touch PWNED; \\"',
    "{{ 7 * 7 }}{% for x in y %}",
    "${HOME}/PWNED",
    "a\\n- b: !!python/object/apply:os.system ['touch PWNED']",
    "EOF\\ntouch PWNED\\nEOF",
]


def test_the_folder_holds_what_it_should(tmp_path: Path) -> None:
    made = files(planned(tmp_path), "..", "case.recipe")
    assert {n.split("/")[0] for n in made} == {"manifest.json", "run.sh", "jobs", "templates"}
    assert {n for n in made if n.startswith("jobs/sft/")} == {
        "jobs/sft/job.yaml",
        "jobs/sft/launch.sh",
        "jobs/sft/accelerate.yaml",
    }
    assert list(made)[-1] == "manifest.json"


def test_deepspeed_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    made = files(planned(tmp_path, SMALL, "sft.parallel=zero(stage=3)", on="2xh100"), "..", "case.recipe")
    config = json.loads(made["jobs/sft/deepspeed.json"])
    assert config["zero_optimization"]["stage"] == 3
    batch = yaml.safe_load(made["jobs/sft/job.yaml"])["batch"]
    assert batch["global_sequences"] == 32
    assert config["train_micro_batch_size_per_gpu"] * config["gradient_accumulation_steps"] * 2 == 32
    assert "jobs/dpo/deepspeed.json" not in made


@pytest.mark.parametrize("on", ["cpu", "2xcpu", "8xh100", "2x8xh100"])
def test_every_script_is_valid_shell(tmp_path: Path, on: str) -> None:
    for name, text in files(planned(tmp_path, SMALL, on=on), "..", "case.recipe").items():
        if name.endswith(".sh"):
            assert (
                subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True).returncode == 0
            ), name
            assert text.endswith("\n") and not text.endswith("\n\n"), name


@pytest.mark.parametrize("words", HOSTILE)
def test_recipe_text_cannot_run_in_a_generated_script(tmp_path: Path, words: str) -> None:
    text = (
        SMALL.replace('about = "small"', f'about = "{words}"')
        .replace("scratch = llama(layers = 1, hidden = 16, heads = 2)", f'hub = "{words}"')
        .replace("  tokenizer = bytes\n", "")
        .replace('"chats.jsonl"', f'"{words}.jsonl"')
    )
    folder = tmp_path / "out"
    write(folder, files(planned(tmp_path, text), "..", "case.recipe"))
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nexit 0\n")
    fake.chmod(0o755)
    environment = {"PATH": "/usr/bin:/bin", "SMOLC_PYTHON": str(fake), "HOME": str(tmp_path)}
    for script in folder.rglob("*.sh"):
        done = subprocess.run(
            ["bash", str(script)], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("*PWNED*"))
    for path in folder.rglob("*.yaml"):
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


def test_a_build_leaves_what_jobs_wrote(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write(folder, files(planned(tmp_path), "..", "case.recipe"))
    (folder / "out" / "sft").mkdir(parents=True)
    (folder / "out" / "sft" / "done.json").write_text("{}")
    write(folder, files(planned(tmp_path, SMALL, "sft.batch=8seq"), "..", "case.recipe"))
    assert (folder / "out" / "sft" / "done.json").read_text() == "{}"
    assert not list(folder.glob(".build-*"))


def test_jobs_of_an_earlier_build_go(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write(folder, files(planned(tmp_path), "..", "case.recipe"))
    text = SMALL.replace("stage dpo", "stage apo").replace("sft, dpo", "sft, apo")
    write(folder, files(planned(tmp_path, text), "..", "case.recipe"))
    assert not (folder / "jobs" / "dpo").exists() and (folder / "jobs" / "apo").exists()


def test_a_folder_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "thesis.tex").write_text("precious")
    with pytest.raises(FolderRefused, match="did not write"):
        write(folder, files(planned(tmp_path), "..", "case.recipe"))
    assert [p.name for p in folder.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("manifest", ['{"name": "an extension", "version": "1"}', "[]", "not JSON", ""])
def test_a_manifest_of_another_program_is_not_ours(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "site" / "templates").mkdir(parents=True)
    (tmp_path / "site" / "templates" / "page.html").write_text("precious")
    (tmp_path / "site" / "manifest.json").write_text(manifest)
    with pytest.raises(FolderRefused, match="did not write"):
        write(tmp_path / "site", files(planned(tmp_path), "..", "case.recipe"))
    assert (tmp_path / "site" / "templates" / "page.html").read_text() == "precious"


def test_a_folder_with_too_long_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderRefused, match="cannot write"):
        write(tmp_path / ("x" * 300), files(planned(tmp_path), "..", "case.recipe"))


def test_hidden_characters_are_escaped(tmp_path: Path) -> None:
    text = SMALL.replace(
        "stage sft {", 'template turned { builtin = chatml; end_of_turn = "a\\u{202e}b" }\nstage sft {', 1
    )
    made = files(planned(tmp_path, text, "sft.template=turned"), "..", "case.recipe")
    job = made["jobs/sft-data/job.yaml"]
    assert "\u202e" not in job and "\\u202E" in job
    assert yaml.safe_load(job)["template"]["end_of_turn"] == "a\u202eb"


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    folder, outside = tmp_path / "out", tmp_path / "outside"
    write(folder, files(planned(tmp_path), "..", "case.recipe"))
    outside.mkdir()
    (outside / "kept").write_text("")
    (folder / "jobs").rename(tmp_path / "moved")
    (folder / "jobs").symlink_to(outside)
    with pytest.raises(FolderRefused, match="link"):
        write(folder, files(planned(tmp_path), "..", "case.recipe"))
    assert [p.name for p in outside.iterdir()] == ["kept"]


def test_a_folder_in_which_a_run_is_at_work_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write(folder, files(planned(tmp_path), "..", "case.recipe"))
    before = (folder / "jobs" / "sft" / "job.yaml").read_bytes()
    (folder / "out").mkdir()
    with (folder / "out" / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        other = files(planned(tmp_path, SMALL, "sft.batch=8seq"), "..", "case.recipe")
        with pytest.raises(FolderRefused, match=r"a run is at work in .*: wait for it or stop it, or name"):
            write(folder, other)
        said = {"pid": os.getpid(), "host": socket.gethostname(), "since": 1, "groups": []}
        gone = {"pid": 2**22 + 1, "groups": [2**22 + 2]}  # larger than the system gives
        for more, told in (
            (
                {},
                rf"at work in .* \(process {os.getpid()}\): wait for it or stop it \(kill {os.getpid()}\), or",
            ),
            ({"host": "elsewhere"}, rf"\(process {os.getpid()} on elsewhere\): wait for it or stop it, or"),
            (gone, r"a run was killed in .*, and jobs of it still work: .* \(kill -- -4194306\), or"),
        ):
            (folder / "out" / ".lock").write_text(json.dumps({**said, **more}))
            with pytest.raises(FolderRefused, match=told):
                write(folder, other)
    assert (folder / "jobs" / "sft" / "job.yaml").read_bytes() == before
    write(folder, files(planned(tmp_path, SMALL, "sft.batch=8seq"), "..", "case.recipe"))
    assert (folder / "jobs" / "sft" / "job.yaml").read_bytes() != before


def test_no_name_leaves_the_folder(tmp_path: Path) -> None:
    for name in ("../x", "/tmp/x", "jobs/../../x"):
        with pytest.raises(FolderRefused, match="leaves the folder"):
            write(tmp_path / "out", {name: "", "manifest.json": "{}"})
