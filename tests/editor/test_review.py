"""Findings as an editor shows them, and what it offers to do about them."""

from __future__ import annotations

from pathlib import Path

import pytest
from marked import marked

from smolc.compiler.diagnostics import Severity, Source, Span
from smolc.compiler.editor.review import Report, fix_all, fixes, review, suppression

GOOD = """recipe small { }
model base { scratch = llama(layers = 1, hidden = 16, heads = 2); tokenizer = bytes }
dataset chats { path = "chats.jsonl" }
template chat { builtin = chatml }
stage sft {
  init = base
  method = sft
  data = chats
  template = chat
}
"""


def reports(folder: Path, text: str, **others: str) -> list[Report]:
    """Two rules only: the others have their cases."""
    settings = folder / "pyproject.toml"
    if not settings.exists():
        settings.write_text('[tool.smolc.lint]\nselect = ["unused-data", "B301"]\n')
    path, _, texts = marked(folder, text + "‸", **others)
    return review(path, texts)


def one(folder: Path, text: str, name: str, **others: str) -> Report:
    found = [r for r in reports(folder, text, **others) if r.name == name]
    assert len(found) == 1, [r.name for r in reports(folder, text, **others)]
    return found[0]


def fixed(text: str, report: Report, title: str) -> str:
    """The text with the edits of the fix whose title begins so."""
    fix = next(f for f in fixes(report) if f.title.startswith(title))
    for span, new in sorted(fix.edits, key=lambda e: e[0].start, reverse=True):
        text = text[: span.start] + new + text[span.end :]
    return text


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("smolc.lock", "<<<<<<< HEAD\n", "smolc.lock is not a lock file, or was cut short"),
        ("smolc.lock", "version = 9\n", "is of version 9, and this smolc reads version 1"),
        ("pyproject.toml", "[tool.smolc\n", "pyproject.toml cannot be read"),
        ("pyproject.toml", '[tool.smolc.lint]\nselect = ["X9"]\n', "there is no rule `X9`"),
    ],
)
def test_what_lies_beside_a_recipe_and_cannot_be_read(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    (found,) = reports(tmp_path, GOOD)
    assert message in found.message and found.severity is Severity.ERROR
    assert GOOD[found.start : found.end] == "recipe small { }"
    assert list(fixes(found)) == []
    path, _, texts = marked(tmp_path, GOOD + "‸")
    assert fix_all(path, texts) is None


def test_what_the_compiler_and_lint_find(tmp_path: Path) -> None:
    found = one(tmp_path, GOOD + "dataset spare { path = 'a.jsonl' }\n", "wrong-quotes")
    assert (found.severity, found.code) == (Severity.ERROR, "S012")
    assert found.message.endswith('help: write "a.jsonl"')
    spare = GOOD + 'dataset spare { path = "a.jsonl" }\n'
    found = one(tmp_path, spare, "unused-data")
    assert found.unused and found.severity is Severity.WARNING
    assert found.url is not None and found.url.endswith("rules.md#d207-unused-data")
    assert spare[found.start : found.end] == "spare" or "dataset spare" in spare[found.start : found.end]


def test_labels_lead_to_their_places(tmp_path: Path) -> None:
    found = one(tmp_path, GOOD + "stage sft { }\n", "declared-twice")
    assert [(span.line, text) for span, text in found.related] == [(5, "first declared here")]


def test_a_mistake_in_a_parent_is_shown_at_extends(tmp_path: Path) -> None:
    text = 'extends "base.recipe"\n'
    found = one(tmp_path, text, "unknown-key", base=GOOD.replace("init", "innit"))
    assert text[found.start : found.end] == '"base.recipe"'
    assert found.message.startswith("base.recipe:6: ")
    span, said = found.related[0]
    assert (span.line, span.text, said) == (6, "innit", "here")


def test_a_text_is_reviewed_not_the_file(tmp_path: Path) -> None:
    (tmp_path / "case.recipe").write_text("nonsense {")
    assert [r for r in reports(tmp_path, GOOD) if r.severity is Severity.ERROR] == []


def test_settings_that_cannot_be_read_are_a_report(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.smolc.lint]\nselect = ["nobody"]\n')
    (found,) = reports(tmp_path, GOOD)
    assert "no rule `nobody`" in found.message


@pytest.mark.parametrize(
    ("wrong", "right", "name", "title"),
    [
        ("innit = base", "init = base", "unknown-key", "Write `init`"),
        ("init = bse", "init = base", "unknown-name", "Write `base`"),
        ("init = bse.best", "init = base.best", "unknown-name", "Write `base`"),
        ("method = sff", "method = sft", "unknown-variant", "Write `sft`"),
        ("template: chat", "template = chat", "wrong-assignment", "Write `template = ...`"),
        ("batch = 8K\n", "batch = 8k\n", "ambiguous-scale", "Write `8k`"),
        ("kernels = ligre", "kernels = liger", "unknown-word", "Write `liger`"),
    ],
)
def test_the_word_that_was_meant(wrong: str, right: str, name: str, title: str, tmp_path: Path) -> None:
    key = right.split(" ")[0]
    line = next((line for line in GOOD.split("\n") if line.strip().startswith(f"{key} ")), "  keep = 2")
    text = GOOD.replace(line, f"  {wrong}") if line in GOOD else GOOD.replace("  data", f"  {wrong}\n  data")
    found = one(tmp_path, text, name)
    assert fixed(text, found, title) == text.replace(wrong, right)


def test_a_finding_is_accepted_with_a_reason_to_fill_in(tmp_path: Path) -> None:
    text = GOOD + 'dataset spare { path = "a.jsonl" }\n'
    made = fixed(text, one(tmp_path, text, "unused-data"), "Accept unused-data")
    assert made == GOOD + 'dataset spare { path = "a.jsonl" }  # lint: allow(unused-data) -- \n'
    names = [r.name for r in reports(tmp_path, made)]
    assert "unused-data" not in names and "suppression-without-reason" in names
    names = [r.name for r in reports(tmp_path, made.replace("-- ", "-- a reason"))]
    assert names == [r.name for r in reports(tmp_path, GOOD)]


def test_what_the_compiler_itself_says_cannot_be_accepted(tmp_path: Path) -> None:
    found = one(tmp_path, GOOD.replace("init = base", "init = nobody"), "unknown-name")
    assert [f.title for f in fixes(found)] == []


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("a = 1", "a = 1  # lint: allow(x) -- "),
        ("a = 1   \nb = 2", "a = 1  # lint: allow(x) -- \nb = 2"),
        ("  a = 1 # why", "  # lint: allow(x) -- \n  a = 1 # why"),
        ("a = 1 # lint: allow(y) -- z", "a = 1 # lint: allow(y, x) -- z"),
        ("a = 1 # lint: allow() -- z", "a = 1 # lint: allow(x) -- z"),
        ('  a = """\n  b\n  """', '  # lint: allow(x) -- \n  a = """\n  b\n  """'),
    ],
)
def test_where_a_suppression_goes(text: str, after: str) -> None:
    at = text.index("a")
    span, new = suppression(Span(Source("t", text), at, at + 1), "x")
    assert text[: span.start] + new + text[span.end :] == after


def test_everything_that_is_safe_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("  data", "  packing = best_fit(length = 2Ki)\n  batch = 8seq\n  data")
    reports(tmp_path, text)
    path, _, texts = marked(tmp_path, text + "‸")
    made = fix_all(path, texts)
    assert made is not None and "batch = 16384tok" in made
    assert fix_all(path, {path: made}) is None
