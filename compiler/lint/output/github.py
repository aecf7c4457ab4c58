"""Workflow commands of GitHub Actions: findings appear in a pull request, on the lines that they are about.

Source: GitHub's documentation of workflow commands.
"""

from __future__ import annotations

from collections.abc import Sequence

from smolc.compiler.diagnostics import Diagnostic, Severity
from smolc.compiler.diagnostics.excerpt import plain

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(found: list[Diagnostic], recipes: Sequence[str], color: bool) -> str:
    return "".join(_command(d) + "\n" for d in found)


def _command(found: Diagnostic) -> str:
    properties = {"title": f"{found.code} {found.name}"}
    if found.span is not None:
        source = found.span.source
        last, column = source.position(max(found.span.start, found.span.end))
        properties |= {"file": source.name, "line": str(found.span.line), "endLine": str(last)}
        if last == found.span.line:  # GitHub takes columns only within one line
            properties |= {"col": str(found.span.column), "endColumn": str(column)}
    text = "\n".join([found.message, *found.notes, *([found.help] if found.help else [])])
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{LEVELS[found.severity]} {listed}::{_message(text)}"


def _message(text: str) -> str:
    text = plain(text, keep_lines=True)
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
