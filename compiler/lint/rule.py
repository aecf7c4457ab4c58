"""What a rule is made of: its name, what it is given, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from smolc.compiler.diagnostics import Diagnostic, Edit, Label, Severity, Span
from smolc.compiler.lint.context import Context


@dataclass(frozen=True, slots=True)
class Rule:
    """`code` is a letter and three digits, `name` the same in words; `severity` is what a finding has."""

    code: str
    name: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule has to say.

    `unchecked` is the label of a model that could not be looked at: the finding is then shown as information,
    once for each rule and model, and not at all where the rule's own findings are information.
    """

    message: str
    span: Span | None
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    edits: tuple[Edit, ...] = ()
    unchecked: str | None = None


def not_checked(model: str, reason: str, span: Span | None) -> Finding:
    """What a rule says where it needs something of `model` that is not on this machine."""
    help = "it is checked where the model's tokenizer files are at hand, and again before training"
    return Finding(f"not checked: {reason}", span, help=help, unchecked=model)


def rate(value: float) -> str:
    """A learning rate as people write it: 1e-5, 0.002."""
    return f"{value:g}".replace("e-0", "e-")


Check = Callable[[Context], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A rule with its check and its documentation (markdown; the first line is its title).

    module: where it is defined.
    """

    rule: Rule
    check: Check
    docs: str
    module: str

    @property
    def title(self) -> str:
        return self.docs.strip().splitlines()[0]

    def diagnostic(self, finding: Finding) -> Diagnostic:
        severity = self.rule.severity if finding.unchecked is None else Severity.INFO
        return Diagnostic(
            self.rule.code,
            self.rule.name,
            severity,
            finding.message,
            finding.span,
            finding.labels,
            finding.notes,
            finding.help,
            finding.edits,
        )
