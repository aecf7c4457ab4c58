"""Numbers with scale and unit: `64Ki`, `2e-5`, `3%`, `1.5Mtok`, `90min`, `80GiB`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from smolc.compiler.diagnostics.suggest import closest

SCALES = {"k": 10**3, "M": 10**6, "B": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
COUNTS = ("tok", "seq", "step", "epoch")
# unit as written -> (unit it is kept in, factor)
MEASURES = {
    "%": ("%", Decimal("0.01")),
    "s": ("s", Decimal(1)),
    "min": ("s", Decimal(60)),
    "h": ("s", Decimal(3600)),
    "KiB": ("B", Decimal(2**10)),
    "MiB": ("B", Decimal(2**20)),
    "GiB": ("B", Decimal(2**30)),
    "TiB": ("B", Decimal(2**40)),
}
UNITS = (*COUNTS, *MEASURES)

# What people write instead; the value is what is offered.
_ALIASES = {
    "token": "tok", "tokens": "tok", "toks": "tok", "sequence": "seq", "sequences": "seq", "seqs": "seq",
    "sample": "seq", "samples": "seq", "example": "seq", "examples": "seq", "row": "seq", "rows": "seq",
    "steps": "step", "it": "step", "iter": "step", "iters": "step", "epochs": "epoch", "ep": "epoch",
    "sec": "s", "secs": "s", "second": "s", "seconds": "s", "mins": "min", "minute": "min", "minutes": "min",
    "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "H": "h", "pct": "%", "percent": "%", "GIB": "GiB",
}  # fmt: skip
# A scale that could mean two things -> what it could have meant.
_AMBIGUOUS = {
    "K": ("k", "Ki"), "m": ("M", "min"), "b": ("B",), "t": ("T",), "G": ("B", "Gi", "GiB"),
    "g": ("B", "Gi", "GiB"), "KB": ("KiB", "k"), "kB": ("KiB", "k"), "MB": ("MiB", "M"),
    "GB": ("GiB", "B"), "TB": ("TiB", "T"), "kb": ("KiB", "k"), "mb": ("MiB", "M"), "gb": ("GiB", "B"),
    "ki": ("Ki",), "mi": ("Mi",), "gi": ("Gi",), "KI": ("Ki",), "MI": ("Mi",), "GI": ("Gi",),
}  # fmt: skip

_NUMBER = re.compile(
    r"(?P<digits>[0-9]+(?:_[0-9]+)*(?P<fraction>\.[0-9]+(?:_[0-9]+)*)?(?P<exponent>[eE][+-]?[0-9]+)?)"
)
_SCALED = re.compile(r"(k|M|B|T|Ki|Mi|Gi)?([A-Za-z%]*)")
LONGEST = 40
LARGEST = Decimal(10) ** 18


@dataclass(frozen=True)
class Problem:
    """Why a number cannot be read; `instead` is a number to write, if there is a likely one."""

    code: str
    name: str
    message: str
    help: str
    instead: str | None = None


def is_unit(word: str) -> bool:
    """Whether `word` may stand right behind a number (also in a misspelt form that is recognised)."""
    return word in UNITS or word in SCALES or word in _ALIASES or _split(word) is not None


def unit_meant(word: str) -> str:
    """The unit for a misspelt form that is recognised (`steps`); other words as they are."""
    return _ALIASES.get(word, word)


def read_number(text: str) -> tuple[int | float, str | None] | Problem:
    """Value and unit of a number as written (without sign)."""
    match = _NUMBER.match(text)
    if match is None or len(match["digits"]) > LONGEST:
        return _too_large(text)
    digits, suffix = match["digits"], text[match.end() :]
    written_whole = match["fraction"] is None and match["exponent"] is None
    if match["exponent"] is not None and len(match["exponent"]) > 6:
        return _too_large(text)
    number = Decimal(digits.replace("_", ""))
    if number and not Decimal("1e-100") < number < LARGEST:
        return _too_large(text)
    if not suffix:
        return (int(number) if written_whole else float(number)), None
    if suffix in MEASURES:
        unit, factor = MEASURES[suffix]
        return _value(number * factor, whole=unit != "%"), unit
    split = _split(suffix)
    if split is None:
        return _bad_suffix(digits, suffix)
    scale, count = split
    scaled = number * SCALES.get(scale, 1)
    if scaled >= LARGEST:
        return _too_large(text)
    return _value(scaled, whole=written_whole or bool(scale)), count or None


def _value(number: Decimal, whole: bool) -> int | float:
    return int(number) if whole and number == number.to_integral_value() else float(number)


def _split(suffix: str) -> tuple[str, str] | None:
    """`Kitok` -> (`Ki`, `tok`)."""
    if suffix in COUNTS:
        return "", suffix
    for scale in SCALES:
        if suffix.startswith(scale) and (suffix == scale or suffix[len(scale) :] in COUNTS):
            return scale, suffix[len(scale) :]
    return None


def _too_large(text: str) -> Problem:
    shown = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    return Problem(
        "S033", "number-out-of-range", f"`{shown}` is beyond any number that a recipe needs",
        "numbers have at most 40 digits and lie between 1e-100 and 1e18",
    )  # fmt: skip


def _bad_suffix(digits: str, suffix: str) -> Problem:
    for count in ("", *COUNTS):
        scale = suffix.removesuffix(count)
        if suffix.endswith(count) and scale in _AMBIGUOUS:
            right = [s + count if s in SCALES else s for s in _AMBIGUOUS[scale] if not count or s in SCALES]
            if right:
                return _ambiguous(digits, suffix, right)
    scale, unit = _SCALED.fullmatch(suffix).groups() if _SCALED.fullmatch(suffix) else ("", suffix)  # type: ignore[union-attr]
    if not unit:
        scale, unit = "", suffix
    near = _ALIASES.get(suffix) or _ALIASES.get(suffix.lower())
    if near is None and (inner := _ALIASES.get(unit) or closest(unit, COUNTS)) in COUNTS:
        near = f"{scale or ''}{inner}"
    near = near or closest(suffix, UNITS)
    known = f"units are {', '.join(UNITS)}; scales are {', '.join(SCALES)}"
    if near is None:
        message = f"`{suffix}` is not a unit" if suffix.isalpha() else f"`{digits}{suffix}` is not a number"
        return Problem("S032", "unknown-unit", message, known)
    return Problem(
        "S032", "unknown-unit", f"`{suffix}` is not a unit", f"write `{digits}{near}`; {known}", digits + near
    )  # fmt: skip


def _ambiguous(digits: str, suffix: str, right: list[str]) -> Problem:
    means = " or ".join(f"`{digits}{s}`{_meaning(digits, s)}" for s in right)
    message = (
        f"`{suffix}` is not a scale" if len(right) == 1 else f"`{suffix}` could mean more than one thing"
    )
    return Problem("S031", "ambiguous-scale", message, f"write {means}", digits + right[0])


def _meaning(digits: str, suffix: str) -> str:
    result = read_number(digits + suffix)
    if isinstance(result, Problem) or suffix in MEASURES:
        return ""
    return f" ({result[0]})"
