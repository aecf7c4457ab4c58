"""The optimiser: its kind, its numbers, what decays, and the learning rate of every step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from smolc.runtime.jobs.train import Schedule
from smolc.runtime.train.faithful.seen import Seen
from smolc.runtime.train.faithful.table import Row, compared, numbers, short
from smolc.runtime.train.steps import part_of

POINTS = 20
SHOWN = 5


def rows(seen: Seen) -> Iterator[Row]:
    wanted, made = seen.job.optimizer, seen.optimizer
    yield compared("optimiser", wanted.type, kind_of(made))
    groups = made.param_groups
    if wanted.type.startswith("adamw"):
        asked = f"{short(wanted.betas[0])}, {short(wanted.betas[1])}, {short(wanted.eps)}"
        each = {", ".join(short(x) for x in (*group["betas"], group["eps"])) for group in groups}
        yield compared("betas, eps", asked, "; ".join(sorted(each)))
    yield decayed(seen)
    yield numbers("clip", wanted.clip, clip(seen))
    yield schedule(seen)


def kind_of(optimizer: Any) -> str:
    """In the job's words; another class goes by its own name."""
    names = {base.__name__ for base in type(optimizer).__mro__}
    if "DeepSpeedCPUAdam" in names or "FusedAdam" in names:
        # Their Adam decays the weights themselves in this mode.
        return "adamw" if getattr(optimizer, "adam_w_mode", True) else "adam"
    if "AdamW" in names or "AdamW8bit" in names:
        bits = getattr(getattr(optimizer, "args", None), "optim_bits", 32)
        return "adamw_8bit" if bits == 8 or "AdamW8bit" in names else "adamw"
    return {"SGD": "sgd", "Adafactor": "adafactor"}.get(type(optimizer).__name__, type(optimizer).__name__)


def decayed(seen: Seen) -> Row:
    """Biases and norms do not decay. ZeRO flattens weights, so that their names are gone there."""
    wanted = seen.job.optimizer.weight_decay
    used = sorted({float(group["weight_decay"]) for group in seen.optimizer.param_groups}, reverse=True)
    names = {id(p): name.lower() for name, p in seen.model.named_parameters()}
    wrong = [
        names[id(p)]
        for group in seen.optimizer.param_groups
        if group["weight_decay"] > 0
        for p in group["params"]
        if "norm" in names.get(id(p), "") or names.get(id(p), "").endswith("bias")
    ]
    built = ", ".join(map(short, used)) + (f", {wrong[0]} too" if wrong else "")
    known = all(math.isclose(x, wanted) or x == 0 for x in used)
    same = not wrong and known and math.isclose(max(used), wanted)
    asked = f"{short(wanted)}, 0 on norms and biases" if wanted else "0"
    return Row("weight decay", asked, built, same)


def clip(seen: Seen) -> float:
    if seen.engine is not None:
        return float(seen.engine.gradient_clipping())
    return float(seen.trainer.args.max_grad_norm)


def schedule(seen: Seen) -> Row:
    """The learning rate at some steps, the first and the last among them; if one is wrong, at that one too."""
    job, steps = seen.job, seen.asked.length.steps
    asked = [planned_rate(job.schedule, job.optimizer.lr, steps, step) for step in range(steps)]
    built = rates(seen)
    points = sorted({round(i * (steps - 1) / (POINTS - 1)) for i in range(POINTS)})
    wrong = [
        s
        for s in points
        if not math.isclose(asked[s], built(s), rel_tol=1e-5, abs_tol=1e-9 * job.optimizer.lr)
    ]
    shown = sorted({round(i * (steps - 1) / (SHOWN - 1)) for i in range(SHOWN)} | set(wrong[:1]))
    what = "learning rate of steps " + ", ".join(str(s + 1) for s in shown)
    return Row(
        what,
        ", ".join(f"{asked[s]:.3g}" for s in shown),
        ", ".join(f"{built(s):.3g}" for s in shown),
        not wrong,
    )


def rates(seen: Seen) -> Any:
    """The real scheduler's learning rate as a function of the step, from 0."""
    made = seen.trainer.lr_scheduler
    while hasattr(made, "scheduler"):
        made = made.scheduler
    bases, functions = made.base_lrs, made.lr_lambdas

    def rate(step: int) -> float:
        each = {base * function(step) for base, function in zip(bases, functions, strict=True)}
        return each.pop() if len(each) == 1 else math.nan

    return rate


def planned_rate(schedule: Schedule, lr: float, steps: int, step: int) -> float:
    """Learning rate of `step`, from 0: a linear warm-up, then from `lr` down to `floor` x `lr` at `steps`.

    The warm-up begins at 0; that of wsd at `floor` x `lr`, as in transformers.
    """
    warmup = part_of(schedule.warmup, steps)
    if step < warmup:
        low = schedule.floor if schedule.type == "wsd" else 0.0
        return lr * (low + (1 - low) * step / warmup)
    begin, end = warmup, steps
    if schedule.type == "constant":
        return lr
    if schedule.type == "wsd":
        begin = steps - part_of(0.1 if schedule.decay is None else schedule.decay, steps)
    done = min(1.0, max(0.0, (step - begin) / max(1, end - begin)))
    left = (1 + math.cos(math.pi * done)) / 2 if schedule.type == "cosine" else 1 - done
    return lr * (schedule.floor + (1 - schedule.floor) * left)
