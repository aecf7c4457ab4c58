"""What a string literal stands for."""

from __future__ import annotations

import re
from textwrap import dedent

_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}
_ESCAPE = re.compile(r"\\(?:u\{(?P<hex>[0-9A-Fa-f]*)\}?|(?P<char>[\s\S])|\Z)")
_KNOWN = r"a string knows \" \\ \n \t and \u{1F600}; write \\ for a backslash"

# offset in the literal, length, message, help
Mistake = tuple[int, int, str, str]


def unescape(literal: str) -> tuple[str, list[Mistake]]:
    """Value of a quoted literal, and its bad escapes (kept as they stand).

    A text block (three quotes) loses the line end after its opening quotes and the indentation that all its
    lines share, the closing quotes' line included.
    """
    if literal.startswith('"""'):
        quotes, inner = 3, literal[3:-3] if len(literal) >= 6 else literal[3:]
    else:
        quotes, inner = 1, literal[1:-1]
    if "\\" not in inner:
        return (_block(inner) if quotes == 3 else inner), []
    mistakes: list[Mistake] = []
    for match in _ESCAPE.finditer(inner):
        if _character(match) is None:
            message = f"`{match[0]}` is not an escape"
            mistakes.append((quotes + match.start(), max(1, len(match[0])), message, _KNOWN))
    if quotes == 3:
        inner = _block(inner)
    value = _ESCAPE.sub(lambda m: m[0] if (c := _character(m)) is None else c, inner)
    return value, mistakes


def _character(match: re.Match[str]) -> str | None:
    if match["char"] is not None:
        return _ESCAPES.get(match["char"])
    digits = match["hex"]
    if not digits or len(digits) > 6 or not match[0].endswith("}"):
        return None
    number = int(digits, 16)
    return None if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF else chr(number)


def _block(inner: str) -> str:
    if not inner.startswith("\n"):
        return inner
    inner = inner[1:]
    # `dedent` ignores lines of blanks only, but the closing quotes' line counts.
    lines = inner.split("\n")
    if len(lines) > 1 and not lines[-1].strip():
        return dedent("\n".join([*lines[:-1], lines[-1] + "x"]))[:-1]
    return dedent(inner)
