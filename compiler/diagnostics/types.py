"""The one type in which every phase reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from smolc.compiler.diagnostics.secrets import covered
from smolc.compiler.diagnostics.source import Span


class Severity(IntEnum):
    """`ERROR` blocks a build, `WARNING` fails lint, `INFO` is only shown."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def word(self) -> str:
        return self.name.lower()


class Refused(Exception):
    """Something besides the recipe that the user has to mend; the message tells them. Ends a command with exit code 2.

    It may quote a file or a name; as text, it has nothing that a terminal would act upon.
    """

    def __str__(self) -> str:
        from smolc.compiler.diagnostics.excerpt import plain

        return plain(super().__str__(), keep_lines=True)


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that explains the first."""

    span: Span
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", covered(self.text))


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
    says where, `notes` say why and `help` says what to write instead. What they quote of a recipe has its
    secrets covered; `edits` have not.
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

    def __post_init__(self) -> None:
        """Messages land in logs that others read."""
        object.__setattr__(self, "message", covered(self.message))
        object.__setattr__(self, "notes", tuple(map(covered, self.notes)))
        object.__setattr__(self, "help", covered(self.help) if self.help else self.help)


def has_errors(diagnostics: list[Diagnostic]) -> bool:
    return any(d.severity is Severity.ERROR for d in diagnostics)
