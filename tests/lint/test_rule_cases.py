"""Every rule against the cases that stand beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from lint_cases import Case, read_cases
from pydantic import TypeAdapter

from smolc.compiler.diagnostics import Diagnostic
from smolc.compiler.diagnostics.types import has_errors
from smolc.compiler.lint import lint, rules
from smolc.compiler.lint.discover import all_rules
from smolc.compiler.model.build import build
from smolc.compiler.plan import plan
from smolc.compiler.render import files
from smolc.compiler.resolve import resolve
from smolc.runtime.jobs.manifest import AnyJob
from smolc.runtime.jobs.text import load

RULES = Path(rules.__path__[0])
BASE = Path(__file__).parent / "base"
CASES = [case for path in sorted(RULES.glob("*/*.cases")) for case in read_cases(path)]
JOB = TypeAdapter(AnyJob)
CODES = {rule.module: rule.rule.code for rule in all_rules()}


def code_of(path: Path) -> str:
    return CODES[f"{rules.__name__}.{path.parent.name}.{path.stem}"]


def review(recipe: Path) -> list[Diagnostic]:
    """Everything that lint says; the recipe itself must be without mistakes. What it lets pass the jobs must take."""
    resolved, found = resolve(recipe, shown=recipe.name)
    assert resolved is not None
    assert not has_errors(found), found
    made, found = build(resolved)
    assert made is not None, found
    planned, found = plan(made, resolved)
    assert planned is not None, found
    said = lint(made, resolved, planned)
    if not has_errors(said):
        for path, text in files(planned, "..", recipe.name).items():
            if path.endswith("/job.yaml"):
                JOB.validate_python(load(text))
    return said


def as_line(d: Diagnostic, own: str) -> str:
    severity = {rule.rule.code: rule.rule.severity for rule in all_rules()}[d.code]
    word = "" if d.severity is severity else f" {d.severity.word}"
    if d.span is None:
        return f"{d.code}{word}"
    name = "" if d.span.source.name == own else f"{d.span.source.name}:"
    return f"{d.code}{word} at {name}{d.span.line}:{d.span.column}"


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.rule.stem}-{c.title.replace(' ', '_')}")
def test_case(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for base in BASE.glob("*.recipe"):
        shutil.copy(base, tmp_path)
    for name, text in case.files.items():
        path = (tmp_path / name).resolve()
        assert path.is_relative_to(tmp_path.resolve()), name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    recipe = tmp_path / "case.recipe"
    recipe.write_text(case.recipe, encoding="utf-8")
    found = review(recipe)
    assert [d.message for d in found if d.name == "rule-crashed"] == []
    own = [d for d in found if d.code == code_of(case.rule)]
    assert sorted(as_line(d, recipe.name) for d in own) == sorted(case.expect)
    if case.fixed is not None:
        assert with_edits(case.recipe, own) == case.fixed


def with_edits(text: str, found: list[Diagnostic]) -> str:
    edits = sorted((e for d in found for e in d.edits), key=lambda e: e.span.start, reverse=True)
    for edit in edits:
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


@pytest.mark.parametrize("rule", all_rules(), ids=lambda r: r.rule.name)
def test_every_rule_has_cases_both_ways(rule) -> None:
    own = [c for c in CASES if code_of(c.rule) == rule.rule.code]
    assert sum(c.fails for c in own) >= 2
    assert sum(not c.fails for c in own) >= 2


def test_failing_cases_expect_something_and_passing_ones_no_complaint() -> None:
    for case in CASES:
        complaints = [line for line in case.expect if " info at " not in line]
        assert bool(complaints) is case.fails, (case.rule.stem, case.title)


def test_no_cases_without_a_rule() -> None:
    assert [c.rule for c in CASES if not c.rule.is_file()] == []
