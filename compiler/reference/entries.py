"""What the compiler itself reports, by code: one entry each in `codes/*.md`, read only when somebody asks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FAMILIES = {
    "S": ("syntax", "Syntax: one statement of a recipe"),
    "R": ("resolve", "Putting recipes together: blocks, parents, `drop`, overrides"),
    "V": ("values", "Keys and values of a block"),
    "L": ("links", "References between blocks"),
    "C": ("checks", "Values that exclude or need one another"),
    "F": ("files", "Files"),
    "A": ("suppressions", "Suppressions of lint rules"),
}
"""First letter of a code -> its file, and what the family is about."""

_HEAD = re.compile(r"^# ([A-Z][0-9]{3}) ([a-z0-9-]+): (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Code:
    """docs: markdown: what it means, why, wrong, right."""

    code: str
    name: str
    title: str
    docs: str


@cache
def family(letter: str) -> tuple[Code, ...]:
    """The codes that begin with `letter`, in order."""
    file, _ = FAMILIES[letter]
    text = Path(__file__).with_name("codes").joinpath(f"{file}.md").read_text(encoding="utf-8")
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return tuple(
        Code(head[1], head[2], head[3], text[head.end() : end].strip())
        for head, end in zip(heads, ends, strict=True)
    )


def all_codes() -> tuple[Code, ...]:
    return tuple(code for letter in FAMILIES for code in family(letter))


def find(name: str) -> Code | None:
    """The entry of a code or a name, in upper or lower case."""
    letters = [name[0].upper()] if re.fullmatch(r"[A-Za-z][0-9]{3}", name) else list(FAMILIES)
    known = [code for letter in letters if letter in FAMILIES for code in family(letter)]
    return next((code for code in known if name.lower() in (code.code.lower(), code.name)), None)
