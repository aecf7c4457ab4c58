"""`--fix`: puts the edits of findings into the recipe, and checks by compiling what they did.

A safe edit leaves the plan's hash as it is: that is checked here, whatever the rule says of itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from smolc.compiler.diagnostics import Diagnostic, Edit, Severity, Source
from smolc.compiler.lint.since import fingerprint

ROUNDS = 100
"""One edit may bring about the next finding; more rounds than this go in circles."""


class Compiled(Protocol):
    """What compiling a text gives: its source, the plan's hash (None where there are errors), what was found."""

    @property
    def source(self) -> Source | None: ...
    @property
    def hash(self) -> str | None: ...
    @property
    def found(self) -> list[Diagnostic]: ...


@dataclass
class Fixed:
    """text: the recipe with its edits. applied: the findings that they came from.

    refused: findings whose edits changed what they said they would not, or made it worse.
    """

    text: str
    applied: list[Diagnostic] = field(default_factory=list)
    refused: list[Diagnostic] = field(default_factory=list)


def is_safe(found: Diagnostic) -> bool:
    return bool(found.edits) and all(edit.safe for edit in found.edits)


def fix(compiled: Compiled, compile: Callable[[str], Compiled], unsafe: bool = False) -> Fixed:
    """Apply safe edits of the recipe's own file, and the others too if `unsafe`. `compile` compiles another text."""
    assert compiled.source is not None
    fixed = Fixed(compiled.source.text)
    refused: set[object] = set()
    for _ in range(ROUNDS):
        candidates = [d for d in _fixable(compiled) if _key(d) not in refused]
        group = [d for d in candidates if is_safe(d) and compiled.hash is not None]
        safe = bool(group)
        if not safe:
            group = candidates if unsafe else []
        group = _apart(group)
        if not group:
            break
        accept = _same_plan if safe else _no_worse
        after = compile(_edited(fixed.text, group))
        if not accept(compiled, after) and len(group) > 1:
            group = group[:1]  # one at a time from here: the others come up again in the next rounds
            after = compile(_edited(fixed.text, group))
        if after.source is None or not accept(compiled, after):
            refused.update(_key(d) for d in group)
            fixed.refused.extend(group)
            continue
        fixed.text = after.source.text
        fixed.applied.extend(group)
        compiled = after
    return fixed


def _key(found: Diagnostic) -> object:
    """A finding whose edits were tried; by its address, since lines move."""
    return fingerprint(found), tuple(edit.text for edit in found.edits)


def _same_plan(before: Compiled, after: Compiled) -> bool:
    return after.hash is not None and after.hash == before.hash


def _no_worse(before: Compiled, after: Compiled) -> bool:
    return _errors(after) <= _errors(before)


def _errors(compiled: Compiled) -> int:
    return sum(d.severity is Severity.ERROR for d in compiled.found)


def _fixable(compiled: Compiled) -> list[Diagnostic]:
    """Findings whose edits all stand in the recipe itself: a parent is another recipe, with readers of its own."""
    return [d for d in compiled.found if d.edits and all(e.span.source is compiled.source for e in d.edits)]


def _apart(found: list[Diagnostic]) -> list[Diagnostic]:
    """Those whose edits do not touch one another, first come first."""
    taken: list[Edit] = []
    chosen = []
    for one in sorted(found, key=lambda d: d.edits[0].span.start):
        if all(_disjoint(edit, other) for edit in one.edits for other in taken):
            taken.extend(one.edits)
            chosen.append(one)
    return chosen


def _disjoint(a: Edit, b: Edit) -> bool:
    return a.span.end < b.span.start or b.span.end < a.span.start


def _edited(text: str, found: list[Diagnostic]) -> str:
    for edit in sorted((e for d in found for e in d.edits), key=lambda e: e.span.start, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text
