"""Values of a training job that the recipe would refuse are refused when the job is read, with file and key."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from compiled import DPO, LORA, TRAIN, chat_rows, context_of, write_folder, write_rows
from compiling import SMALL, planned
from prepared import TOKENIZER

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.manifest import BrokenFolder, read_job
from smolc.runtime.train.assemble import rows_of

GOLDEN = sorted((Path(__file__).parent.parent / "golden").glob("*/manifest.json"))
EVERY = {"steps": None, "fraction": None}
REFUSED = [
    ("optimizer.lr", float("nan"), "optimizer.lr: is nan, but should be a finite number"),
    ("optimizer.lr", -1, "optimizer.lr: is -1, but should be greater than 0"),
    ("optimizer.clip", 0, "optimizer.clip: is 0, but should be greater than 0"),
    ("optimizer.type", "sgd", "optimizer: sgd reads no betas: leave it out"),
    ("optimizer", {"type": "adafactor", "lr": 1e-3, "weight_decay": 0, "clip": 1, "eps": 1e-8}, "no eps"),
    (
        "optimizer",
        {"type": "adamw", "lr": 1e-3, "weight_decay": 0, "clip": 1},
        "optimizer: adamw needs betas",
    ),
    ("schedule.decay", 0.2, "schedule: cosine reads no decay: write null"),
    ("schedule.type", "constant", "schedule: constant reads no floor: write 1.0"),
    ("schedule.floor", 2, "schedule.floor: is 2, but should be less than or equal to 1"),
    ("schedule.warmup", -1, "schedule.warmup: is -1, but"),
    ("loss.neftune", -3, "loss.neftune: is -3, but should be greater than 0"),
    ("loss", DPO | {"beta": 0}, "loss.beta: is 0, but should be greater than 0"),
    ("loss.nefftune", 3, "loss.nefftune: there is no such key"),
    ("adapter", LORA | {"rank": 0}, "adapter.rank: is 0, but should be greater than or equal to 1"),
    ("duration.epochs", 2, "duration: epochs and steps set, but exactly one of epochs, steps, tokens is"),
    ("duration.steps", None, "duration: none set, but exactly one of epochs, steps, tokens is"),
    (
        "save_every",
        EVERY | {"steps": 1, "fraction": 0.2},
        "save_every: steps and fraction set, but exactly one",
    ),
    ("evaluate_every", EVERY, "evaluate_every: none set, but exactly one of steps, fraction is"),
    ("log_every", 0, "log_every: is 0, but should be"),
    ("batch.micro", 0, "batch.micro: is 0, but should be"),
]


@pytest.mark.parametrize(("key", "value", "said"), REFUSED, ids=[f"{k}={v}"[:40] for k, v, _ in REFUSED])
def test_it_is_refused(key: str, value: Any, said: str, tmp_path: Path) -> None:
    job = deepcopy(TRAIN)
    at: Any = job
    *places, last = key.split(".")
    for place in places:
        at = at[place]
    at[last] = value
    write_folder(tmp_path, job)
    with pytest.raises(BrokenFolder) as caught:
        read_job(tmp_path, "sft")
    assert f"{tmp_path}/jobs/sft/job.yaml: cannot be run: " in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("optim", ["sgd(lr=0.1)", "adafactor", "adamw", "adamw_8bit"])
def test_what_an_optimizer_does_not_read_is_not_compiled(optim: str, tmp_path: Path) -> None:
    (job,) = (j for j in planned(tmp_path, SMALL, f"sft.optim={optim}").jobs if j.id == "sft")
    assert ("betas" in job.body["optimizer"]) is ("eps" in job.body["optimizer"]) is optim.startswith("adam")
    body = {
        "kind": job.kind,
        "id": job.id,
        "title": "",
        "stage": job.stage,
        "needs": list(job.needs),
        **job.body,
    }
    path = tmp_path / "jobs" / "sft" / "job.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(json.loads(json.dumps(body))))
    read_job(tmp_path, "sft")


MADE = {"method": "sft", "bound": 64, "packing": "none"}


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"packing": "best_fit"}, "packing: is none, but data made its rows with packing best_fit"),
        ({"bound": 32}, "length: is 64, but data made its rows with length 32"),
        ({"method": "cpt"}, "method: is sft, but data made its rows with method cpt"),
    ],
)
def test_rows_that_were_made_for_another_job_are_refused(
    made: dict[str, Any], said: str, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path, deepcopy(TRAIN))
    write_rows(folder, TOKENIZER, chat_rows(TOKENIZER, 8), [])
    (folder / "out/data/result.json").write_text(json.dumps(MADE))
    rows_of(context_of(folder, "sft"), context_of(folder, "sft").job)
    (folder / "out/data/result.json").write_text(json.dumps(MADE | made))
    with pytest.raises(JobError) as caught:
        rows_of(context_of(folder, "sft"), context_of(folder, "sft").job)
    assert said in caught.value.message


@pytest.mark.parametrize("manifest", GOLDEN, ids=lambda path: path.parent.name)
def test_what_is_compiled_agrees(manifest: Path) -> None:
    for entry in json.loads(manifest.read_text())["jobs"]:
        job = read_job(manifest.parent, entry["id"])
        if entry["kind"] == "train":
            made = read_job(manifest.parent, job.data)
            length = made.length if isinstance(made.length, int) else made.length.at_most
            assert (job.method, job.length, job.packing) == (made.method, length, made.packing)
