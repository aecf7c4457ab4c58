"""Recipes in colour: nothing is lost, nothing is an error."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygments.token import Comment, Error, Keyword, Name, Number, String, Token

from smolc.compiler.editor.lexer import SmolcLexer
from smolc.compiler.syntax.layout import KINDS
from smolc.compiler.syntax.units import COUNTS, MEASURES, SCALES

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.recipe"))


def tokens(text: str) -> list[tuple[object, str]]:
    return list(SmolcLexer(stripnl=False, ensurenl=False).get_tokens(text))


def kinds_of(text: str, part: str) -> set[object]:
    return {kind for kind, piece in tokens(text) if piece == part}


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_recipes_are_known_in_every_character(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = tokens(text)
    assert "".join(piece for _, piece in found) == text
    assert [piece for kind, piece in found if kind in (Error, Token.Generic)] == []


@given(st.text(alphabet='ab1 \n"\\{}[]()#=.,%KMi-u', max_size=60))
def test_no_text_is_an_error_or_loses_anything(text: str) -> None:
    found = tokens(text)
    assert "".join(piece for _, piece in found) == text
    assert all(kind is not Error for kind, _ in found)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_block_is_a_keyword(kind: str) -> None:
    assert kinds_of(f"{kind} name {{\n}}\n", kind) == {Keyword.Declaration}
    assert kinds_of(f"{kind} name {{\n}}\n", "name") == {Name.Class}


@pytest.mark.parametrize("unit", [*COUNTS, *MEASURES, *SCALES, *(s + c for s in SCALES for c in COUNTS)])
def test_every_unit_is_apart_from_its_number(unit: str) -> None:
    assert tokens(f"8{unit}")[:2] == [(Number, "8"), (Keyword.Type, unit)]


@pytest.mark.parametrize(
    ("text", "part", "kind"),
    [
        ("# lint: allow(x) -- y", "# lint: allow(x) -- y", Comment.Special),
        ("# a comment", "# a comment", Comment.Single),
        ("init = base", "init", Name.Attribute),
        ("init = base", "base", Name),
        ("optim.lr = 1", "lr", Name.Attribute),
        ("optim = adamw(lr = 1)", "adamw", Name.Function),
        ("dora = true", "true", Keyword.Constant),
        ('extends "a.recipe"', "extends", Keyword.Namespace),
        ("drop stage sft", "drop", Keyword.Namespace),
        ("drop = 1", "drop", Name.Attribute),
        ("smolc 1", "smolc", Keyword.Namespace),
        ("model = 1", "model", Name.Attribute),
        (r'a = "x\n"', r"\n", String.Escape),
        ('a = """\n"x"\n"""', '"""', String.Double),
    ],
)
def test_what_words_are(text: str, part: str, kind: object) -> None:
    assert kinds_of(text, part) == {kind}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="reads pyproject.toml")
def test_pygments_finds_it() -> None:
    import tomllib

    project = tomllib.loads((RECIPES[0].parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((name, value),) = project["entry-points"]["pygments.lexers"].items()
    assert EntryPoint(name, value, "pygments.lexers").load() is SmolcLexer
    assert "smolc" in SmolcLexer.aliases and "*.recipe" in SmolcLexer.filenames
