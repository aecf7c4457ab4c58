"""The one type in which every phase reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from smolc.compiler.diagnostics.source import Span


class Severity(IntEnum):
    """`ERROR` blocks a build, `WARNING` fails lint, `INFO` is only shown."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that explains the first."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text of `span` by `text`; `safe` if the plan cannot change by it."""

    span: Span
    text: str
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    `code` is a letter and three digits, `name` the same in words. `message` says what is wrong, the excerpt
    says where, `notes` say why and `help` says what to write instead.
    """

    code: str
    name: str
    severity: Severity
    message: str
    span: Span | None = None
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    edits: tuple[Edit, ...] = ()


def has_errors(diagnostics: list[Diagnostic]) -> bool:
    return any(d.severity is Severity.ERROR for d in diagnostics)
