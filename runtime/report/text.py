"""Numbers and strangers' text as a person wants to see them, in the terminal and in the report."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

# Terminal sequences (colours, titles, links), before the escape character itself is replaced.
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")


def clean(text: str, lines: bool = False) -> str:
    """Without anything that acts on a terminal or turns text around: terminal sequences go, other control,
    format and surrogate characters become `\\N{REPLACEMENT CHARACTER}`. lines: line breaks and tabs stay,
    else they become blanks."""
    text = _SEQUENCE.sub("", text).replace("\r\n", "\n")
    return "".join(_shown(c, lines) for c in text)


def _shown(character: str, lines: bool) -> str:
    if character in "\n\t":
        return character if lines else " "
    # U+200C and U+200D join emoji and Arabic letters; every other format character can only hide things.
    if character in "\u200c\u200d" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return character
    return "\N{REPLACEMENT CHARACTER}"


def visible(text: str, also: str = "") -> str:
    """`text` with line breaks marked, and all that would act on a terminal or turn text around written out, since it is
    trained, too. also: other characters to be written out."""
    return "".join(_visible(c, also) for c in text)


def _visible(character: str, also: str) -> str:
    if character == "\n":
        return "↵\n"
    code = ord(character)
    if code < 0x20 and character != "\t":
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    # U+200C and U+200D join letters and emoji.
    hidden = (
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and character not in "\t\u200c\u200d"
    )
    return f"⟨U+{code:04X}⟩" if hidden or character in also else character


def one_line(text: str) -> str:
    """For names and places."""
    return visible(text).replace("↵\n", "↵").replace("\t", " ")


def label(text: str) -> str:
    """A name, title or note on one line, however long a stranger made it."""
    return shorten(clean(text[:400]), 200)


def shorten(text: str, limit: int) -> str:
    """The first `limit` characters, saying how many were left out; all of them where that would be no longer."""
    left = f" … ({len(text) - limit:,} more characters)"
    return text if len(text) <= limit + len(left) else text[:limit] + left


def duration(seconds: float) -> str:
    """`0.4 s`, `41 s`, `3 min 05 s`, `2 h 07 min`."""
    if not math.isfinite(seconds) or seconds < 0:
        return "?"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def count(number: float) -> str:
    """`950`, `12,400`, `1.25M`, `3.4B`."""
    if not math.isfinite(number):
        return str(number)
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if abs(number) >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:,.0f}" if float(number).is_integer() or abs(number) >= 100 else f"{number:.3g}"


def decimal(number: float | None) -> str:
    """A measured number such as a loss: about four digits that matter; an en dash where there is none."""
    if number is None:
        return "–"
    if not math.isfinite(number):
        return str(number)
    if number == 0 or 1e-3 <= abs(number) < 1e4:
        return (
            f"{number:.4f}"
            if abs(number) < 10
            else f"{number:.2f}"
            if abs(number) < 1000
            else f"{number:,.0f}"
        )
    return scientific(number)


def setting(value: Any) -> str:
    """A value as one writes it in a recipe: `1e-3`, `0.05`, `64`, `cosine`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        small = value != 0 and (abs(value) < 0.01 or abs(value) >= 1e6)
        return scientific(value) if small and math.isfinite(value) else f"{value:g}"
    return label(str(value))


def scientific(number: float) -> str:
    """`2e-5`, `1.25e-3`."""
    mantissa, exponent = f"{number:.3e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def percent(fraction: float | None, digits: int = 1) -> str:
    return "–" if fraction is None or not math.isfinite(fraction) else f"{100 * fraction:.{digits}f}%"


def score(value: float | None, as_percent: bool) -> str:
    return percent(value) if as_percent else decimal(value)
