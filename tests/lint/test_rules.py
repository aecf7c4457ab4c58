"""What holds for every rule."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from smolc.compiler.cli.explain import command
from smolc.compiler.diagnostics import Source
from smolc.compiler.lint import rules
from smolc.compiler.lint.discover import all_rules, find
from smolc.compiler.lint.rule import Loaded
from smolc.compiler.syntax import parse

every_rule = pytest.mark.parametrize("rule", all_rules(), ids=lambda r: r.rule.name)
FENCE = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_codes_and_names_are_unique_and_in_order() -> None:
    codes = [r.rule.code for r in all_rules()]
    assert codes == sorted(set(codes))
    assert len({r.rule.name for r in all_rules()}) == len(codes)
    assert len(codes) == len([p for p in Path(rules.__path__[0]).glob("*/*.py") if p.stem != "__init__"])


@every_rule
def test_names(rule: Loaded) -> None:
    assert re.fullmatch(r"[BDEHMOPRTX][0-9]{3}", rule.rule.code)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.rule.name)


@every_rule
def test_docs(rule: Loaded) -> None:
    headings = re.findall(r"^## (.*)$", rule.docs, re.MULTILINE)
    assert headings == ["What it does", "Why is this bad?", "Wrong", "Right"]
    assert not rule.title.startswith("#") and not rule.title.endswith(".")


@every_rule
def test_recipes_in_docs_are_recipes(rule: Loaded) -> None:
    fences = FENCE.findall(rule.docs)
    assert len(fences) >= 2
    for text in fences:
        if not text.startswith("{"):
            edition = "" if text.startswith("smolc ") else "smolc 1\n"
            assert parse(Source("docs", edition + text))[1] == []


@every_rule
def test_why_names_where_it_was_measured_or_happened(rule: Loaded) -> None:
    why = rule.docs.split("## Why is this bad?")[1].split("## Wrong")[0]
    known = r"[a-zA-Z-]+#\d+|arXiv \d{4}\.\d{5}|Smol Training Playbook|LoRA Without Regret"
    assert re.search(known, " ".join(why.split())) or rule.rule.code.startswith("X8")


def test_find_takes_names_and_codes() -> None:
    assert find("p501") is find("P501") is find("dpo-lr-not-below-sft") is not None
    assert find("nothing") is None


def test_explain_prints_markdown_where_nobody_looks() -> None:
    shown = CliRunner().invoke(command, ["T102"])
    assert shown.exit_code == 0
    assert shown.output.startswith("# T102 end-of-turn-outside-the-loss: The end of turn is not trained\n")
    assert "## Wrong" in shown.output and "\x1b" not in shown.output


def test_rules_are_found_without_being_imported_before() -> None:
    """A new file is enough: nothing lists the rules."""
    text = "".join(p.read_text() for p in Path(rules.__path__[0]).parent.glob("*.py"))
    assert [r.rule.code for r in all_rules() if r.rule.code in text] == []
    assert all(r.module in sys.modules for r in all_rules())
