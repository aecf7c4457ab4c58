"""One self-contained text that builds to the same plan, and the check that it does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from smolc.compiler.diagnostics import Diagnostic, Severity, Source
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.plan.types import Plan
from smolc.compiler.resolve import Resolved
from smolc.compiler.show.flatten import flatten
from smolc.compiler.syntax import parse

_ALLOW = re.compile(r"(#\s*lint\s*:\s*allow\s*\()([^()]*)\)")
USELESS = "useless-suppression"


def self_contained(resolved: Resolved, recipe: Recipe, plan: Plan, locked: bool = False) -> str:
    """The flattened recipe with its template files' text in it. Data and models stay references.

    locked: `recipe` has the commits of a lock, which are written into the text.
    """
    texts = {
        label: plan.templates[f"templates/{label}.jinja"]
        for label, template in recipe.templates.items()
        if template.file is not None
    }
    if locked:
        from smolc.compiler.show.commits import with_commits

        resolved = with_commits(resolved, recipe)
    return flatten(resolved, texts=texts)


def differs(before: Plan, after: Plan | None) -> list[str]:
    """What is not the same in two plans, in words; [] if they are equal in every byte that is built."""
    if after is None:
        return ["the flat text does not compile"]
    if before == after:
        return []
    old, new = ({job.id: job for job in plan.jobs} for plan in (before, after))
    said = [f"job {id}" for id in {**old, **new} if old.get(id) != new.get(id)]
    said += [
        name
        for name in {**before.templates, **after.templates}
        if before.templates.get(name) != after.templates.get(name)
    ]
    return said or ["its name, its description or its cluster"]


def without_useless(text: str, found: Iterable[Diagnostic]) -> str:
    """`text` without the suppressions that suppress nothing any more, now that what they spoke of was overridden."""
    useless = {(d.span.start, d.span.end) for d in found if d.name == USELESS and d.span is not None}
    for comment in reversed(parse(Source("flat", text))[0].comments):
        match = _ALLOW.match(comment.text)
        if match is None:
            continue
        start = comment.span.start + match.start(2)
        names = [(start + m.start(), start + m.end(), m[0]) for m in re.finditer(r"[^\s,]+", match[2])]
        kept = [name for begin, end, name in names if (begin, end) not in useless]
        if len(kept) == len(names):
            continue
        begin, end = comment.span.start, comment.span.end
        if kept:
            said = f"{match[1]}{', '.join(kept)}){comment.text[match.end() :]}"
        else:
            said = ""
            begin = len(text[:begin].rstrip(" \t"))
            if comment.own_line and end < len(text):
                end += 1
        text = text[:begin] + said + text[end:]
    return text


def new_findings(before: Iterable[Diagnostic], after: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Errors and warnings of `after` that `before` does not have, wherever they stand."""
    known = Counter((d.name, d.message) for d in before)
    new = []
    for found in after:
        key = (found.name, found.message)
        if found.severity is not Severity.INFO and not known[key]:
            new.append(found)
        known[key] -= 1
    return new
