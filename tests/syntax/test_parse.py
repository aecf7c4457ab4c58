"""What holds for every text."""

from __future__ import annotations

import random
import re
import time
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import breakage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smolc.compiler.diagnostics import Diagnostic, Source, Span
from smolc.compiler.diagnostics.render import render_full
from smolc.compiler.syntax import grammar, parse, parse_path, parse_value
from smolc.compiler.syntax.parse import MOST
from smolc.compiler.syntax.tree import (
    Assign,
    Block,
    Bool,
    Call,
    Compare,
    Drop,
    File,
    Ident,
    List,
    Number,
    Ref,
    Text,
)

PIECES = [
    "stage",
    "sft",
    "{",
    "}",
    "=",
    "(",
    ")",
    "[",
    "]",
    ",",
    ";",
    "\n",
    " ",
    "\t",
    "#",
    '"',
    '"""',
    "'",
    "\\",
    "-",
    "2e-5",
    "4K",
    "64Ki",
    ".",
    ":",
    "=>",
    "==",
    "expect",
    "drop",
    "extends",
    "smolc",
    "//",
    "é",
    "≥",
    "\r",
    "\x00",
]
texts = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=80).map("".join))


def source(text: str) -> Source:
    return Source("x.recipe", text)


def good(seed: int) -> str:
    return "\n".join(breakage.recipe(random.Random(seed))) + "\n"


def nodes(node: Any) -> list[Any]:
    """All nodes of a tree, without recursion."""
    found, waiting = [], [node]
    while waiting:
        at = waiting.pop()
        if isinstance(at, tuple):
            waiting.extend(at)
        elif is_dataclass(at) and not isinstance(at, (Source, Span)):
            found.append(at)
            waiting.extend(getattr(at, f.name) for f in fields(at))
    return found


def check_spans(file: File, found: list[Diagnostic]) -> None:
    size = len(file.source.text)
    for node in nodes(file):
        if isinstance(node, File):
            continue
        assert 0 <= node.span.start <= node.span.end <= size
        if isinstance(node, (Assign, Call, List, Number)):
            assert node.span.text == node.span.text.strip() != ""
    for diagnostic in found:
        for span in [diagnostic.span, *(label.span for label in diagnostic.labels)]:
            assert span is not None
            assert 0 <= span.start <= span.end <= size
    render_full(found)


@settings(max_examples=150, deadline=None)
@given(texts)
def test_never_raises(text: str) -> None:
    check_spans(*parse(source(text)))
    parse_value(source(text))
    parse_path(source(text))


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 10**6), st.data())
def test_never_raises_on_a_recipe_with_a_slip(seed: int, data: st.DataObject) -> None:
    text = good(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 5)))
        text = text[:start] + data.draw(st.one_of(st.just(""), st.sampled_from(PIECES))) + text[end:]
    check_spans(*parse(source(text)))


@pytest.mark.parametrize("seed", range(40))
def test_a_valid_recipe_is_covered_by_its_tree(seed: int) -> None:
    file, found = parse(source(good(seed)))
    assert found == []
    text = list(file.source.text)
    spans = [n.span for n in nodes(file) if isinstance(n, Block) is False and not isinstance(n, File)]
    spans += [s for b in nodes(file) if isinstance(b, Block) for s in (b.head, b.close) if s]
    for span in spans:
        text[span.start : span.end] = " " * (span.end - span.start)
    assert re.sub(r"[\s{]", "", "".join(text)) == "smolc"


def test_spans_slice_to_what_was_written() -> None:
    text = 'a."b c" = f(1, x = [-2e-5, "t\\n"], y = u.v, z = true)'
    file, found = parse(source(text))
    assert found == []
    for node in nodes(file):
        match node:
            case Ident(name, span, quoted):
                assert span.text == (f'"{name}"' if quoted else name)
            case Number(value, None, span):
                assert float(span.text) == value
            case Bool(value, span):
                assert span.text == str(value).lower()
            case Ref(path, span):
                assert span.text == str(path)
            case Text(value, span):
                assert (span.text, value) == ('"t\\n"', "t\n")
    assert file.items[0].span.text == text


def test_three_broken_lines_give_three_reports() -> None:
    """Of 300 recipes with three broken lines each, reports that are not about one of the three."""
    reports = astray = broken = silent = 0
    for seed in range(300):
        rng = random.Random(seed)
        lines, marks = breakage.broken(rng, breakage.recipe(rng), 3)
        found = parse(source("\n".join(lines) + "\n"))[1]
        told = set()
        for diagnostic in found:
            about = breakage.touched(diagnostic, lines)
            told |= about
            astray += not about & set(marks)
        reports += len(found)
        broken += len(marks)
        silent += len(set(marks) - told)
    print(f"{reports} reports for {broken} broken lines: {astray} astray, {silent} lines without one")
    assert astray <= 0.03 * reports
    assert silent <= 0.03 * broken
    assert abs(reports - broken) <= 0.03 * broken


@pytest.mark.parametrize("how", sorted(breakage.BREAKS))
def test_one_broken_line_costs_one_statement(how: str) -> None:
    rng = random.Random(how)
    tried = 0
    for _ in range(400):
        lines = breakage.recipe(rng)
        at = rng.randrange(len(lines))
        changed = breakage.BREAKS[how](lines[at])
        if changed is None:
            continue
        tried += 1
        before = len(leaves(parse(source("\n".join(lines)))[0]))
        lines[at] = changed
        file, found = parse(source("\n".join(lines)))
        assert len(found) == 1, "\n".join(lines) + render_full(found)
        assert before - 1 <= len(leaves(file)) <= before + 1, "\n".join(lines)
        if tried == 12:
            return
    assert tried > 2


def leaves(file: File) -> list[Any]:
    return [n for n in nodes(file) if isinstance(n, (Assign, Compare, Drop))]


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("a {\n" * 1000, 1),
        ("a {" * 1000 + "}" * 1000, 1),
        ("x = " + "[" * 100_000, 1),
        ("x = " + "f(" * 50_000 + ")" * 50_000, 1),
        ("x = " + "[" * 20_000 + ")" * 20_000, 3),
        ('"""\nstage a {\n' * 20_000, 20_000),
        ("x = (\n" * 5_000, 5_001),
        ("}" * 20_000, 20_000),
        ("x = [" + "1, " * 50_000 + "]", 0),
        ("x" * 200_000, 1),
        ('"' * 50_001, 50_001),
        ("x >= " + "1 + " * 20_000 + "1", 0),
        ("a = '" * 3000, 3),
        ("\\" * 50_000, 1),
        ("a-" * 30_000, 2),
        ("é" * 50_000, 1),
        ("1" * 50_000, 2),
        ("x = " + "f(1 " * 30, 40),
    ],
)
def test_hostile_texts_are_quick(text: str, most: int) -> None:
    started = time.process_time()
    file, found = parse(source(text))
    assert time.process_time() - started < 10
    assert len(found) <= most
    check_spans(file, found[:20])


def test_a_large_recipe_is_quick() -> None:
    rows = "".join(f'    "OpenHermes_2.5_subset_{i}_no_think" = take(50%)  # {i}\n' for i in range(10_000))
    text = f"smolc 1\nmixture m {{\n  from x {{\n{rows}  }}\n}}\n"
    started = time.process_time()
    file, found = parse(source(text))
    assert time.process_time() - started < 6, "about 1 s is normal"
    assert found == []
    assert len(leaves(file)) == len(file.comments) == 10_000


def test_kept_tables_are_those_of_the_grammar() -> None:
    """If this fails: `from smolc.compiler.syntax import grammar; grammar.write_tables()`."""
    assert grammar.TABLES.read_text(encoding="utf-8").startswith(f'{{"key":"{grammar.key()}"')
    assert grammar._from_tables() is not None


def test_without_tables_the_parser_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = tmp_path / "grammar.json"
    monkeypatch.setattr(grammar, "TABLES", tables)
    for text in [
        "",
        "[]",
        "{",
        '{"key": "other"}',
        f'{{"key": "{grammar.key()}", "data": {{}}, "memo": {{}}}}',
    ]:
        tables.write_text(text)
        assert grammar._from_tables() is None
    tables.unlink()
    assert grammar._from_tables() is None
    assert grammar.build().parse_interactive(start="value") is not None


def test_values_and_paths() -> None:
    value, found = parse_value(source(" adamw(lr = 2e-5) "))
    assert (type(value), found) == (Call, [])
    path, found = parse_path(source('stage.sft."a b".lr'))
    assert (str(path), found) == ("stage.sft.a b.lr", [])
    for text in ["", "1 2", "a = 1", "{", "[1", "4K x", "\n", "# only", "]" * 10]:
        assert parse_value(source(text))[1], text
    for text in ["", "a.", "a b", "3", "a..b", ".a", "a-b"]:
        assert parse_path(source(text))[1], text


def test_no_code_has_two_names() -> None:
    names: dict[str, set[str]] = {}
    for file in Path(grammar.__file__).parent.glob("*.py"):
        for code, name in re.findall(r'"([SF]\d{3})",\s+"([a-z0-9-]+)"', file.read_text(encoding="utf-8")):
            names.setdefault(code, set()).add(name)
    assert len(names) > 30
    assert {code: found for code, found in names.items() if len(found) > 1} == {}
    every = [name for found in names.values() for name in found]
    assert len(every) == len(set(every))


def test_a_space_before_a_misspelt_unit_is_told_the_unit() -> None:
    _, found = parse(Source("x", "length = 240 steps\n"))
    assert [d.help for d in found] == ["write `240step`"]


def test_a_file_that_is_no_recipe_is_not_read_to_its_end() -> None:
    for text in ("stage x {\n" * 5000, "}" * 5000, "a = \n" * 5000, "foo bar baz\n" * 5000, "\t\t}\n" * 5000):
        file, found = parse(Source("x", text))
        assert [d.name for d in found].count("too-many-mistakes") == 1
        assert len(found) <= 2 * MOST + 1
        assert file.source.text == text
