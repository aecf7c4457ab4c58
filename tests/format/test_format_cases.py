"""The text cases in `cases/` (see the README there), and what cannot be written there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smolc.compiler.format import HasMistakes, canonical, formatted

CASES = Path(__file__).parent / "cases"
RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.recipe"))


def cases() -> list[pytest.param]:  # type: ignore[valid-type]
    found = []
    for file in sorted(CASES.glob("*.txt")):
        for part in re.split(r"^=== ", file.read_text(encoding="utf-8"), flags=re.M)[1:]:
            title, _, body = part.partition("\n")
            before, _, after = body.partition("---\n")
            found.append(pytest.param(before, after, id=f"{file.stem}: {title}"))
    return found


@pytest.mark.parametrize(("before", "after"), cases())
def test_case(before: str, after: str) -> None:
    assert formatted(before) == after
    assert canonical(before) == after
    assert formatted(after) == after


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_recipes_of_the_repository_are_formatted(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(text) == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("\n \n\t\n", ""),
        ("\ufeffa = 1", "a = 1\n"),
        ("a = 1\r\n\r\nb = 2\r\n", "a = 1\n\nb = 2\n"),
        ("stage s {  \n\tinit\t=\tm \t# at init \t\n\t\n}  ", "stage s {\n  init = m  # at init\n}\n"),
        ('a = """\r\n\tx\r\n\t"""\r\n', 'a = """\n\tx\n\t"""\n'),
        ("# ends without a line end", "# ends without a line end\n"),
    ],
)
def test_line_ends_tabs_and_spaces(before: str, after: str) -> None:
    assert formatted(before) == after


@pytest.mark.parametrize(
    ("text", "code"), [("stage s {", "S002"), ("a = 4K", "S031"), ("a = 'x'", "S012"), ("a = \x07", "F007")]
)
def test_a_text_with_mistakes_is_refused(text: str, code: str) -> None:
    with pytest.raises(HasMistakes) as refused:
        formatted(text, "my.recipe")
    assert [d.code for d in refused.value.found] == [code]
    assert refused.value.found[0].span is not None
    assert refused.value.found[0].span.source.name == "my.recipe"
