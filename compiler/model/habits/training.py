"""Length, batch, optimiser, schedule, and how often something is done."""

from __future__ import annotations

from smolc.compiler.model.habits.advice import (
    UNKNOWN,
    Advice,
    Entry,
    Into,
    Leave,
    Line,
    Seen,
    Table,
    Told,
    into,
    line,
    otherwise,
    told,
)
from smolc.compiler.model.habits.written import (
    at_least_0,
    epochs,
    every,
    is_off,
    natural,
    number,
    part,
    percent,
    positive,
    rate,
    ratio,
    sequences,
    steps,
    warmup,
    word,
)
from smolc.compiler.syntax import tree

STEPS = ("max_steps",)
FLOORS = ("min_lr", "min_lr_rate", "cosine_min_lr_ratio")
WARMUPS = ("warmup_ratio", "warmup_steps", "warmup")
RATES = ("learning_rate", "lr")
PER_DEVICE = ("per_device_train_batch_size", "micro_batch_size")
ACCUMULATION = "gradient_accumulation_steps"

SCHEDULES: dict[str, tuple[str, dict[str, str]]] = {
    "cosine": ("cosine", {"floor": "0%"}),
    "cosine_with_min_lr": ("cosine", {}),
    "cosine_warmup_with_min_lr": ("cosine", {}),
    "linear": ("linear", {}),
    "constant": ("constant", {"warmup": "0%"}),
    "constant_with_warmup": ("constant", {}),
    "warmup_stable_decay": ("wsd", {}),
    "wsd": ("wsd", {}),
}
OPTIMIZERS = {
    "adamw": "adamw", "adamw_torch": "adamw", "adamw_torch_fused": "adamw", "adamw_hf": "adamw", "adam": "adamw",
    "adamw_8bit": "adamw_8bit", "adamw_bnb_8bit": "adamw_8bit", "adamw_torch_8bit": "adamw_8bit",
    "paged_adamw_8bit": "adamw_8bit", "sgd": "sgd", "adafactor": "adafactor",
}  # fmt: skip


def _epochs(seen: Seen) -> Advice:
    limit = number(seen.place.beside(*STEPS))
    if limit is not None and limit > 0:
        return Leave("`max_steps` goes before it")
    return Line("stage", "length", epochs(seen.value) or UNKNOWN)


def _steps(seen: Seen) -> Advice:
    limit = number(seen.value)
    if is_off(seen.value) or (limit is not None and limit < 1):
        return Leave("a stage is as long as `length` says, 1epoch unless given")
    return Line("stage", "length", steps(seen.value) or UNKNOWN)


def _per_step(seen: Seen) -> Advice:
    """The number of devices is not a recipe's to know."""
    size = number(seen.place.beside(*PER_DEVICE) or (seen.value if seen.name in PER_DEVICE else None))
    times = number(seen.place.beside(ACCUMULATION) or (seen.value if seen.name == ACCUMULATION else None))
    if size is None or size != int(size) or size < 1:
        return Leave("it follows from `batch`, the sequences of one optimiser step on all devices together")
    known = times is not None and times >= 1 and times == int(times)
    product = int(size) * (int(times) if known and times else 1)
    missing = "the number of devices" if known else f"`{ACCUMULATION}` and the number of devices"
    note = f" times {missing}: it is the sequences of one optimiser step on all of them together"
    return Line("stage", "batch", f"{product}seq", note)


def _clip(seen: Seen) -> Advice:
    if is_off(seen.value):
        return Into("optim", {"clip": "1e9"}, note=", which no gradient reaches")
    return Into("optim", {"clip": positive(seen.value) or UNKNOWN})


def optimizer(seen: Seen) -> Advice | None:
    """Also of `optim` itself, where the word is another tool's."""
    said = word(seen.value) or ""
    return Into("optim", word=OPTIMIZERS[said]) if said in OPTIMIZERS else None


_optimizer = otherwise(
    optimizer, "there are `adamw`, `adamw_8bit`, `sgd` and `adafactor`, as in `optim = adamw`"
)


def schedule(seen: Seen) -> Advice | None:
    """Also of `schedule` itself. The words' own meaning goes with them: cosine ends at 0 there, and at 10% here."""
    said = word(seen.value) or ""
    if said not in SCHEDULES:
        return None
    ours, arguments = SCHEDULES[said]
    said_too = {"floor": seen.place.beside(*FLOORS), "warmup": seen.place.beside(*WARMUPS)}
    own = {key: value for key, value in arguments.items() if said_too[key] is None}
    note = ": there it ends at 0, here at 10% unless `floor` is given" if "floor" in own else ""
    return Into("schedule", own, word=ours, note=note)


_schedule = otherwise(
    schedule, "there are `cosine`, `linear`, `constant` and `wsd`, as in `schedule = cosine`"
)


def _floor(seen: Seen) -> Advice:
    """A learning rate as a part of the peak."""
    if seen.name != "min_lr":
        return Into("schedule", {"floor": part(seen.value) or UNKNOWN})
    peak, least = number(seen.place.beside(*RATES) or _lr_of_optim(seen)), number(seen.value)
    if peak and least is not None and 0 <= least <= peak:
        return Into("schedule", {"floor": percent(least / peak)})
    return Into("schedule", {"floor": UNKNOWN}, note=", as a part of the peak")


def _lr_of_optim(seen: Seen) -> tree.Value | None:
    optim = seen.place.values.get("optim")
    arguments = optim.arguments if isinstance(optim, tree.Call) else ()
    return next((a.value for a in arguments if a.name and a.name.text in RATES), None)


def _often(key: str) -> Table:
    """How often something is done: as `eval_steps`, and by other names that have no steps in them."""
    ours = {"eval": "evaluate_every", "save": "save_every"}[key]
    text = f"`{ours} = 20%` says how often, as a part of the run, or in steps: `{ours} = 100step`"
    names = [f"{key}_strategy", f"{key}s_per_epoch", *(["evaluation_strategy"] if key == "eval" else [])]
    table = {f"{key}_steps": Entry(line(ours, every), "100")}
    nothing = "; without a `holdout` nothing is evaluated" if key == "eval" else ""

    def strategy(seen: Seen) -> Advice:
        off = is_off(seen.value) or word(seen.value) == "no"
        return Leave(f"`{ours}` is 20% of a run unless given{nothing}") if off else Told(text)

    return table | {name: Entry(strategy, "epoch") for name in names}


TRAINING: Table = {
    "learning_rate": Entry(into("optim", "lr", rate), "2e-5"),
    "lr": Entry(into("optim", "lr", rate), "2e-5"),
    "weight_decay": Entry(into("optim", "weight_decay", at_least_0), "0.01"),
    "max_grad_norm": Entry(_clip, "1.0"),
    "gradient_clipping": Entry(_clip, "1.0"),
    "adam_beta1": Entry(into("optim", "beta1", ratio), "0.9"),
    "adam_beta2": Entry(into("optim", "beta2", ratio), "0.95"),
    "adam_epsilon": Entry(into("optim", "eps", positive), "1e-8"),
    "optimizer": Entry(_optimizer, "adamw_torch"),
    "num_train_epochs": Entry(_epochs, "3"),
    "num_epochs": Entry(_epochs, "3"),
    "epochs": Entry(_epochs, "3"),
    "max_steps": Entry(_steps, "500"),
    "steps": Entry(_steps, "500"),
    "per_device_train_batch_size": Entry(_per_step, "8"),
    "gradient_accumulation_steps": Entry(_per_step, "4"),
    "micro_batch_size": Entry(_per_step, "4"),
    "batch_size": Entry(line("batch", sequences), "128"),
    "train_batch_size": Entry(line("batch", sequences), "128"),
    "lr_scheduler_type": Entry(_schedule, "cosine"),
    "lr_scheduler": Entry(_schedule, "cosine"),
    "lr_scheduler_kwargs": Entry(
        told("they are arguments of the schedule, as in `schedule = cosine(floor = 10%)`"), '"..."'
    ),
    "min_lr": Entry(_floor, "1e-6"),
    "min_lr_rate": Entry(_floor, "0.1"),
    "cosine_min_lr_ratio": Entry(_floor, "0.1"),
    "warmup_ratio": Entry(into("schedule", "warmup", part), "0.03"),
    "warmup_steps": Entry(into("schedule", "warmup", warmup), "100"),
    "warmup": Entry(into("schedule", "warmup", warmup), "0.03"),
    **_often("eval"),
    **_often("save"),
    "logging_steps": Entry(line("log_every", steps), "10"),
    "save_total_limit": Entry(line("keep", natural), "3"),
}
