"""Another value for a key of a training job is another trainer, or is refused: none is read and then forgotten.

Either the trainer's arguments differ, or the trainer that was built for the old value does not pass the comparison before
the first step. That each key is read at all is `tests/house/test_every_key_is_read.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from accelerate.state import AcceleratorState, PartialState
from compiled import TRAIN
from prepared import JOBS, prepared

from smolc.runtime.jobs.base import Strict
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train.assemble import METHODS
from smolc.runtime.train.faithful.check import table
from smolc.runtime.train.faithful.launch import check_batch
from smolc.runtime.train.faithful.seen import Seen
from smolc.runtime.train.settings import trainer_settings
from smolc.runtime.train.steps import length_of, row_order

ELSEWHERE = {
    "id": "the folder that is written to",
    "title": "for people",
    "stage": "for people",
    "needs": "the order of jobs, which the manifest has, too",
    "init": "the folder that is read",
    "data": "the folder that is read",
    "method": "which trainer it is: assemble.METHODS; cpt and sft differ in their rows alone",
    "loss.reference": "the folder that is read",
    "attention": "refused where it cannot be had: test_train_attention.py",
    "keep": "test_train_bad_luck.py: how many checkpoints stay",
    "diverged": "test_train_diverged.py",
    "part.before": "rungs.py",
    "part.verdict": "rungs.py",
    "part.until": "rungs.py",
    "probe.micro": "test_train_probe.py",
    "probe.checkpointing": "test_train_probe.py",
}
EVERY = {"steps": 3, "fraction": None}
ZERO = {"type": "zero", "stage": 2, "offload": "none"}
FSDP2 = {"type": "fsdp2", "reshard": True}
# Which job of `prepared.py`, if not `sft`, and another value. A dict is one of several forms of the key.
CHANGES: dict[str, tuple[str, Any]] = {
    "seed": ("sft", 4),
    "device": ("sft", "cuda"),
    "loss.neftune": ("sft", 5.0),
    "loss.dft": ("sft", True),
    "loss.loss": ("dpo", ["ipo", "sft"]),
    "loss.weights": ("dpo", [1.0, 1.0]),
    "loss.beta": ("dpo", 0.5),
    "loss.label_smoothing": ("dpo", 0.1),
    "loss.ld_alpha": ("dpo_options", 0.4),
    "loss.divergence": ("dpo", "js"),
    "loss.divergence_alpha": ("dpo_options", 0.4),
    "loss.wpo": ("dpo", True),
    "loss.discopop_tau": ("dpo_options", 0.2),
    "loss.alpha": ("cpo", 0.5),
    "loss.gamma": ("simpo", 0.5),
    "loss.desirable_weight": ("kto", 1.0),
    "loss.undesirable_weight": ("kto", 2.0),
    "adapter.type": ("lora", "qlora"),
    "adapter.rank": ("lora", 8),
    "adapter.alpha": ("lora", 4.0),
    "adapter.dropout": ("lora", 0.0),
    "adapter.targets": ("lora", ["q_proj"]),
    "adapter.scaling": ("lora", "rank"),
    "adapter.dora": ("lora", True),
    "length": ("sft", 8),
    "packing": ("sft", "best_fit"),
    "batch.global_sequences": ("sft", 8),
    "batch.micro": ("sft", 4),
    "batch.accumulation": ("sft", 4),
    "batch.data_parallel": ("sft", 2),
    "duration.epochs": ("sft", 2.0),
    "duration.steps": ("sft", 7),
    "duration.tokens": ("sft", 9000),
    "optimizer.type": ("sft", {"type": "sgd", "lr": 3e-3, "weight_decay": 0.01, "clip": 1.0}),
    "optimizer.lr": ("sft", 1e-4),
    "optimizer.betas": ("sft", [0.9, 0.99]),
    "optimizer.eps": ("sft", 1e-6),
    "optimizer.weight_decay": ("sft", 0.1),
    "optimizer.clip": ("sft", 0.5),
    "schedule.type": ("sft", "linear"),
    "schedule.warmup": ("sft", 1),
    "schedule.floor": ("sft", 0.0),
    "schedule.decay": ("sft", 0.3),
    "precision": ("sft", "bf16"),
    "parallel.reshard": ("sft", FSDP2 | {"reshard": False}),
    "parallel.context": ("sft", FSDP2 | {"context": 2}),
    "parallel.replicate": ("sft", FSDP2 | {"replicate": 2}),
    "parallel.offload": ("sft", ZERO | {"offload": "optimizer"}),
    "parallel.stage": ("sft", ZERO),
    "parallel.sequence": ("sft", ZERO | {"sequence": 2}),
    "kernels": ("sft", "liger"),
    "checkpointing": ("sft", 1.0),
    "log_every": ("sft", 2),
    "evaluate_every.steps": ("sft", EVERY),
    "evaluate_every.fraction": ("sft", {"steps": None, "fraction": 0.5}),
    "save_every.steps": ("sft", EVERY),
    "save_every.fraction": ("sft", {"steps": None, "fraction": 0.5}),
    "trust_remote_code": ("sft", True),
}


def strict_types(annotation: Any) -> list[type[Strict]]:
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return [annotation]
    return [kind for part in get_args(annotation) for kind in strict_types(part)]


def keys(kind: type[Strict] = TrainJob, before: str = "") -> Iterator[str]:
    for name, field in kind.model_fields.items():
        inner = strict_types(field.annotation)
        for each in inner:
            yield from keys(each, f"{before}{name}.")
        if not inner and not (
            get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1
        ):
            yield before + name


def test_every_key_has_another_value() -> None:
    """A new key of the job has to be added here, or to be excused."""
    assert set(keys()) == CHANGES.keys() | ELSEWHERE.keys()
    assert not CHANGES.keys() & ELSEWHERE.keys()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Seen]:
    return cache(lambda name: prepared(tmp_path_factory.mktemp(name), name))


def arguments(job: TrainJob) -> dict[str, Any]:
    """Of the trainer, with the order in which it sees rows. Raises JobError.

    Making them would take the state away from a trainer that is there.
    """
    states = [(kind, dict(kind._shared_state)) for kind in (AcceleratorState, PartialState)]
    try:
        return made_of(job)
    finally:
        for kind, state in states:
            kind._shared_state.clear()
            kind._shared_state.update(state)


def made_of(job: TrainJob) -> dict[str, Any]:
    length = length_of(job.duration, 40, 1200, job.batch.global_sequences)
    settings = trainer_settings(job, length, Path("c"), on_cuda=False, liger=False, validation=True)
    method = import_module(f"smolc.runtime.train.{METHODS[job.method]}")
    made = method.arguments(job, settings).to_dict()
    return {**made, "order": row_order(length, job.seed).tolist()}


@pytest.mark.parametrize("key", CHANGES)
def test_another_value_is_another_trainer_or_refused(built: Callable[[str], Seen], key: str) -> None:
    name, value = CHANGES[key]
    seen = built(name)
    before = seen.job
    said = TRAIN | JOBS[name]
    first, _, second = key.partition(".")
    if not second or isinstance(value, dict):
        said = said | {first: value}
    elif first == "duration":
        said = said | {first: dict.fromkeys(said[first]) | {second: value}}
    elif key == "schedule.decay":
        said = said | {first: {"type": "wsd", "warmup": 2, "floor": 0.1, "decay": value}}
    else:
        said = said | {first: said[first] | {second: value}}
    job = TrainJob.model_validate(said)
    assert job != before
    try:
        check_batch(job, 1)
        if arguments(job) != arguments(before):
            return
    except (JobError, ValueError):
        return
    changed = replace(seen, asked=replace(seen.asked, job=job))
    differing = [row.what for row in table(changed) if not row.same]
    assert differing, f"{key} = {value!r} changes nothing"
