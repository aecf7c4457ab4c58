"""What holds for every recipe: nothing is lost, nothing changes, and formatting twice is formatting once."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
import random_recipes
import roundtrip
from hypothesis import given, settings
from hypothesis import strategies as st

from smolc.compiler.diagnostics import Source
from smolc.compiler.format import formatted
from smolc.compiler.syntax.lex import lex

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.recipe"))


@settings(max_examples=250, deadline=None)
@given(st.integers(0, 10**9))
def test_nothing_is_lost(seed: int) -> None:
    text, comments = random_recipes.recipe(random.Random(seed))
    assert roundtrip.losses(text, formatted(text), comments) == []


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
