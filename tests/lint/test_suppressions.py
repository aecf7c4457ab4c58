"""`# lint: allow(...) -- reason`, and the engine around the rules."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from smolc.compiler.diagnostics import Diagnostic, Severity
from smolc.compiler.lint import engine, lint
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.discover import all_rules, find
from smolc.compiler.lint.rule import Finding
from smolc.compiler.model.build import build
from smolc.compiler.resolve import resolve

BASE = Path(__file__).parent / "base"
TOO_FAST = "stage dpo { optim = adamw(lr = 5e-6) }"


@pytest.fixture
def review(tmp_path: Path):
    for base in BASE.glob("*.recipe"):
        shutil.copy(base, tmp_path)

    def run(text: str, *overrides: str) -> list[tuple[str, str]]:
        (tmp_path / "case.recipe").write_text(text, encoding="utf-8")
        resolved, found = resolve(tmp_path / "case.recipe", overrides, shown="case.recipe")
        assert resolved is not None and not found, found
        recipe, found = build(resolved)
        assert recipe is not None, found
        return [
            (d.code, f"{d.span.line}:{d.span.column}")
            for d in lint(recipe, resolved)
            if d.span and d.code != "F010"
        ]

    return run


def test_trailing_comment_speaks_of_its_line(review) -> None:
    assert review(f'extends "dpo.recipe"\n{TOO_FAST}  # lint: allow(P501) -- as published\n') == []


def test_comment_of_its_own_speaks_of_the_next_line_with_something_on_it(review) -> None:
    text = (
        f'extends "dpo.recipe"\n# lint: allow(dpo-lr-not-below-sft) -- as published\n\n# more\n{TOO_FAST}\n'
    )
    assert review(text) == []


def test_comment_above_a_block_does_not_speak_of_what_is_inside(review) -> None:
    text = (
        'extends "dpo.recipe"\n# lint: allow(P501) -- all of it\nstage dpo {\n  optim = adamw(lr = 5e-6)\n}\n'
    )
    assert review(text) == [("P501", "4:22"), ("A003", "2:15")]


def test_several_rules_in_one(review) -> None:
    text = """extends "dpo.recipe"
model other { hub = "some/model"; trust_remote_code = true }  # lint: allow(X801, remote-code-unpinned) -- ours
"""
    assert review(text) == []


def test_without_reason_it_suppresses_and_is_an_error(review) -> None:
    assert review(f'extends "dpo.recipe"\n{TOO_FAST}  # lint: allow(P501)\n') == [("A001", "2:41")]
    assert review(f'extends "dpo.recipe"\n{TOO_FAST}  # lint: allow(P501) --  \n') == [("A001", "2:41")]


def test_unknown_rule(review) -> None:
    text = f'extends "dpo.recipe"\n{TOO_FAST}  # lint: allow(dpo-lr-below-sft) -- as published\n'
    assert review(text) == [("A002", "2:55"), ("P501", "2:32")]


def test_what_the_compiler_reports_cannot_be_suppressed(review) -> None:
    assert review('extends "sft.recipe"\nstage sft { batch = 8seq }  # lint: allow(C031) -- no\n') == [
        ("A002", "2:43")
    ]
    assert review('extends "sft.recipe"\nstage sft { batch = 8seq }  # lint: allow() -- no\n') == [
        ("A002", "2:29")
    ]


def test_useless_suppression(review) -> None:
    assert review('extends "dpo.recipe"\nstage dpo { batch = 8seq }  # lint: allow(P501) -- why\n') == [
        ("A003", "2:43")
    ]


def test_a_parents_suppression_and_one_that_an_override_makes_useless_are_no_mistake(
    review, tmp_path: Path
) -> None:
    allowed = f'extends "dpo.recipe"\n{TOO_FAST}  # lint: allow(P501) -- as published\n'
    assert review(allowed, "stage.dpo.optim.lr = 1e-6") == []
    (tmp_path / "parent.recipe").write_text(allowed)
    assert review('extends "parent.recipe"\nstage dpo { optim = adamw(lr = 1e-6) }\n') == []


def test_suppression_is_not_useless_where_the_rule_could_not_look(
    review, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", "nowhere")
    text = 'extends "hub.recipe"\nmodel base { dtype = bf16 }  # lint: allow(T101, T103) -- looked at it\n'
    assert [code for code, _ in review(text)] == ["T101"]


@pytest.mark.parametrize(
    "comment", ["# lint: alow(P501) -- x", "# lint: allow P501", "# lint:allow(P501) because"]
)
def test_what_begins_like_a_suppression_is_not_ignored(review, comment: str) -> None:
    assert review(f'extends "dpo.recipe"\nstage dpo {{ batch = 8seq }}  {comment}\n') == [("A004", "2:29")]


def test_other_comments_are_comments(review) -> None:
    assert review('extends "dpo.recipe"\n# linting is good\n# see lint: allow(P501)\n') == []


def test_rule_that_fails_is_reported_and_the_others_run(review, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(context: Context) -> Iterator[Finding]:
        yield Finding("before", context.recipe.stages["dpo"].span)
        raise KeyError("oops")

    one = find("O401")
    assert one is not None
    rules = tuple(dataclasses.replace(r, check=broken) if r is one else r for r in all_rules())
    monkeypatch.setattr(engine, "all_rules", lambda: rules)
    assert [code for code, _ in review(f'extends "dpo.recipe"\n{TOO_FAST}\n')] == ["O401", "P501"]
    resolved, _ = resolve(BASE / "dpo.recipe", shown="dpo.recipe")
    assert resolved is not None
    recipe, _ = build(resolved)
    assert recipe is not None
    crashed = [d for d in lint(recipe, resolved) if d.name == "rule-crashed"]
    assert [(d.severity, d.message) for d in crashed] == [
        (Severity.WARNING, "internal error in rule O401 lora-lr-like-full: KeyError: 'oops'")
    ]


def missing(recipe: Path) -> list[Diagnostic]:
    resolved, _ = resolve(recipe, shown=recipe.name)
    assert resolved is not None
    made, found = build(resolved)
    assert made is not None, found
    return [d for d in lint(made, resolved) if d.name == "missing-file"]


def test_missing_files_are_told_each_at_its_place(tmp_path: Path) -> None:
    shutil.copy(BASE / "sft.recipe", tmp_path)
    (tmp_path / "case.recipe").write_text("""extends "sft.recipe"
drop model base
model base { path = "weights"; gguf = "a.gguf"; tokenizer = path("tok") }
dataset chats { path = ["here.jsonl", "gone.jsonl"] }
dataset unused { path = "unused.jsonl" }
""")
    (tmp_path / "here.jsonl").touch()
    found = missing(tmp_path / "case.recipe")
    assert [(d.code, d.severity, d.span.text) for d in found if d.span] == [
        ("F010", Severity.INFO, '"gone.jsonl"'),
        ("F010", Severity.INFO, '"weights"'),
        ("F010", Severity.INFO, '"tok"'),
    ]
    (tmp_path / "gone.jsonl").touch()
    (tmp_path / "weights").mkdir()
    (tmp_path / "tok").mkdir()
    assert [d.span.text for d in missing(tmp_path / "case.recipe") if d.span] == ['"a.gguf"']
    (tmp_path / "weights" / "a.gguf").touch()
    assert missing(tmp_path / "case.recipe") == []


def test_many_missing_files_are_told_in_a_few_lines(tmp_path: Path) -> None:
    shutil.copy(BASE / "sft.recipe", tmp_path)
    for count, said in (
        (4, ["f0", "f1", "f2", "f3"]),
        (5, ["f0", "f1", "f2", "f3"]),
        (2000, ["f0", "f1", "f2", "f3"]),
    ):
        files = ", ".join(f'"f{i}.jsonl"' for i in range(count))
        (tmp_path / "case.recipe").write_text(f'extends "sft.recipe"\ndataset chats {{ path = [{files}] }}\n')
        found = missing(tmp_path / "case.recipe")
        assert [d.span.text for d in found if d.span] == [f'"{name}.jsonl"' for name in said]
        rest = (
            f"this is not here either, and neither {'is' if count == 5 else 'are'}"
            if count > 4
            else "there is no file `f3.jsonl` here"
        )
        assert found[-1].message.startswith(rest)
    assert "1,996 others" in found[-1].message
