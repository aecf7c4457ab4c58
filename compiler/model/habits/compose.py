"""A stage's constructor as it should be: as it is written, with what names of other tools in the stage add to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from smolc.compiler.format.value import flat_argument, spelled
from smolc.compiler.model.habits.advice import UNKNOWN, Advice, Into
from smolc.compiler.model.habits.place import PACKED, Place, constructors
from smolc.compiler.model.habits.table import beside, of_key, of_value
from smolc.compiler.model.habits.written import word
from smolc.compiler.syntax import tree

DEFAULTS = {"method": "dpo", "optim": "adamw", "schedule": "cosine", "adapter": "lora", "packing": "none"}
"""The constructor that takes an argument where the stage has none."""


@dataclass(frozen=True)
class Composed:
    """`arguments` by name, those without one by their number."""

    word: str
    arguments: dict[str, str]

    def __str__(self) -> str:
        inner = ", ".join(v if k.isdigit() else f"{k} = {v}" for k, v in self.arguments.items())
        return f"{self.word}({inner})" if inner else self.word


def composed(advice: Into, place: Place) -> Composed:
    """Several such names in one stage make one constructor, whichever of them is asked for. Arguments that it does not
    have are left out."""
    key = advice.key
    variants = constructors(key)
    given = place.values.get(key) if place.kind == "stage" else None
    written = word(given)
    base = written if written in variants else None
    arguments, found = _written(key, base, place)
    if given is not None and base is None and place.key != key:
        found.append(of_value(key, given, Place(place.kind, place.values, key)))
    found += beside(place).values()
    adding = [
        a for a in found if isinstance(a, Into) and a.key == key and UNKNOWN not in a.arguments.values()
    ]
    adding.append(advice)
    asked = [a.word for a in adding if a.word is not None]
    ours = asked[-1] if asked else base or _having(advice)
    if key == "packing" and place.kind == "stage" and place.method not in (None, *PACKED):
        ours = "none"
    for one in adding:
        arguments.update(one.arguments)
    order = [*(label for label in arguments if label.isdigit()), *variants[ours].model_fields]
    return Composed(ours, {label: arguments[label] for label in order if label in arguments})


def _having(advice: Into) -> str:
    """The constructor that has the arguments: the usual one, if it has."""
    variants = constructors(advice.key)
    first = DEFAULTS.get(advice.key, next(iter(variants)))
    fits = (w for w in (first, *variants) if advice.arguments.keys() <= variants[w].model_fields.keys())
    return next(fits, first)


def _written(key: str, base: str | None, place: Place) -> tuple[dict[str, str], list[Advice | None]]:
    """The arguments that the stage has there, and what answers those that are names of other tools; the place's own is
    in neither."""
    given = place.values.get(key) if place.kind == "stage" else None
    arguments: dict[str, str] = {}
    found: list[Advice | None] = []
    if not isinstance(given, tree.Call):
        return arguments, found
    known = constructors(key)[base].model_fields if base else {}
    for at, one in enumerate(given.arguments):
        if one is place.argument:
            continue
        label = one.name.text if one.name else str(at)
        there = Place(place.kind, place.values, key, given, one)
        advice = None if label in known or label.isdigit() else of_key(label, one.value, there)
        if advice is not None:
            found.append(advice)
        else:
            arguments[label] = flat_argument(replace(one, name=None), spelled)
    return arguments, found
