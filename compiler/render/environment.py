"""The jinja environment of generated files. Recipe text reaches them only as values, never as template source."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("smolc.templates", package_path=""),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # shell and YAML, not HTML; see `comment` and the quoting of each kind of file
    )
    made.filters["comment"] = comment
    return made


def comment(text: Any) -> str:
    """One line that can stand behind a `#`: no line breaks, no control characters, not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= 200 else line[:199] + "…"


def render(name: str, **values: Any) -> str:
    return environment().get_template(name).render(**values)
