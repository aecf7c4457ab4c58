"""Every code that the compiler reports is explained, and its snippets are what they say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from snippets import FENCE, run, section

from smolc.compiler.lint.discover import all_rules
from smolc.compiler.reference.entries import FAMILIES, Code, all_codes, family, find

COMPILER = Path(__file__).parents[2] / "compiler"
CODE = re.compile(r"[A-Z][0-9]{3}")
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
RULES = {loaded.rule.code: loaded.rule.name for loaded in all_rules()}
EVERY_CODE = pytest.mark.parametrize("code", [pytest.param(c, id=f"{c.code} {c.name}") for c in all_codes()])


def reported() -> Iterator[tuple[str, str]]:
    """Code and name wherever one stands beside the other in compiler/, whatever it is given to."""
    for path in COMPILER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            row: list[ast.expr | None] = []
            if isinstance(node, ast.Call):
                row = [*node.args]
            elif isinstance(node, ast.Dict):
                row = [
                    part for key, value in zip(node.keys, node.values, strict=True) for part in (value, key)
                ]
            for first, second in pairwise(row):
                if isinstance(first, ast.Constant) and isinstance(second, ast.Constant):
                    pair = str(first.value), str(second.value)
                    if CODE.fullmatch(pair[0]) and NAME.fullmatch(pair[1]) and pair[0] not in RULES:
                        yield pair


WITHOUT_SNIPPETS = ("A009", "S043")
"""What smolc itself did wrong, and what comes only after 200 other mistakes."""


def test_every_code_that_is_reported_is_explained() -> None:
    there = {(code.code, code.name) for code in all_codes()}
    assert there - {("A009", "rule-crashed")} == set(reported())


def test_no_code_is_made_elsewhere() -> None:
    """The scan above sees all: nothing that looks like a code stands in a string on its own."""
    known = {code.code for code in all_codes()} | set(RULES)
    for path in COMPILER.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"[\"']([A-Z][0-9]{3})[\"']", text):
            assert match[1] in known, f"{path.name}: {match[1]}"


def test_one_code_one_name() -> None:
    codes = [code.code for code in all_codes()]
    names = [code.name for code in all_codes()] + list(RULES.values())
    assert len(codes) == len(set(codes))
    assert sorted({name for name in names if names.count(name) > 1}) == []
    assert not set(codes) & set(RULES)


@pytest.mark.parametrize("letter", FAMILIES)
def test_a_family_holds_its_codes_in_order(letter: str) -> None:
    codes = [code.code for code in family(letter)]
    assert codes == sorted(codes)
    assert {code[0] for code in codes} == {letter}


def test_a_code_is_found_by_code_and_name_in_any_case() -> None:
    found = find("S001")
    assert found is not None and found.name == "unexpected"
    assert find("s001") == find("unexpected") == find("Unexpected") == found
    assert find("S999") is None
    assert find("Z001") is None
    assert find("") is None


@EVERY_CODE
def test_an_entry_has_its_sections(code: Code) -> None:
    wanted = ["What it means", "Why", "Wrong", "Right"][: 2 if code.code in WITHOUT_SNIPPETS else 4]
    outside = FENCE.sub("", code.docs)
    assert re.findall(r"^#+ (.*)$", outside, re.MULTILINE) == wanted
    assert all(section(code.docs, title) for title in wanted)


WITH_SNIPPETS = pytest.mark.parametrize(
    "code",
    [pytest.param(c, id=f"{c.code} {c.name}") for c in all_codes() if c.code not in WITHOUT_SNIPPETS],
)


@WITH_SNIPPETS
def test_wrong_is_reported_and_nothing_else(code: Code, tmp_path_factory: pytest.TempPathFactory) -> None:
    found, shown = run(section(code.docs, "Wrong"), tmp_path_factory.mktemp("wrong"))
    assert {one for one in found if one[0] not in RULES} == {(code.code, code.name)}, shown


@WITH_SNIPPETS
def test_right_is_clean(code: Code, tmp_path_factory: pytest.TempPathFactory) -> None:
    found, shown = run(section(code.docs, "Right"), tmp_path_factory.mktemp("right"))
    assert {one for one in found if one[0] not in RULES} == set(), shown
