"""The pages of docs/reference are current, and what they show is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from snippets import FENCE, run, section

from smolc.compiler.diagnostics import Source
from smolc.compiler.diagnostics.render import render_full
from smolc.compiler.lint.discover import all_rules
from smolc.compiler.model.habits import HABITS
from smolc.compiler.reference.__main__ import main
from smolc.compiler.reference.catalogue import catalogue
from smolc.compiler.reference.entries import all_codes
from smolc.compiler.reference.pages import pages
from smolc.compiler.syntax import parse
from smolc.compiler.syntax.units import SCALES, UNITS

DOCS = Path(__file__).parents[2] / "docs"
PAGES = pages()
RULES = {loaded.rule.code for loaded in all_rules()}
WRITTEN_BY_HAND = [name for name in PAGES if name not in ("codes.md", "rules.md")]


@pytest.mark.parametrize("name", PAGES)
def test_the_page_in_docs_is_current(name: str) -> None:
    """If not: `python -m smolc.compiler.reference`, and read the diff."""
    assert (DOCS / "reference" / name).read_bytes() == PAGES[name].encode()


def test_docs_hold_no_other_page() -> None:
    assert {path.name for path in (DOCS / "reference").iterdir()} == set(PAGES)


def test_rewriting_changes_what_is_not_current(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 0
    (tmp_path / "eval.md").write_text("old", encoding="utf-8")
    capsys.readouterr()
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'eval.md'}\n"
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == PAGES
    assert main([str(tmp_path / "nowhere")]) == 2


def recipes(text: str) -> list[str]:
    return [body for language, _, body in FENCE.findall(text) if language == "recipe"]


@pytest.mark.parametrize("name", PAGES)
def test_every_recipe_on_a_page_can_be_read(name: str) -> None:
    text = PAGES[name]
    if name == "codes.md":  # what is wrong there is tried out with the codes
        text = "\n".join(section(code.docs, "Right") for code in all_codes())
    for body in recipes(text):
        _, found = parse(Source(name, body))
        assert not found, body + render_full(found)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param(name, body, id=f"{name} {number}")
        for name in WRITTEN_BY_HAND
        for number, body in enumerate(recipes(PAGES[name]))
    ],
)
def test_every_example_written_by_hand_compiles(name: str, body: str, tmp_path: Path) -> None:
    for file in ("maths-1.jsonl", "maths-2.jsonl", "books.jsonl", "thumbs.jsonl"):
        (tmp_path / file).write_text("", encoding="utf-8")
    whole = " example.recipe" if name == "README.md" else ""
    found, shown = run(f"```recipe{whole}\n{body}```", tmp_path)
    assert {code for code, _ in found} <= RULES, shown


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", PAGES[name])):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        path = DOCS / "reference" / (file or name)
        text = PAGES.get(file or name) or path.read_text(encoding="utf-8")
        assert not anchor or anchor in anchors(text), target


def test_every_word_of_the_language_is_on_a_page() -> None:
    everything = "\n".join(PAGES.values())
    words = {f"`{word}`" for word in (*SCALES, *UNITS)}
    for kind, block in catalogue().items():
        assert f"({kind}.md)" in PAGES["README.md"]
        words |= {f"`{key.name}`" for key in block.keys}
        words |= {f"`{choice}`" for key in block.keys for choice in key.choices}
        assert all(f"## {nested.kind}\n" in PAGES[f"{kind}.md"] for nested in block.blocks)
        for key in block.keys:
            assert all(re.search(rf"`{v.word}[(`]", PAGES[f"{kind}.md"]) for v in key.variants)
    assert {word for word in words if word not in everything} == set()
    assert all(f"## {code} " in PAGES["rules.md"] for code in RULES)
    assert all(f"## {code.code} {code.name}\n" in PAGES["codes.md"] for code in all_codes())


def test_what_other_tools_say_is_answered_with_keys_that_exist() -> None:
    keys = {k.name for block in catalogue().values() for k in block.keys}
    for theirs, ours in HABITS.items():
        assert f"| `{theirs}` | {ours.replace('|', chr(92) + '|')} |" in PAGES["habits.md"]
        for key in re.findall(r"`(\w+) = ", ours):
            assert key in keys, ours
