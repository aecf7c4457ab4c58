"""A recipe with its parents and overrides folded in: sections and fields, still uninterpreted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from smolc.compiler.diagnostics import Diagnostic, Severity, Source, Span
from smolc.compiler.syntax import tree

KINDS = (
    "recipe", "model", "dataset", "mixture", "template", "stage", "merge", "generate", "pairs", "eval",
    "publish", "cluster",
)  # fmt: skip
"""What may stand at the top of a recipe."""


def error(code: str, name: str, message: str, span: Span | None, **more: object) -> Diagnostic:
    return Diagnostic(code, name, Severity.ERROR, message, span, **more)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Field:
    """One `path = value`. Plain keys have one part; `sweep` and overrides have longer paths."""

    path: tree.Path
    value: tree.Value

    @property
    def key(self) -> str:
        return str(self.path)


@dataclass
class Section:
    """One block. `head` spans its kind and label; nested blocks are in `sections`."""

    kind: tree.Ident
    label: tree.Ident | None
    head: Span
    fields: dict[str, Field] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)
    checks: list[tree.Compare] = field(default_factory=list)

    @property
    def name(self) -> str:
        """How messages call it: ``stage `sft` ``."""
        return f"{self.kind.text} `{self.label.text}`" if self.label else f"`{self.kind.text}`"

    def child(self, kind: str, label: str | None = None) -> Section | None:
        for section in self.sections:
            if section.kind.text == kind and (section.label.text if section.label else None) == label:
                return section
        return None

    def copy(self) -> Section:
        return replace(
            self,
            fields=dict(self.fields),
            sections=[s.copy() for s in self.sections],
            checks=list(self.checks),
        )


@dataclass
class Resolved:
    """All sections by kind and label, in the order of their declaration (parents first).

    path: the recipe's file. folders: for each source, the folder that its relative paths start from.
    files: the files read, the recipe first, then its parents.
    """

    path: Path
    source: Source
    sections: list[Section]
    folders: dict[str, Path]
    files: list[Path]
    comments: list[tree.Comment]

    def of(self, kind: str) -> list[Section]:
        return [s for s in self.sections if s.kind.text == kind]

    def find(self, kind: str, label: str) -> Section | None:
        for section in self.of(kind):
            if section.label and section.label.text == label:
                return section
        return None
