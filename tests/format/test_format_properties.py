"""What holds for every recipe: nothing is lost, nothing changes, and formatting twice is formatting once."""

from __future__ import annotations

import random
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import random_recipes
from hypothesis import given, settings
from hypothesis import strategies as st

from smolc.compiler.diagnostics import Source
from smolc.compiler.format import formatted
from smolc.compiler.syntax import parse
from smolc.compiler.syntax.lex import Token, lex
from smolc.compiler.syntax.tree import File, Number, Text

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.recipe"))
LINT = re.compile(r"#\s*lint\s*:")


def tree_of(text: str) -> File:
    file, found = parse(Source("x.recipe", text.replace("\r\n", "\n")))
    assert found == []
    return file


def meaning(node: Any) -> Any:
    """A tree without places; literals as they were written."""
    if isinstance(node, tuple):
        return [meaning(part) for part in node]
    if not is_dataclass(node):
        return node
    left_out = {"span", "head", "close", "source", "comments"}
    spelt = "".join(node.span.text.split()) if isinstance(node, Number) else ""
    spelt = node.span.text if isinstance(node, Text) else spelt
    return [
        type(node).__name__,
        spelt,
        *(meaning(getattr(node, f.name)) for f in fields(node) if f.name not in left_out),
    ]


def words_spoken_of(text: str) -> list[list[Token]]:
    """For each `# lint:` comment, the tokens on its line or, if it stands alone, on the next line with any."""
    source = Source("x", text.replace("\r\n", "\n"))
    tokens, comments = lex(source)
    by_line: dict[int, list[Token]] = {}
    for token in tokens:
        if token.type not in ("NEWLINE", "COMMA", "SEMICOLON"):
            for line in {source.position(token.start)[0], source.position(token.end)[0]}:
                by_line.setdefault(line, []).append(token)
    found = []
    for comment in comments:
        if LINT.match(comment.text):
            line = comment.span.line
            after = min((n for n in by_line if n > line), default=0)
            found.append(by_line.get(after if comment.own_line else line, []))
    return found


def is_within(part: list[Token], whole: list[Token]) -> bool:
    """Whether `part` comes one after the other in `whole`."""
    return any(whole[i : i + len(part)] == part for i in range(len(whole) - len(part) + 1))


@settings(max_examples=250, deadline=None)
@given(st.integers(0, 10**9))
def test_nothing_is_lost(seed: int) -> None:
    text, comments = random_recipes.recipe(random.Random(seed))
    made = formatted(text)
    after = tree_of(made)
    assert [c.text for c in after.comments] == comments
    assert meaning(after) == meaning(tree_of(text))
    assert formatted(made) == made
    for before, behind in zip(words_spoken_of(text), words_spoken_of(made), strict=True):
        assert is_within(before, behind)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_lines_are_tidy(seed: int) -> None:
    made = formatted(random_recipes.recipe(random.Random(seed), lint=0)[0])
    assert not made or (made.endswith("\n") and not made.startswith("\n") and not made.endswith("\n\n"))
    literals = [t for t in lex(Source("x", made))[0] if t.type in ("STRING", "TRIPLE")]
    blank = list(made)
    for token in literals:
        blank[token.start : token.end] = '"' * len(token)
    lines = re.sub(r"#.*", "#", "".join(blank)).split("\n")
    for number, line in enumerate(lines):
        assert line == line.rstrip() and "\t" not in line and not line.endswith(";")
        assert (len(line) - len(line.lstrip(" "))) % 2 == 0
        assert line or number == len(lines) - 1 or lines[number + 1]


def shaken(rng: random.Random, text: str) -> str:
    """The same recipe, its spaces, line ends in brackets and empty lines changed."""
    source = Source("x", text)
    tokens, comments = lex(source)
    pieces = sorted(
        [(t.start, t.end) for t in tokens if t.type != "NEWLINE"]
        + [(c.span.start, c.span.end) for c in comments]
    )
    out, end, depth = "", 0, 0
    for start, stop in pieces:
        gap, word = text[end:start], text[start:stop]
        lines = gap.count("\n")
        if not lines:
            gap = (
                rng.choice(["", " ", "   ", "\t"])
                if _may_touch(out[-1:], word)
                else rng.choice([" ", "  ", "\t"])
            )
            if depth and not word.startswith("#") and rng.random() < 0.2:
                gap = "\n" + gap
        else:
            ends = 1 if lines == 1 else rng.randint(2, 4)
            gap = rng.choice(["\n", "\r\n", " \t\n"]) * ends + rng.choice(["", " ", "\t", "      "])
        depth += (word in "([") - (word in ")]")
        out += gap + word
        end = stop
    return out + rng.choice(["", "\n", "\n\n\n"])


def _may_touch(before: str, word: str) -> bool:
    return not (before.isalnum() or before in '_"%-') or word[0] in "=,;()[]{}.<>!#"


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
@pytest.mark.parametrize("seed", range(12))
def test_spaces_make_no_difference(path: Path, seed: int) -> None:
    text = path.read_text(encoding="utf-8")
    changed = shaken(random.Random(seed), text)
    assert changed != text
    assert formatted(changed) == formatted(text)
