"""The help of a mistake that is a name of another tool: made of the value and the place where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from smolc.compiler.diagnostics import Diagnostic
from smolc.compiler.model.habits.advice import Advice, Into, Leave, Line, Seen, Told
from smolc.compiler.model.habits.compose import DEFAULTS, composed
from smolc.compiler.model.habits.place import Place, Spot, constructors, spots
from smolc.compiler.model.habits.table import TABLE, of_key, of_value
from smolc.compiler.model.habits.written import as_value
from smolc.compiler.resolve import Section

KEYS, VALUES = ("V008",), ("V003", "V005", "V006")
ROWS = ("L002", "V003")
"""Mistakes that a name of another tool makes: as a key, as a value, and as a row of a mixture."""


def answer(found: list[Diagnostic], sections: Iterable[Section], swept: bool) -> list[Diagnostic]:
    if not any(d.code in (*KEYS, *VALUES, *ROWS) for d in found):
        return found
    known: dict[object, list[Spot]] = {}
    for section in sections:
        for spot in spots(section):
            known.setdefault(spot.span, []).append(spot)
    return [_answered(d, known.get(d.span, []), swept) for d in found]


def _answered(mistake: Diagnostic, at: list[Spot], swept: bool) -> Diagnostic:
    for spot in at:
        advice = _advice(mistake, spot)
        if advice is not None:
            return replace(mistake, help=_short(advice) if swept else say(advice, spot.place))
    return mistake


def _advice(mistake: Diagnostic, spot: Spot) -> Advice | None:
    name, value, place = spot.name, spot.value, spot.place
    if place.kind == "mixture":
        return of_key(name, value, place) if mistake.code in ROWS else None
    if not spot.is_key:
        return of_value(name, value, place) if mistake.code in VALUES else None
    advice = of_key(name, value, place) if mistake.code in KEYS else None
    elsewhere = place.call is not None and isinstance(advice, Into) and advice.key != place.key
    misspelt = (mistake.help or "").startswith("did you mean")
    return None if elsewhere and misspelt else advice


def say(advice: Advice, place: Place) -> str:
    match advice:
        case Into():
            return _into(advice, place)
        case Line():
            here = place.kind == advice.block and place.call is None
            where = "" if here else _where(advice.block, place)
            return f"write `{advice.key} = {advice.value}`{where}{advice.note}"
        case Leave():
            return f"leave it out: {advice.why}"
        case Told():
            return advice.text


def _where(block: str, place: Place) -> str:
    return f" in the `{block}`" if block in ("recipe", place.kind) else f" in a `{block}`"


def _into(advice: Into, place: Place) -> str:
    key, whole = advice.key, composed(advice, place)
    variants = constructors(key)
    lost = next((a for a in advice.arguments if a not in variants[whole.word].model_fields), None)
    if lost is not None:
        return f"leave it out: `{whole.word}` has no `{lost}`{_having(lost, key)}"
    call = place.call if place.key == key else None
    if call is not None and place.dotted and whole.word in (call.name.text, DEFAULTS.get(key)):
        lines = " and ".join(f"`{key}.{a} = {value}`" for a, value in advice.arguments.items())
        return f"write {lines}{advice.note}"
    same = call is not None and whole.word == call.name.text
    here = place.kind == "stage" and (call is not None or place.call is None)
    where = "" if here else _where("stage", place)
    return f"write `{whole if same else f'{key} = {whole}'}`{where}{advice.note}"


def _having(argument: str, key: str) -> str:
    """Which constructors do have an argument."""
    *some, last = (f"`{w}`" for w, variant in constructors(key).items() if argument in variant.model_fields)
    return f"; {', '.join(some)} and {last} have" if some else f"; {last} has"


def _short(advice: Advice) -> str:
    """Of an axis of a sweep: the path alone."""
    match advice:
        case Into():
            inner = next(iter(advice.arguments), None)
            return f"write `{advice.key}{f'.{inner}' if inner else ''}`"
        case Line():
            return f"write `{advice.key}`"
        case Leave():
            return f"leave it out: {advice.why}"
        case Told():
            return advice.text


def in_general(name: str) -> str:
    """The answer without a place, as the reference has it."""
    entry = TABLE[name]
    place = Place("stage")
    advice = entry.habit(Seen(name, as_value(entry.example), place))
    return say(advice, place).removeprefix("write ") if advice is not None else ""
