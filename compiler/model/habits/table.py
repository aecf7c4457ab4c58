"""All names of other tools, and what answers them."""

from __future__ import annotations

from smolc.compiler.model.habits import memory, methods, training
from smolc.compiler.model.habits.advice import Advice, Entry, Habit, Into, Seen, Table
from smolc.compiler.model.habits.data import ABSENT, DATA
from smolc.compiler.model.habits.memory import MEMORY
from smolc.compiler.model.habits.place import Place, constructors
from smolc.compiler.model.habits.preferences import METHODS
from smolc.compiler.model.habits.training import TRAINING
from smolc.compiler.model.habits.written import word
from smolc.compiler.model.stage import Stage
from smolc.compiler.syntax import tree

TABLE: Table = {**TRAINING, **MEMORY, **METHODS, **DATA, **ABSENT}
"""By the other tool's name; one that ends in `_` is how several begin."""

OURS: dict[str, Habit] = {
    "method": methods.method,
    "packing": memory.packing,
    "adapter": memory.adapter,
    "optim": training.optimizer,
    "schedule": training.schedule,
    "parallel": memory.parallel,
    "precision": memory.precision,
    "dtype": memory.dtype,
    "attention": memory.attention,
}
"""Keys of stages and models that are given a word of another tool."""


def entry(name: str) -> Entry | None:
    begun = (e for key, e in TABLE.items() if key.endswith("_") and name.startswith(key))
    return TABLE.get(name) or next(begun, None)


def of_key(name: str, value: tree.Value, place: Place) -> Advice | None:
    """What answers a key or argument that is no word of ours."""
    found = entry(name)
    return found.habit(Seen(name, value, place)) if found is not None else _argument(name, value, place)


def _argument(name: str, value: tree.Value, place: Place) -> Advice | None:
    """An argument of ours that stands beside its constructor: `label_smoothing = 0.1` in a stage, as other tools have it."""
    if place.kind != "stage" or place.call is not None:
        return None
    for key in ("method", "optim", "schedule", "adapter"):
        variants = constructors(key)
        written = variants.get(word(place.values.get(key)) or "")
        having = [written] if written else [] if key == "method" else list(variants.values())
        if any(name in variant.model_fields for variant in having):
            return Into(key, {name: value.span.text})
    return None


def of_value(name: str, value: tree.Value, place: Place) -> Advice | None:
    """What answers a value that does not fit a key or argument of ours."""
    if place.kind not in ("stage", "model"):
        return None
    if place.call is not None:
        is_loss = (place.key, name) == ("method", "loss")
        return methods.loss(Seen(name, value, place)) if is_loss else None
    return OURS[name](Seen(name, value, place)) if name in OURS else None


def beside(place: Place) -> dict[str, Advice]:
    """What answers the other keys of a stage: names of other tools, and keys of ours that have their words."""
    found: dict[str, Advice] = {}
    for name, value in place.values.items() if place.kind == "stage" else ():
        if name == place.key:
            continue
        there = Place(place.kind, place.values, name)
        advice = None if name in Stage.model_fields else of_key(name, value, there)
        if advice is not None:
            found[name] = advice
    return found
