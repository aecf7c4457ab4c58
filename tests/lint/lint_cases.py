"""Reads `.cases` files: what a rule must and must not complain about, as text.

    === fails: two words about it
    extends "sft.recipe"
    ...the recipe...
    --- file chat.jinja
    ...a file that the recipe reads; below `hub/` it is the hub's local cache...
    --- expect
    P501 at 2:32
    T101 info at sft.recipe:4:7
    --- fixed
    ...the recipe after the rule's edits...
    === passes: two words about it
    ...

A recipe may extend those in `tests/lint/base/`. `expect` lists everything that the rule says: its code, the
severity if it is not the rule's own, and line:column, after the file's name where it is not the case's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

HEAD = re.compile(r"=== (fails|passes): (\S.*)")
PART = re.compile(r"--- (expect|fixed|file (\S+))")


@dataclass
class Case:
    rule: Path
    title: str
    fails: bool
    recipe: str = ""
    files: dict[str, str] = field(default_factory=dict)
    expect: list[str] = field(default_factory=list)
    fixed: str | None = None


def read_cases(path: Path) -> list[Case]:
    """All cases of a file. Raises ValueError, with the line, where it is not understood."""
    cases: list[Case] = []
    part, kept = "", []

    def close() -> None:
        if not cases:
            return
        case, text = cases[-1], "\n".join(kept).strip("\n") + "\n"
        if part == "recipe":
            case.recipe = text
        elif part == "expect":
            case.expect = [line.strip() for line in kept if line.strip()]
        elif part == "fixed":
            case.fixed = text
        else:
            case.files[part.removeprefix("file ")] = text

    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        head, marker = HEAD.fullmatch(line), PART.fullmatch(line)
        if (line.startswith("=== ") and head is None) or (line.startswith("--- ") and marker is None):
            raise ValueError(f"{path.name}:{number}: not understood: {line}")
        if head is None and marker is None:
            if cases:
                kept.append(line)
            elif line.strip():
                raise ValueError(f"{path.name}:{number}: a case begins with `=== fails: title`")
            continue
        close()
        part, kept = "recipe", []
        if head is not None:
            cases.append(Case(path.with_suffix(".py"), head[2], head[1] == "fails"))
        elif marker is not None:
            part = marker[1]
    close()
    return cases
