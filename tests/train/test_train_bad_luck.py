"""What goes wrong around a run: damaged checkpoints, a job that changed, a full disk. Without training."""

import json
import re
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from compiled import KTO, TRAIN, context_of, finished, write_folder
from compiling import SMALL, planned
from safetensors.torch import save_file
from transformers import MixtralConfig

from smolc.compiler.render import files, write
from smolc.runtime.jobs.disk import DiskError
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.train import resume, seal


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """Two whole checkpoints of the job as it is in `folder(tmp_path)`."""
    where = tmp_path / "out/sft/checkpoints"
    where.mkdir(parents=True)
    resume.prepare(where, origin(tmp_path), "sft")
    for step in (10, 20):
        folder = where / f"checkpoint-{step}"
        folder.mkdir()
        tensors = {"w": torch.arange(3000.0) + step}
        save_file(tensors, folder / "model.safetensors")
        torch.save(tensors, folder / "optimizer.pt")
        for name in ("scheduler.pt", "rng_state.pth"):
            torch.save({"step": step}, folder / name)
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
        seal.seal(folder)
    return where


def origin(folder: Path, **said: object) -> resume.Origin:
    write_folder(folder, TRAIN | said)
    return resume.made_from(context_of(folder, "sft"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def flip_header(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[1] ^= 1
    path.write_bytes(data)


def garbage(path: Path) -> None:
    path.write_bytes(b"\xff" * path.stat().st_size)


DAMAGES = [
    ("model.safetensors", cut, r"model.safetensors has \d+ bytes instead of \d+"),
    ("model.safetensors", flip, "model.safetensors is not what was written"),
    ("optimizer.pt", cut, r"optimizer.pt has \d+ bytes instead of \d+"),
    ("optimizer.pt", empty, "optimizer.pt has 0 bytes"),
    ("optimizer.pt", Path.unlink, "optimizer.pt is missing"),
    ("scheduler.pt", Path.unlink, "scheduler.pt is missing"),
    ("rng_state.pth", Path.unlink, "rng_state.pth is missing"),
    ("rng_state.pth", flip, "rng_state.pth is not what was written"),
    ("trainer_state.json", empty, "trainer_state.json has 0 bytes"),
    ("complete", empty, "complete cannot be read"),
    ("complete", garbage, "complete cannot be read"),
]


@pytest.mark.parametrize(("name", "damage", "why"), DAMAGES)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    checkpoints: Path,
    tmp_path: Path,
    name: str,
    damage: Callable[[Path], None],
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(checkpoints / "checkpoint-20" / name)
    newest = resume.prepare(checkpoints, origin(tmp_path), "sft")
    assert newest == checkpoints / "checkpoint-10"
    said = capsys.readouterr().out
    assert "checkpoint-20 is damaged and not used: " in said
    assert re.search(why, said)
    assert not (checkpoints / "checkpoint-20").exists()


@pytest.mark.parametrize(
    ("name", "damage"),
    [("optimizer.pt", flip), ("optimizer.pt", garbage), ("model.safetensors", flip_header)],
)
def test_large_files_are_looked_through_without_a_hash(
    checkpoints: Path,
    tmp_path: Path,
    name: str,
    damage: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seal, "SMALL", 1000)
    seal.seal(checkpoints / "checkpoint-20")
    assert resume.prepare(checkpoints, origin(tmp_path), "sft") == checkpoints / "checkpoint-20"
    damage(checkpoints / "checkpoint-20" / name)
    assert resume.prepare(checkpoints, origin(tmp_path), "sft") == checkpoints / "checkpoint-10"


def test_none_left_starts_afresh_and_says_so(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in checkpoints.glob("checkpoint-*"):
        empty(path / "optimizer.pt")
    assert resume.prepare(checkpoints, origin(tmp_path), "sft") is None
    assert "no whole checkpoint is left: starting at the first step" in capsys.readouterr().out
    assert [path.name for path in checkpoints.iterdir()] == [resume.MARKER]


def test_what_was_never_finished_is_not_used(checkpoints: Path, tmp_path: Path) -> None:
    shutil.copytree(checkpoints / "checkpoint-20", checkpoints / "checkpoint-30")
    (checkpoints / "checkpoint-30/complete").unlink()
    assert resume.prepare(checkpoints, origin(tmp_path), "sft") == checkpoints / "checkpoint-20"
    assert not (checkpoints / "checkpoint-30").exists()


def test_the_older_are_removed_once_there_is_a_newer(checkpoints: Path) -> None:
    half = checkpoints / "checkpoint-30"
    half.mkdir()
    resume.keep_newest(checkpoints, 1)
    assert {path.name for path in checkpoints.glob("checkpoint-*")} == {"checkpoint-20", "checkpoint-30"}


CHANGES = [
    ({"optimizer": TRAIN["optimizer"] | {"lr": 6e-3}}, ["optimizer.lr: 0.003 -> 0.006"]),
    ({"seed": 4, "precision": "bf16"}, ['precision: "fp32" -> "bf16"', "seed: 3 -> 4"]),
    (
        {
            "adapter": {
                "type": "lora",
                "rank": 4,
                "alpha": 8,
                "dropout": 0,
                "targets": "all_linear",
                "scaling": "rank",
                "dora": False,
            }
        },
        ['adapter.type: "full" -> "lora"', "adapter.rank: nothing -> 4"],
    ),
    (
        {"optimizer": TRAIN["optimizer"] | {"betas": [0.9, 0.99]}},
        ["optimizer.betas: [0.9, 0.95] -> [0.9, 0.99]"],
    ),
]


@pytest.mark.parametrize(("said", "shown"), CHANGES)
def test_a_changed_job_is_refused_with_the_difference(
    checkpoints: Path, tmp_path: Path, said: dict[str, object], shown: list[str]
) -> None:
    with pytest.raises(JobError) as caught:
        resume.prepare(checkpoints, origin(tmp_path, **said), "sft")
    assert "up to step 20" in caught.value.message
    for line in shown:
        assert f"\n  {line}" in caught.value.message
    assert "--fresh sft" in str(caught.value.help)
    assert (checkpoints / "checkpoint-20/optimizer.pt").is_file(), "nothing is deleted"
    # The values as they were go on.
    assert resume.prepare(checkpoints, origin(tmp_path), "sft") == checkpoints / "checkpoint-20"


def test_other_data_is_a_difference(checkpoints: Path, tmp_path: Path) -> None:
    now = origin(tmp_path)
    finished(tmp_path, "data")
    with pytest.raises(JobError, match="data: made again since, from other things"):
        resume.prepare(checkpoints, resume.made_from(context_of(tmp_path, "sft")), "sft")
    assert now.needs["data"] == ""


@pytest.mark.parametrize(
    "said", [{"keep": 5}, {"log_every": 7}, {"save_every": {"steps": 2, "fraction": None}}]
)
def test_what_is_not_computed_with_may_change(
    checkpoints: Path, tmp_path: Path, said: dict[str, object]
) -> None:
    assert resume.prepare(checkpoints, origin(tmp_path, **said), "sft") == checkpoints / "checkpoint-20"


HALVED = {"batch": TRAIN["batch"] | {"micro": 1, "accumulation": 4}}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, ""),
        (HALVED, " with batch.micro: 2 -> 1"),
        ({"checkpointing": True}, " with checkpointing: 0.0 -> 1.0"),
        ({"kernels": "none"}, ' with kernels: "auto" -> "none"'),
        ({"attention": "sdpa"}, ' with attention: "auto" -> "sdpa"'),
        ({"probe": {"micro": True, "checkpointing": False}}, " with probe.micro: false -> true"),
    ],
)
def test_how_a_step_is_computed_may_change_and_is_told(
    checkpoints: Path, tmp_path: Path, said: dict[str, object], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each time against the run before."""
    for line in (f"continuing from checkpoint-20{told}\n", "continuing from checkpoint-20\n"):
        assert resume.prepare(checkpoints, origin(tmp_path, **said), "sft") == checkpoints / "checkpoint-20"
        assert capsys.readouterr().out == line


@pytest.mark.parametrize(
    "said",
    [
        {"batch": TRAIN["batch"] | {"micro": 1, "data_parallel": 2}},
        {"batch": TRAIN["batch"] | {"global_sequences": 8, "accumulation": 4}},
        {"precision": "bf16"},
        {"parallel": {"type": "fsdp2", "reshard": True}},
    ],
)
def test_where_and_in_what_a_step_is_computed_may_not(
    checkpoints: Path, tmp_path: Path, said: dict[str, object]
) -> None:
    with pytest.raises(JobError, match="of an unfinished run that was another"):
        resume.prepare(checkpoints, origin(tmp_path, **said), "sft")


def dpo(*losses: str) -> dict[str, object]:
    weights = {"loss": losses, "weights": [1.0] * len(losses), "label_smoothing": 0.0}
    return {"method": "dpo", "loss": {"type": "dpo", "beta": 0.1, "reference": "base"} | weights}


@pytest.mark.parametrize(
    ("job", "why"),
    [
        ({"method": "kto", "loss": KTO}, "kto compares with a mean over the rows of a micro batch"),
        ({"method": "kto", "loss": KTO | {"loss": "apo_zero_unpaired"}}, None),
        (dpo("sigmoid", "aot"), "aot sort the pairs of a micro batch"),
        ({"method": "orpo", "loss": {"type": "orpo", "beta": 0.1}}, None),
        (dpo("sigmoid", "sft"), None),
        (dpo("ipo", "apo_zero"), None),
    ],
)
def test_losses_over_micro_batches_go_on_as_they_were_divided(
    tmp_path: Path, job: dict[str, object], why: str | None
) -> None:
    now = origin(tmp_path, **job, **HALVED)
    then = origin(tmp_path, **job).job
    both = ["batch.accumulation: 2 -> 4", "batch.micro: 2 -> 1"]
    said = now.differences(then, now.needs)
    assert said == [] if why is None else said[:2] == both and why in said[2]
    assert now.otherwise(then) == (both[1:] if why is None else [])
    recomputed = origin(tmp_path, **job, checkpointing=True)
    assert recomputed.differences(then, now.needs) == []


@pytest.mark.parametrize("why", ["finished", "diverged"])
@pytest.mark.parametrize("said", [{"seed": 4}, HALVED])
def test_a_run_that_came_to_its_end_does_not_stand_in_the_way(
    checkpoints: Path, tmp_path: Path, why: str, said: dict[str, object]
) -> None:
    resume.over(checkpoints, why)
    assert resume.prepare(checkpoints, origin(tmp_path, **said), "sft") is None
    assert not list(checkpoints.glob("checkpoint-*"))


def test_experts_are_balanced_within_a_micro_batch(tmp_path: Path) -> None:
    write_folder(tmp_path, TRAIN | HALVED)
    context = context_of(tmp_path, "sft")
    then = origin(tmp_path).job
    for routed in (False, True):
        config = MixtralConfig(output_router_logits=routed)
        now = resume.made_from(context, context.job, config)
        assert bool(now.differences(then, now.needs)) is routed


def test_a_build_leaves_the_checkpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "build"

    def built(*said: str) -> resume.Origin:
        write(folder, files(planned(tmp_path, SMALL, *said), "..", "case.recipe"))
        return resume.made_from(context_of(folder, "sft"))

    checkpoints = folder / "out/sft/checkpoints"
    half = checkpoints / "checkpoint-5"
    origin = built("stage.sft.micro_batch=8")
    half.mkdir(parents=True)
    resume.mark(checkpoints, origin)
    for name in ("trainer_state.json", "rng_state.pth"):
        (half / name).write_text("{}")
    seal.seal(half)
    then = built("stage.sft.micro_batch=4", "stage.sft.checkpointing=true")
    assert resume.prepare(checkpoints, then, "sft") == half
    out = capsys.readouterr().out
    assert out == "continuing from checkpoint-5 with batch.micro: 8 -> 4, checkpointing: 0.0 -> 1.0\n"


@pytest.mark.parametrize("content", ["", "[]", '{"job": 3}', '{"job": {"seed": {"a": 1}}, "needs": []}'])
def test_a_broken_marker_refuses_and_deletes_nothing(checkpoints: Path, tmp_path: Path, content: str) -> None:
    (checkpoints / resume.MARKER).write_text(content)
    with pytest.raises(JobError, match="of an unfinished run"):
        resume.prepare(checkpoints, origin(tmp_path), "sft")
    assert (checkpoints / "checkpoint-20/optimizer.pt").is_file()


@pytest.fixture
def files_of_40_kib() -> Iterator[None]:
    """What a full disk is to a program: writing fails in the middle."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40 << 10, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("way", ["torch", "safetensors", "plain"])
@pytest.mark.usefixtures("files_of_40_kib")
def test_what_cannot_be_written_is_said_and_the_older_checkpoint_stays(checkpoints: Path, way: str) -> None:
    new = checkpoints / "checkpoint-30"
    new.mkdir()
    big = torch.zeros(100_000)
    with (
        pytest.raises(DiskError, match="larger than a file may be") as caught,
        resume.disk_told(checkpoints.parent, "sft"),
    ):
        if way == "torch":
            torch.save(big, new / "optimizer.pt")
        elif way == "safetensors":
            save_file({"w": big}, new / "model.safetensors")
        else:
            (new / "config.json").write_bytes(bytes(100_000))
    assert "sft goes on from checkpoint-20" in str(caught.value.help)
    assert not new.exists() and (checkpoints / "checkpoint-20/complete").is_file()
