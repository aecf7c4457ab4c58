"""Texts with `{column}` in them. Only columns are put in: there are no formats, no attributes, no code."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from smolc.runtime.data.formats.fields import column
from smolc.runtime.data.rows import RowError, found
from smolc.runtime.jobs.errors import JobError

_PART = re.compile(r"(?P<text>(?:[^{}]|\{\{|\}\})+)|\{(?P<column>[^{}]+)\}")


@dataclass(slots=True, frozen=True)
class Pattern:
    """parts: texts, and between them names of columns (`is_column`, text)."""

    parts: tuple[tuple[bool, str], ...]

    def fill(self, data: dict[str, Any]) -> str:
        """Numbers and true/false as JSON has them. Raises RowError for what is not there, or is neither."""
        return "".join(_value(data, part) if is_column else part for is_column, part in self.parts)


def pattern(source: str) -> Pattern:
    """`{a.b}` is a column (dots reach into objects), `{{` and `}}` are braces. Raises JobError."""
    parts: list[tuple[bool, str]] = []
    at = 0
    while at < len(source):
        match = _PART.match(source, at)
        if match is None:
            raise JobError(
                f"map: expected a column in braces at character {at + 1} of {source[:200]!r}, found "
                f"{source[at : at + 20]!r}",
                help="write {column} for a column's value, and {{ or }} for a brace",
            )
        name = match["column"]
        text = match[0].replace("{{", "{").replace("}}", "}") if name is None else name.strip()
        parts.append((name is not None, text))
        at = match.end()
    return Pattern(tuple(parts))


def _value(data: dict[str, Any], name: str) -> str:
    value = column(data, name)
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return json.dumps(value)
    raise RowError(f"expected text, a number or true/false in {name!r}, found {found(value)}")
