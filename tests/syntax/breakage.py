"""Valid recipes made at random, and ways to break one line of them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from smolc.compiler.diagnostics import Diagnostic

VALUES = [
    "42",
    "2e-5",
    "64Ki",
    "3%",
    "128seq",
    "1.5Mtok",
    "90min",
    "true",
    "all",
    "sft.best",
    '"a text"',
    '"#1 {x}"',
    "adamw(lr = 2e-5, clip = 0.2)",
    "dpo(loss = apo_zero, beta = 0.1)",
    "[a, b, c]",
    "[1e-6, 3e-6]",
    "share(10%, at_most = 4epoch)",
    'sample(temperature = 0.6, stop = ["a", "b"])',
    "-1",
    "lora(rank = 16)",
]
KEYS = [
    "seed",
    "init",
    "data",
    "batch",
    "length",
    "optim",
    "schedule",
    "packing",
    "optim.lr",
    '"a b"',
    "about",
]
TOP = ["model", "dataset", "mixture", "stage", "eval", "template"]


def recipe(rng: random.Random) -> list[str]:
    """Lines of a valid recipe; half of them carry what `broken` can break."""
    lines = ["smolc 1"]
    for number in range(rng.randint(2, 5)):
        lines += ["", f"{rng.choice(TOP)} b{number} {{"]
        for _ in range(rng.randint(2, 6)):
            lines += _item(rng, "  ", 0)
        lines.append("}")
    return lines


def _item(rng: random.Random, indent: str, depth: int) -> list[str]:
    roll = rng.random()
    if roll < 0.12 and depth < 2:
        head = rng.choice(["sweep", "from smoltalk2", "where", "task words"])
        inner = [line for _ in range(rng.randint(1, 4)) for line in _item(rng, indent + "  ", depth + 1)]
        return [f"{indent}{head} {{", *inner, f"{indent}}}"]
    if roll < 0.17:
        return [f"{indent}expect {{ apo.ifeval >= sft.ifeval - 1% }}"]
    if roll < 0.22:
        return [f"{indent}# a comment"]
    if roll < 0.30:
        items = ",\n".join(f"{indent}  {rng.choice(VALUES)}" for _ in range(rng.randint(1, 3)))
        return f"{indent}tasks = [\n{items},\n{indent}]".split("\n")
    return [f"{indent}{rng.choice(KEYS)} = {rng.choice(VALUES)}"]


def _swap(pattern: str, text: str) -> Callable[[str], str | None]:
    def change(line: str) -> str | None:
        changed = re.sub(pattern, text, line, count=1)
        return None if changed == line else changed

    return change


_ASSIGN = r"^( *[\w.\"]+[\w \"]*) = (.+[^,\[(])$"
BREAKS: dict[str, Callable[[str], str | None]] = {
    "missing value": _swap(_ASSIGN, r"\1 ="),
    "missing equals": _swap(_ASSIGN, r"\1 \2"),
    "colon": _swap(_ASSIGN, r"\1: \2"),
    "arrow": _swap(_ASSIGN, r"\1 => \2"),
    "walrus": _swap(_ASSIGN, r"\1 := \2"),
    "unclosed string": _swap(r'^([^"]*"[^"]*)"([^"]*)$', r"\1\2"),
    "single quotes": _swap(r'"([^"]*)"', r"'\1'"),
    "unclosed round": _swap(r"^( *\w.*\(.*)\)([^)]*)$", r"\1\2"),
    "unclosed square": _swap(r"^( *\w.*\[.*)\]$", r"\1"),
    "extra bracket": _swap(_ASSIGN, r"\1 = \2)"),
    "missing brace": _swap(r"^( *\w+(?: \w+)?) \{$", r"\1"),
    "missing close": _swap(r"^( *)\}$", r"\1"),
    "extra close": _swap(_ASSIGN, r"\1 = \2 }"),
    "two statements": _swap(_ASSIGN, r"\1 = \2 more = 1"),
    "python": _swap(_ASSIGN, r"\1 = None"),
    "wrong comment": _swap(r"# a comment", "// a comment"),
    "no comma": _swap(r"^(.*[(\[].*), (.*)$", r"\1 \2"),
    "two commas": _swap(r"^(.*[(\[].*), (.*)$", r"\1,, \2"),
    "bad scale": _swap(_ASSIGN, r"\1 = 4K"),
    "bad unit": _swap(_ASSIGN, r"\1 = 4epochs"),
    "junk": _swap(_ASSIGN, r"\1 = @!\2"),
    "hyphen": _swap(r"^( *)(\w+) = ", r"\1\2-x = "),
    "bare text": _swap(_ASSIGN, r"\1 = org/name-7b"),
    "bad escape": _swap(r'"a text"', r'"a \\q text"'),
    "equals before brace": _swap(r"^( *\w+) \{$", r"\1 = {"),
}


def broken(rng: random.Random, lines: list[str], count: int) -> tuple[list[str], dict[int, str]]:
    """A copy with `count` lines broken, at least three lines apart; {line number from 1: how}."""
    lines = list(lines)
    marks: dict[int, str] = {}
    for _ in range(count * 60):
        if len(marks) == count:
            break
        at = rng.randrange(len(lines))
        how = rng.choice(sorted(BREAKS))
        changed = BREAKS[how](lines[at])
        if changed is not None and all(abs(at + 1 - other) > 2 for other in marks):
            lines[at] = changed
            marks[at + 1] = how
    return lines, marks


def touched(diagnostic: Diagnostic, lines: list[str]) -> set[int]:
    """Lines that a report points at; 'before this' is any line back to the one with text."""
    about = {diagnostic.span.line} if diagnostic.span else set()
    for label in diagnostic.labels:
        at = label.span.line
        about |= {at, at + 1}
        while at > 1:
            at -= 1
            about.add(at)
            if lines[at - 1].strip() and not lines[at - 1].strip().startswith("#"):
                break
    return about
