"""Numbers in full: `64Ki` is 65,536."""

from __future__ import annotations

from decimal import Decimal

from smolc.compiler.syntax.units import Problem, read_number

_WORDS = {
    "tok": "tokens",
    "seq": "sequences",
    "step": "steps",
    "epoch": "epochs",
    "s": "seconds",
    "B": "bytes",
}


def in_full(text: str) -> str | None:
    """`4Mitok` -> `4,194,304 tokens`; None where the number says no more than what is written, or cannot be read."""
    read = read_number(text)
    if isinstance(read, Problem):
        return None
    value, unit = read
    if unit == "%":
        return f"{Decimal(text.rstrip('%').replace('_', '')) / 100:f} as a fraction"
    shown = plain(value)
    words = _WORDS.get(unit or "", "")
    if unit in ("B", "s"):
        return f"{shown} {words}"
    if text.replace("_", "").removesuffix(unit or "") == shown.replace(",", "") and len(shown) < 5:
        return f"{shown} {words}" if words else None
    return f"{shown} {words}".rstrip()


def plain(value: int | float) -> str:
    """With commas between thousands, and without an exponent where that stays readable."""
    if isinstance(value, int):
        return f"{value:,}"
    text = f"{Decimal(repr(value)):,f}"
    return text if len(text) <= 24 else f"{value:g}"
