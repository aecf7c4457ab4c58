"""`--since REF`: what a branch added, whatever lines it moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from smolc.compiler.diagnostics import Diagnostic, Severity, Source
from smolc.compiler.syntax import parse, tree
from smolc.compiler.syntax.address import address

Fingerprint = tuple[str, str, str, bool]


def fingerprint(found: Diagnostic) -> Fingerprint:
    """Rule, file, recipe address, and whether it is more than information. No line numbers, no message."""
    span = found.span
    place = address(_tree(span.source), span.start) if span is not None else ""
    name = span.source.name if span is not None else ""
    return found.name, name, place, found.severity > Severity.INFO


def added(now: Iterable[Diagnostic], before: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Those of `now` that `before` does not have. A second one at the same address is new."""
    known = Counter(fingerprint(d) for d in before)
    new = []
    for found in now:
        key = fingerprint(found)
        if known[key]:
            known[key] -= 1
        else:
            new.append(found)
    return new


@lru_cache(maxsize=64)
def _tree(source: Source) -> tree.File:
    return parse(source)[0]
