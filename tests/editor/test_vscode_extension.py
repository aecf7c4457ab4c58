"""The VS Code extension: files that are there, and a grammar that knows all words of the language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import smolc
from smolc.compiler.syntax.layout import KINDS
from smolc.compiler.syntax.units import COUNTS, MEASURES, SCALES

FOLDER = Path(__file__).parents[2] / "editors" / "vscode"
MANIFEST = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))
GRAMMAR = json.loads((FOLDER / "syntaxes" / "smolc.tmLanguage.json").read_text(encoding="utf-8"))
RULES = GRAMMAR["repository"]


def within(node: Any) -> Iterator[dict[str, Any]]:
    """Every rule of a grammar."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from within(value)
    elif isinstance(node, list):
        for value in node:
            yield from within(value)


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.json")), ids=lambda p: p.name)
def test_json_is_json(path: Path) -> None:
    if "node_modules" not in path.parts:
        json.loads(path.read_text(encoding="utf-8"))


def test_the_manifest_names_files_that_are_there() -> None:
    named = [MANIFEST["main"], MANIFEST["contributes"]["languages"][0]["configuration"]]
    named += [grammar["path"] for grammar in MANIFEST["contributes"]["grammars"]]
    assert [name for name in named if not (FOLDER / name).is_file()] == []
    assert MANIFEST["contributes"]["languages"][0]["extensions"] == [".recipe"]
    assert MANIFEST["version"] == smolc.__version__
    assert set(MANIFEST["dependencies"]) == {"vscode-languageclient"}


def test_the_command_is_never_taken_from_a_folder() -> None:
    """A folder from a stranger must not say what is run."""
    setting = MANIFEST["contributes"]["configuration"]["properties"]["smolc.command"]
    assert setting["scope"] == "machine"
    assert setting["default"] == ["smolc", "lsp"]


def test_every_include_is_there_and_every_pattern_compiles() -> None:
    for rule in within(GRAMMAR):
        include = rule.get("include")
        if isinstance(include, str):
            assert include.startswith("#") and include[1:] in RULES
        for key in ("match", "begin", "end"):
            if isinstance(rule.get(key), str):
                re.compile(rule[key])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_heads_of_blocks(kind: str) -> None:
    head = re.compile(RULES["head"]["match"])
    assert head.match(f"{kind} name {{").group(1, 2, 4) == (kind, "name", "{")  # type: ignore[union-attr]
    assert head.match(f"  {kind} {{").group(1) == kind  # type: ignore[union-attr]
    assert head.match(f"  {kind} = 1") is None
    assert head.match(f"  {kind}.name = 1") is None
    assert head.match(f"  {kind}s {{") is None


def test_no_block_that_is_none() -> None:
    listed = re.search(r"\((recipe\|[a-z|]+)\)", RULES["head"]["match"])
    assert listed is not None and set(listed[1].split("|")) == KINDS


@pytest.mark.parametrize("unit", ["", *COUNTS, *MEASURES, *SCALES, *(s + c for s in SCALES for c in COUNTS)])
@pytest.mark.parametrize("digits", ["8", "1_000", "1.5", "2e-5"])
def test_numbers_with_units(unit: str, digits: str) -> None:
    match = re.compile(RULES["number"]["match"]).fullmatch(digits + unit)
    assert match is not None and (match[1], match[2] or "") == (digits, unit)


@pytest.mark.parametrize("text", ["8K", "8tokens", "8Ki_", "8%%"])
def test_what_is_no_number_is_not_coloured_as_one(text: str) -> None:
    match = re.compile(RULES["number"]["match"]).match(text)
    assert match is None


@pytest.mark.parametrize(
    ("text", "word"), [("smolc 1", "smolc"), ('extends "a.recipe"', "extends"), ("drop stage sft", "drop")]
)
def test_keywords(text: str, word: str) -> None:
    patterns = [re.compile(rule["match"]) for rule in RULES["keyword"]["patterns"]]
    assert [m[1] for p in patterns if (m := p.match(text))] == [word]
    assert [p for p in patterns if p.match(f"{word} = 1")] == []


def test_suppressions() -> None:
    match = re.match(RULES["comment"]["patterns"][0]["match"], "# lint: allow(a-b, c) -- it is so")
    assert match is not None and match.group(2, 3, 4, 6) == ("lint", "allow", "a-b, c", "it is so")
