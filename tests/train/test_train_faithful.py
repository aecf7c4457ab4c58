"""What is compared before the first step: each fact of a trainer that was really built, and each of them bent."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from compiled import LORA, TRAIN
from prepared import JOBS, prepared
from transformers import get_scheduler

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import Schedule, TrainJob
from smolc.runtime.train.faithful.check import table
from smolc.runtime.train.faithful.launch import check_batch
from smolc.runtime.train.faithful.optimizer import planned_rate
from smolc.runtime.train.faithful.seen import Seen
from smolc.runtime.train.faithful.table import Row, demand
from smolc.runtime.train.steps import scheduler_settings


def job(**said: Any) -> TrainJob:
    return TrainJob.model_validate(TRAIN | said)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Seen]:
    """A job's trainer as it stands before its first step."""
    return cache(lambda name: prepared(tmp_path_factory.mktemp(name), name))


def rows_of(seen: Seen) -> dict[str, Row]:
    rows = {row.what: row for row in table(seen)}
    assert len(rows) == len(table(seen))
    return rows


@pytest.mark.parametrize("name", JOBS)
def test_what_is_built_is_what_was_asked_for(built: Callable[[str], Seen], name: str) -> None:
    demand(rows_of(built(name)).values())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sft", {"trained weights held in": "fp32", "computed in": "fp32", "layers checkpointed": "0 of 2"}),
        ("bf16", {"updated in (masters)": "fp32", "computed in": "bf16", "layers checkpointed": "2 of 2"}),
        ("pure", {"trained weights held in": "bf16", "updated in (masters)": "bf16", "computed in": "bf16"}),
        ("packed", {"rows": "packed", "loss": "cross entropy", "attention": "sdpa"}),
        ("lora", {"adapter": "rank 4, scale 4, dropout 0.1", "adapted": "q_proj, v_proj"}),
        ("dpo", {"loss": "sigmoid + 0.5 sft", "reference": "log-probabilities kept, no model"}),
        (
            "dpo_options",
            {
                "loss": "discopop",
                "weight beyond the shorter answer": "0.5",
                "pairs weighed (WPO)": "True",
                "divergence": "alpha_divergence, alpha 0.3",
                "tau": "0.1",
                "reference": "log-probabilities kept, no model",
            },
        ),
        ("kto", {"weights": "1.5 desirable + undesirable", "rows": "one sequence each"}),
        ("orpo", {"loss": "orpo", "beta": "0.2"}),
        ("cpo", {"loss": "cpo, sigmoid", "beta": "0.2", "weight of cross entropy": "0.7"}),
        ("simpo", {"loss": "simpo", "target margin": "1", "weight of cross entropy": "0"}),
    ],
)
def test_it_says_what_is_there(built: Callable[[str], Seen], name: str, expected: dict[str, str]) -> None:
    rows = rows_of(built(name))
    assert {what: rows[what].built for what in expected} == expected


Patch = pytest.MonkeyPatch
Bend = Callable[[Seen, Patch], Seen | None]


def group(key: str, value: Any) -> Bend:
    return lambda seen, patch: patch.setitem(seen.optimizer.param_groups[0], key, value)


def argument(key: str, value: Any) -> Bend:
    return lambda seen, patch: patch.setattr(seen.trainer.args, key, value)


def of_trainer(key: str, value: Any) -> Bend:
    return lambda seen, patch: patch.setattr(seen.trainer, key, value)


def first_weight(key: str, value: Callable[[Any], Any]) -> Bend:
    def bend(seen: Seen, patch: Patch) -> None:
        weight = next(seen.trainer.model.parameters())
        patch.setattr(weight, key, value(weight))

    return bend


def config(key: str, value: Any) -> Bend:
    return lambda seen, patch: patch.setattr(seen.model.config, key, value)


def asked(**said: Any) -> Bend:
    """The same trainer, for another job."""
    return lambda seen, patch: replace(seen, asked=replace(seen.asked, job=seen.job.model_copy(update=said)))


def in_the_batch(change: Callable[[torch.Tensor, tuple[Any, ...]], None]) -> Bend:
    """Of the first token that is trained."""

    def bend(seen: Seen, patch: Patch) -> Seen:
        first, *others = seen.batches
        labels = first["labels"].clone()
        change(labels, tuple((labels != -100).nonzero()[0]))
        return replace(seen, batches=[first | {"labels": labels}, *others])

    return bend


def mask(labels: torch.Tensor, at: tuple[Any, ...]) -> None:
    labels[at] = -100


def swap(labels: torch.Tensor, at: tuple[Any, ...]) -> None:
    labels[at] += 1


def norms_decay(seen: Seen, patch: Patch) -> None:
    decaying, not_decaying = seen.optimizer.param_groups
    patch.setitem(decaying, "params", decaying["params"] + not_decaying["params"])
    patch.setitem(not_decaying, "params", [])


def constant(seen: Seen, patch: Patch) -> None:
    scheduler = seen.trainer.lr_scheduler
    while hasattr(scheduler, "scheduler"):
        scheduler = scheduler.scheduler
    patch.setattr(scheduler, "lr_lambdas", [lambda step: 1.0 for _ in scheduler.lr_lambdas])


def plain_adam(seen: Seen, patch: Patch) -> None:
    patch.setattr(seen.trainer, "optimizer", torch.optim.Adam(seen.optimizer.param_groups))


def checkpointed(seen: Seen, patch: Patch) -> None:
    patch.setattr(seen.model.model.layers[0], "gradient_checkpointing", True, raising=False)


def other_rows(seen: Seen, patch: Patch) -> Seen:
    return replace(seen, asked=replace(seen.asked, order=seen.asked.order[::-1]))


def reference_in_every_step(seen: Seen, patch: Patch) -> None:
    patch.setattr(seen.trainer, "precompute_ref_logps", False)


def second_model(seen: Seen, patch: Patch) -> None:
    patch.setattr(seen.trainer, "ref_model", seen.trainer.model)


def noisy(seen: Seen, patch: Patch) -> None:
    patch.setattr(seen.trainer, "noise", SimpleNamespace(alpha=5.0))


def lora_layer(change: Callable[[Any, Patch], None]) -> Bend:
    return lambda seen, patch: change(
        next(m for m in seen.model.modules() if hasattr(m, "lora_A") and len(m.lora_A)), patch
    )


BENT: list[tuple[str, str, Bend]] = [
    ("sft", "betas, eps", group("betas", (0.9, 0.999))),
    ("sft", "betas, eps", group("eps", 1e-6)),
    ("sft", "weight decay", group("weight_decay", 0.1)),
    ("sft", "weight decay", norms_decay),
    ("sft", "clip", argument("max_grad_norm", 0.0)),
    ("sft", "learning rate of steps 1, 2, 3, 5, 6", constant),
    ("sft", "optimiser", plain_adam),
    ("sft", "trained weights held in", first_weight("data", lambda p: p.data.bfloat16())),
    ("sft", "trained", first_weight("requires_grad", lambda p: False)),
    ("sft", "attention", config("_attn_implementation", "eager")),
    ("sft", "key-value cache", config("use_cache", True)),
    ("sft", "layers checkpointed", checkpointed),
    ("sft", "loss", argument("loss_type", "dft")),
    ("sft", "loss", lambda seen, patch: patch.setattr(seen.trainer, "dft", True)),
    ("sft", "neftune", noisy),
    ("sft", "steps", lambda seen, patch: patch.setattr(seen.trainer.state, "max_steps", 7)),
    (
        "sft",
        "micro batch x accumulation x devices = batch",
        argument("per_device_train_batch_size", 4),
    ),
    (
        "sft",
        "micro batch x accumulation x devices = batch",
        lambda seen, patch: replace(seen, batches=seen.batches[:1]),
    ),
    ("sft", "trained tokens of step 1", in_the_batch(mask)),
    ("sft", "their ids, added up", in_the_batch(swap)),
    ("sft", "their ids, added up", other_rows),
    ("sft", "loss averaged over, tokens", lambda seen, patch: replace(seen, items=seen.items + 1)),
    ("sft", "longest row of it", asked(length=8)),
    ("sft", "rows", asked(packing="best_fit")),
    ("sft", "device", asked(device="cuda")),
    ("sft", "kernels", asked(kernels="liger")),
    ("sft", "distribution", asked(parallel=job(parallel={"type": "fsdp2", "reshard": True}).parallel)),
    ("sft", "processes", asked(batch=job().batch.model_copy(update={"data_parallel": 2}))),
    ("pure", "computed in", asked(precision="fp32")),
    ("pure", "updated in (masters)", asked(precision="bf16")),
    ("lora", "adapter", lora_layer(lambda layer, patch: patch.setitem(layer.scaling, "default", 2.0))),
    ("lora", "adapter", lora_layer(lambda layer, patch: patch.setitem(layer.r, "default", 8))),
    ("lora", "trained beside it", first_weight("requires_grad", lambda p: True)),
    ("lora", "adapted", asked(adapter=job(adapter=LORA | {"targets": ["q_proj"], "dropout": 0.1}).adapter)),
    ("dpo", "loss", of_trainer("loss_weights", [1.0, 1.0])),
    ("dpo", "beta", of_trainer("beta", 0.2)),
    ("dpo", "label smoothing", of_trainer("label_smoothing", 0.1)),
    ("dpo", "reference", of_trainer("precompute_ref_logps", False)),
    ("dpo", "reference", second_model),
    ("dpo", "weight beyond the shorter answer", of_trainer("ld_alpha", 0.5)),
    ("dpo", "divergence", of_trainer("f_divergence_type", "js_divergence")),
    ("dpo", "pairs weighed (WPO)", of_trainer("use_weighting", True)),
    ("dpo_options", "divergence", of_trainer("f_alpha_divergence_coef", 0.3)),
    ("dpo_options", "weight beyond the shorter answer", of_trainer("ld_alpha", None)),
    ("dpo_options", "pairs weighed (WPO)", of_trainer("use_weighting", False)),
    ("kto", "reference", reference_in_every_step),
    ("kto", "loss", of_trainer("loss_type", "apo_zero_unpaired")),
    ("kto", "weights", of_trainer("undesirable_weight", 2.0)),
    ("orpo", "beta", of_trainer("beta", 0.1)),
    ("cpo", "loss", of_trainer("loss_type", "simpo")),
    ("cpo", "label smoothing", of_trainer("label_smoothing", 0.0)),
    ("cpo", "weight of cross entropy", of_trainer("cpo_alpha", 1.0)),
    ("simpo", "loss", of_trainer("loss_type", "sigmoid")),
    ("simpo", "beta", of_trainer("beta", 0.1)),
    ("simpo", "target margin", of_trainer("simpo_gamma", 0.5)),
    ("simpo", "weight of cross entropy", of_trainer("cpo_alpha", 1.0)),
]


@pytest.mark.parametrize(("name", "what", "bend"), BENT, ids=[f"{n}-{w}" for n, w, _ in BENT])
def test_what_differs_is_told(
    built: Callable[[str], Seen], monkeypatch: Patch, name: str, what: str, bend: Bend
) -> None:
    seen = built(name)
    # A lambda that only patches gives None, one that makes another view gives that.
    seen = bend(seen, monkeypatch) or seen
    assert what in [row.what for row in table(seen) if not row.same]
    with pytest.raises(JobError) as told:
        demand(table(seen))
    assert what in told.value.message and "asked for" in told.value.message


SCHEDULES = [
    {"type": "cosine", "warmup": 0.1, "floor": 0.0, "decay": None},
    {"type": "cosine", "warmup": 5, "floor": 0.1, "decay": None},
    {"type": "linear", "warmup": 0, "floor": 0.0, "decay": None},
    {"type": "linear", "warmup": 3, "floor": 0.2, "decay": None},
    {"type": "constant", "warmup": 4, "floor": 1.0, "decay": None},
    {"type": "wsd", "warmup": 0.1, "floor": 0.0, "decay": 0.3},
    {"type": "wsd", "warmup": 2, "floor": 0.1, "decay": None},
]


@pytest.mark.parametrize("said", SCHEDULES, ids=str)
@pytest.mark.parametrize("steps", [1, 2, 41])
def test_the_formula_is_the_schedule_that_is_used(said: dict[str, Any], steps: int) -> None:
    if steps < 41 and said["warmup"] >= 1 and said["type"] == "wsd":
        pytest.skip("warm-up and decay are longer than the run, which is refused")
    schedule, lr = Schedule.model_validate(said), 3e-4
    settings = scheduler_settings(schedule, lr, steps)
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    made = get_scheduler(
        settings["lr_scheduler_type"],
        optimizer,
        num_warmup_steps=settings["warmup_steps"],
        num_training_steps=steps,
        scheduler_specific_kwargs=settings["lr_scheduler_kwargs"],
    )
    (rate,) = made.lr_lambdas
    assert [planned_rate(schedule, lr, steps, s) for s in range(steps)] == pytest.approx(
        [lr * rate(s) for s in range(steps)], rel=1e-6, abs=1e-12
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"type": "cosine", "warmup": 2, "floor": 0.0, "decay": None}, {0: 0, 1: 0.5, 2: 1, 6: 0.5}),
        ({"type": "cosine", "warmup": 0, "floor": 0.2, "decay": None}, {0: 1, 5: 0.6}),
        ({"type": "linear", "warmup": 0.2, "floor": 0.1, "decay": None}, {1: 0.5, 2: 1, 6: 0.55}),
        ({"type": "constant", "warmup": 0, "floor": 1.0, "decay": None}, {0: 1, 9: 1}),
        ({"type": "wsd", "warmup": 1, "floor": 0.0, "decay": 0.4}, {0: 0, 1: 1, 6: 1, 8: 0.5}),
    ],
)
def test_the_formula_by_hand(said: dict[str, Any], expected: dict[int, float]) -> None:
    schedule = Schedule.model_validate(said)
    assert {s: planned_rate(schedule, 1.0, 10, s) for s in expected} == pytest.approx(expected)


def test_the_batch_is_what_the_recipe_says() -> None:
    check_batch(job(), 1)
    with pytest.raises(JobError, match="2 processes, but the job was planned for 1"):
        check_batch(job(), 2)
    batch = {"global_sequences": 8, "micro": 2, "accumulation": 2, "data_parallel": 1}
    with pytest.raises(JobError, match=r"2 sequences x 2 accumulation steps x 1 devices = 4 .* says 8"):
        check_batch(job(batch=batch), 1)
