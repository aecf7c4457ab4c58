"""`smolc plan`: what it says of recipes, and of folders in every state."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from plan_project import ROWS, SMALL, Project, run

from smolc.runtime.jobs.done import done_jobs
from smolc.runtime.jobs.manifest import read_manifest


def test_nothing_was_built(project: Project) -> None:
    text = project.plan()
    assert text.startswith("Plan: 8 of 8 jobs to run (8 new), 0 done.\n")
    marked = [line[0] for line in text.splitlines() if line[:2] in ("+ ", "~ ", "= ")]
    assert marked == ["+"] * 8
    assert not project.built.exists()
    assert "\x1b" not in text


def test_all_is_done(project: Project) -> None:
    plan = project.build()
    project.finish(plan)
    assert project.plan().startswith("Plan: nothing to run, all 8 jobs are done.\n")
    assert set(project.states().values()) == {"done"}


def test_says_what_the_runtime_decides(project: Project) -> None:
    """Whatever was finished, and whatever changed since, both say the same is done."""
    plan = project.build()
    cases = [
        (),
        ("base",),
        ("base", "sft-data"),
        ("base", "contamination", "sft-data", "sft"),
        tuple(j.id for j in plan.jobs),
    ]
    for ids in cases:
        project.finish(plan, *ids) if ids else None
        done = done_jobs(project.built, read_manifest(project.built))
        assert {id for id, state in project.states().items() if state == "done"} == set(done)
    (project.place / "pairs.jsonl").write_text(ROWS * 2)
    done = done_jobs(project.built, read_manifest(project.built))
    assert (
        {id for id, state in project.states().items() if state == "done"}
        == set(done)
        == {"base", "contamination", "sft-data", "sft"}
    )


def test_a_changed_value_is_named(project: Project) -> None:
    project.finish(project.build())
    project.write(SMALL.replace("batch = 32seq", "batch = 64seq"))
    text = project.plan()
    assert text.startswith("Plan: 4 of 8 jobs to run (4 again), 4 done.\n")
    assert "batch.global_sequences  32 -> 64" in text
    states = project.states()
    assert states["sft"] == states["dpo"] == states["final"] == "changed"
    assert states["base"] == states["sft-data"] == states["dpo-data"] == "done"
    dpo = next(job for job in project.json()["jobs"] if job["id"] == "dpo")
    assert dpo["why"] == ["sft runs first"]


def test_a_changed_template_is_named(project: Project) -> None:
    project.finish(project.build())
    project.write(SMALL.replace("builtin = chatml", "builtin = smollm2"))
    job = next(job for job in project.json()["jobs"] if job["id"] == "sft-data")
    assert job["state"] == "changed"
    assert "the text of templates/chat.jinja changed" in job["why"]


def test_a_changed_data_file_is_named(project: Project) -> None:
    project.finish(project.build())
    (project.place / "chats.jsonl").write_text(ROWS.replace("[]", "{}"))
    assert "because chats.jsonl changed" in project.plan()


def test_an_earlier_job_that_ran_again(project: Project) -> None:
    plan = project.build()
    project.finish(plan)
    done = json.loads((project.built / "out/base/done.json").read_text())
    project.out("base", "done.json", {**done, "inputs": {}, "needs": {}, "hash": plan.jobs[0].hash})
    assert set(project.states().values()) == {"done"}
    made = next(one for one in plan.jobs if one.id == "sft-data")
    project.out("sft-data", "done.json", {"hash": made.hash, "inputs": {}, "needs": {"base": "other"}})
    job = next(job for job in project.json()["jobs"] if job["id"] == "sft-data")
    assert job["why"] == ["base ran again since"]


def test_built_anew_and_not_run(project: Project) -> None:
    project.finish(project.build())
    project.write(SMALL.replace("batch = 32seq", "batch = 64seq"))
    project.build()
    job = next(job for job in project.json()["jobs"] if job["id"] == "sft")
    assert (job["state"], job["why"]) == ("changed", ["it was built anew and not run since"])


def test_a_failure_is_named(project: Project) -> None:
    plan = project.build()
    project.finish(plan, "base")
    project.out("sft-data", "failed.json", {"exit_code": 1, "hash": plan.jobs[1].hash})
    assert "failed: runs again, because it failed with exit code 1 when it last ran" in project.plan()
    project.out("sft-data", "failed.json", {"exit_code": 137, "hash": "other"})
    assert "exit code 137 when it last ran, and has changed since" in project.plan()


def test_how_far_an_interrupted_training_came(project: Project) -> None:
    project.finish(project.build(), "base", "sft-data")
    for name in ("checkpoint-8", "checkpoint-12", "checkpoint-x", "other"):
        (project.built / "out/sft/checkpoints" / name).mkdir(parents=True)
    assert "it was begun before, and its newest checkpoint is checkpoint-12" in project.plan()
    assert project.states()["sft"] == "new"


BROKEN = {
    "cut": ('{"hash": "abc", "inp', "is cut short"),
    "empty": ("", "is cut short"),
    "not JSON": ("hello }", "is not JSON"),
    "a list": ("[1]", "is not a JSON object"),
    "nested": ("[" * 100_000 + "}", "is not JSON"),
    "no hash": ("{}", "changed"),
    "not text": ("{\udcff}", "is not JSON"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_done(case: str, project: Project) -> None:
    content, said = BROKEN[case]
    plan = project.build()
    project.finish(plan)
    (project.built / "out/base/done.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    text = project.plan()
    assert said in text
    assert project.states()["base"] == "changed"


def test_done_that_is_a_folder_or_a_pipe(project: Project) -> None:
    project.finish(project.build())
    done = project.built / "out/base/done.json"
    done.unlink()
    done.mkdir()
    assert "its done.json" in project.plan()
    done.rmdir()
    os.mkfifo(done)
    assert "its done.json is not a regular file" in project.plan()


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"jobs": 3}', '{"jobs": [1, {"id": []}]}', '{"hash": 3}']
)
def test_a_broken_manifest(content: str, project: Project) -> None:
    project.finish(project.build())
    (project.built / "manifest.json").write_text(content)
    assert set(project.states().values()) == {"done"}
    project.write(SMALL.replace("batch = 32seq", "batch = 64seq"))
    assert project.states()["sft"] == "changed"


@pytest.mark.parametrize(
    "content", ["", "- 1", "a: [", "a: &x [*x]", "kind: train\nbatch: 3\noptimizer: [1]"]
)
def test_a_broken_job_file(content: str, project: Project) -> None:
    project.finish(project.build())
    (project.built / "jobs/sft/job.yaml").write_text(content)
    project.write(SMALL.replace("batch = 32seq", "batch = 64seq"))
    assert project.states()["sft"] == "changed"
    project.plan()


def test_aliases_do_not_explode(project: Project) -> None:
    """Nine levels of nine are more values than there is memory for."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    project.finish(project.build())
    (project.built / "jobs/sft/job.yaml").write_text("\n".join([*lines, "batch: *a11", "schedule: *a11"]))
    project.write(SMALL.replace("batch = 32seq", "batch = 64seq"))
    assert project.states()["sft"] == "changed"


def test_what_is_gone_is_named(project: Project) -> None:
    project.finish(project.build())
    project.out("old-stage", "done.json", {})
    assert "not in the recipe any more, and left as it is under out/: old-stage" in project.plan()
    assert project.json()["gone"] == ["old-stage"]


def test_names_on_disk_do_not_drive_the_terminal(project: Project) -> None:
    project.finish(project.build())
    project.out("\x1b[31mred", "done.json", {})
    project.out("base", "done.json", {"hash": "x\x1b[0m", "inputs": {}, "needs": {}})
    assert "\x1b" not in project.plan()


def test_steps_come_from_the_prepared_data(project: Project) -> None:
    assert "1 epoch; the steps are known once the data is prepared" in project.plan()
    plan = project.build()
    project.finish(plan)
    project.out("sft-data", "stats.json", {"rows": 100, "bins": 100, "tokens": 5000})
    text = project.plan()
    assert "steps     4, about 6,400 tokens, 1.28 passes over the data" in text
    assert "100 examples, 5,000 tokens" in text
    training = next(job for job in project.json()["jobs"] if job["id"] == "sft")["training"]
    assert training["steps"] == {"value": 4, "sure": "exact", "basis": None}
    counted = training["prepared"]
    assert (counted["rows"], counted["bins"], counted["tokens"]) == (100, 100, 5000)
    assert counted["lengths"] is None and counted["fill"] is None and counted["sources"] == []


def test_old_statistics_do_not_count(project: Project) -> None:
    plan = project.build()
    project.finish(plan)
    project.out("sft-data", "stats.json", {"rows": 100, "bins": 100, "tokens": 5000})
    (project.place / "chats.jsonl").write_text(ROWS * 3)
    assert "100 examples" not in project.plan()


@pytest.mark.parametrize(
    "stats", [{}, {"rows": 0, "bins": 0, "tokens": 0}, {"rows": "1", "bins": 1, "tokens": 1}, [], "{"]
)
def test_statistics_that_make_no_sense(stats: Any, project: Project) -> None:
    project.finish(project.build())
    project.out("sft-data", "stats.json", stats)
    assert "the steps are known once the data is prepared" in project.plan()


LENGTHS = {
    "steps": ("length = 240step", "", "steps     240"),
    "tokens packed": (
        "length = 1Mtok; packing = best_fit(length = 1Ki)",
        "",
        "at least 31, 1,000,000 tokens",
    ),
    "packed steps": (
        "length = 10step; packing = best_fit(length = 1Ki)",
        "",
        "steps     10, about 327,680 tokens",
    ),
    "budget": (
        "length = 2epoch; packing = best_fit(length = 1Ki)",
        "budget = 1Mtok",
        "about 62 (by the mixture's budget of 1,000,000 tokens",
    ),
    "fitted length": (
        "length = 1Mtok; packing = best_fit(length = fit(99%, at_most = 1Ki)); overlong = drop",
        "",
        "up to 32,768 tokens a step",
    ),
    "steps of a fitted length": (
        "length = 10step; packing = best_fit(length = fit(99%, at_most = 1Ki)); overlong = drop",
        "",
        "steps     10\n",
    ),
    "budget at a fitted length": (
        "length = 2epoch; packing = best_fit(length = fit(99%, at_most = 1Ki)); overlong = drop",
        "budget = 1Mtok",
        "at least 62 (by the mixture's budget of 1,000,000 tokens",
    ),
    "taken rows": ("length = 2epoch", "TAKE", "about 57 (by the 900 rows that the mixture takes"),
}


@pytest.mark.parametrize("case", LENGTHS)
def test_steps_that_the_recipe_says(case: str, project: Project) -> None:
    stage, mixture, said = LENGTHS[case]
    text = SMALL.replace("batch = 32seq", f"batch = 32seq; {stage}")
    if mixture == "TAKE":
        text = text.replace("chats = all", "chats = take(1000seq)")
    elif mixture:
        text = text.replace("chats = all", f"chats = all; {mixture}")
    project.write(text)
    assert said in project.plan()


def test_the_batch_is_taken_apart(project: Project) -> None:
    text = project.plan("--on", "2x4xh100", "--set", "sft.micro_batch=2")
    assert "case" not in text.splitlines()[2]
    assert "small on 2x4xh100 (2 nodes x 4 GPUs)" in text
    assert "32 sequences a step = 2 micro x 2 accumulated x 8 devices; up to 131,072 tokens a step" in text
    assert "32 pairs a step" in text
    batch = next(job for job in project.json("--on", "2x4xh100")["jobs"] if job["id"] == "sft")["training"][
        "batch"
    ]
    assert batch["micro"] * batch["accumulation"] * batch["data_parallel"] == batch["global_sequences"] == 32


def test_a_grid(project: Project) -> None:
    sweep = "sweep { optim.lr = [1e-5, 3e-5]; batch = [32seq, 64seq]; pick = min(eval_loss) }"
    project.write(SMALL.replace("batch = 32seq", f"batch = 32seq\n  {sweep}"))
    text = project.plan()
    assert "grid      4 runs, best by min(eval_loss): optim.lr = 1e-5, 3e-5; batch = 32seq, 64seq" in text
    assert "1e-5, 64seq: 64 sequences a step" in text
    view = project.json()
    assert view["stages"][0]["grid"] == {"optim.lr": ["1e-5", "3e-5"], "batch": ["32seq", "64seq"]}
    assert len(view["stages"][0]["runs"]) == 4


def test_json_has_everything(project: Project) -> None:
    project.finish(project.build(), "base")
    view = project.json()
    assert view["summary"] == {"jobs": 8, "new": 7, "again": 0, "perhaps": 0, "done": 1}
    assert view["jobs"][0]["id"] == "base"
    assert all(len(job["hash"]) == 64 for job in view["jobs"])
    assert view["built"] == view["hash"]


def test_errors_end_with_1(tmp_path: Path) -> None:
    project = Project(tmp_path, SMALL.replace("data = talk", "data = tlk"))
    done = run(str(project.place / "case.recipe"))
    assert done.exit_code == 1
    assert "did you mean `talk`?" in done.stderr
    assert done.stdout == ""
    assert run(str(project.place / "case.recipe"), "--json").stdout == ""


def test_unreadable_ends_with_2(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.recipe"):
        done = run(str(path))
        assert (done.exit_code, done.stdout) == (2, "")
