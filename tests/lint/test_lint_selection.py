"""`--select`, `--ignore` and `[tool.smolc.lint]`."""

from __future__ import annotations

from pathlib import Path

import pytest
from linting import BY_EXAMPLES, PACKED, lint, project

from smolc.compiler.lint.discover import find
from smolc.compiler.lint.settings import BadSettings, Settings, forget, settings_for

BOTH = PACKED + BY_EXAMPLES.split("\n", 1)[1]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    project(tmp_path, both=BOTH)
    (tmp_path / "pyproject.toml").unlink()
    return tmp_path


def codes(*arguments: str) -> list[str]:
    lines = lint("both.recipe", "--format", "concise", *arguments).stdout.splitlines()
    found = {line.split("[")[1][:4] for line in lines if "[" in line}
    return sorted(found & {"A003", "B301", "D201"})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["B301", "D201"]),
        (["--select", "B"], ["B301"]),
        (["--select", "b3"], ["B301"]),
        (["--select", "B301,D201"], ["B301", "D201"]),
        (["--select", "B301", "--select", "D201"], ["B301", "D201"]),
        (["--select", "packing-without-token-batch"], ["B301"]),
        (["--select", "ALL"], ["B301", "D201"]),
        (["--ignore", "D"], ["B301"]),
        (["--ignore", "mixture-balanced-by-examples"], ["B301"]),
        (["--ignore", "all"], []),
        (["--ignore", "B", "--select", "B301"], ["B301"]),
        (["--select", "B", "--ignore", "B301"], []),
        (["--select", "T"], []),
    ],
)
def test_selectors(here: Path, arguments: list[str], expected: list[str]) -> None:
    assert codes(*arguments) == expected


def test_a_process_that_goes_on_forgets_what_it_read(here: Path) -> None:
    recipe = here / "both.recipe"
    assert settings_for(recipe) == Settings()
    (here / "pyproject.toml").write_text("[tool.smolc.lint]\nselect = ['B']\n")
    forget()
    assert settings_for(recipe) == Settings(("b",))
    (here / "pyproject.toml").write_text("[tool.smolc.lint]\nselect = ['D']\n")
    forget()
    assert settings_for(recipe) == Settings(("d",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[tool.smolc.lint]\nignore = ['B']\n", ["D201"]),
        ("[tool.smolc.lint]\nselect = ['packing-without-token-batch']\n", ["B301"]),
        ("[tool.smolc.lint]\nselect = ['B', 'D']\nignore = ['D2']\n", ["B301"]),
        ("[tool.other]\nx = 1\n", ["B301", "D201"]),
        ("[tool.smolc.lint]\n", ["B301", "D201"]),
    ],
)
def test_configuration(here: Path, text: str, expected: list[str]) -> None:
    (here / "pyproject.toml").write_text(text)
    assert codes() == expected


def test_configuration_of_the_nearest_folder_above_that_speaks_of_smolc(here: Path) -> None:
    (here / "pyproject.toml").write_text("[tool.smolc.lint]\nignore = ['B301']\n")
    inner = here / "a/b"
    inner.mkdir(parents=True)
    (here / "a/pyproject.toml").write_text("[project]\nname = 'other'\n")
    project(inner, both=BOTH)
    (inner / "pyproject.toml").unlink()
    result = lint("a/b/both.recipe", "--format", "concise")
    assert "B301" not in result.stdout and "D201" in result.stdout


def test_select_replaces_what_is_configured_and_ignore_adds_to_it(here: Path) -> None:
    (here / "pyproject.toml").write_text("[tool.smolc.lint]\nignore = ['B']\n")
    assert codes("--select", "B") == ["B301"]
    assert codes("--ignore", "D") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.smolc]\nselect = ['B']\n", "[tool.smolc] has no `select`; did you mean `lint.select`?"),
        ("[tool.smolc.lint]\nselekt = ['B']\n", "[tool.smolc.lint] has no `selekt`; it has select, ignore"),
        ("[tool.smolc.lint]\nselect = 'B'\n", "`select` in [tool.smolc.lint] is a list of rules"),
        ("[tool.smolc.lint]\nselect = [1]\n", "is a list of rules"),
        (
            "[tool.smolc.lint]\nselect = ['packing-without-token-batches']\n",
            "did you mean `packing-without-token-batch`?",
        ),
        ("[tool]\nsmolc = 1 # [tool.smolc]\n", "[tool.smolc] is a table"),
        ("[tool.smolc.lint\n", "cannot be read"),
    ],
)
def test_configuration_that_cannot_be_understood(here: Path, text: str, said: str) -> None:
    (here / "pyproject.toml").write_text(text)
    with pytest.raises(BadSettings) as caught:
        settings_for(here / "both.recipe")
    assert said in str(caught.value)
    assert "pyproject.toml" in str(caught.value)


def test_unknown_selector() -> None:
    with pytest.raises(BadSettings, match="--ignore: there is no rule `P5011`; did you mean `P501`"):
        settings_for(Path("x.recipe"), (), ("P5011",))


def test_what_says_more_decides() -> None:
    rule = find("B301")
    assert rule is not None
    wants = lambda select, ignore: Settings(select, ignore).wants(rule.rule)  # noqa: E731
    assert wants(("all",), ())
    assert wants(("b301",), ("b",)) and not wants(("b",), ("b301",))
    assert wants(("packing-without-token-batch",), ("b301",)) is False  # as close, and `ignore` then decides
    assert not wants(("b3",), ("b3",))
    assert not wants(("t",), ())


def test_suppressions_of_rules_that_do_not_run_are_not_useless(here: Path) -> None:
    text = PACKED.replace("8seq", "8seq  # lint: allow(B301) -- as it was")
    (here / "both.recipe").write_text(text)
    assert codes() == []
    assert codes("--ignore", "B301") == []
    assert codes("--select", "D") == []


def test_build_runs_the_same_rules(here: Path) -> None:
    from smolc.compiler.cli.common import compile_recipe

    (here / "pyproject.toml").write_text("[tool.smolc.lint]\nignore = ['D']\n")
    found = {d.code for d in compile_recipe("both.recipe").found}
    assert "B301" in found and "D201" not in found


@pytest.mark.parametrize(
    ("comment", "code"),
    [
        ("# lint: allow(B301)", "A001"),
        ("# lint: allow(B301) --", "A001"),
        ("# lint: allow(no-such-rule) -- because", "A002"),
        ("# lint: allow() -- because", "A002"),
        ("# lint: alow(B301) -- because", "A004"),
    ],
)
def test_a_suppression_that_cannot_be_followed_ends_with_2(here: Path, comment: str, code: str) -> None:
    (here / "both.recipe").write_text(PACKED.replace("8seq", f"8seq  {comment}"))
    result = lint("both.recipe")
    assert result.exit_code == 2
    assert f"error[{code} " in result.stdout


def test_an_empty_file_ends_with_2(here: Path) -> None:
    (here / "both.recipe").write_text("\n\n")
    result = lint("both.recipe")
    assert (result.exit_code, "error[F008 empty-file]: `both.recipe` is empty" in result.stdout) == (2, True)


@pytest.mark.parametrize(
    "option", ["--set=sft.optim.lrr=1", "--set=sft.batch=", "--set=nope.x=1", "--on=8xh1000"]
)
def test_an_option_that_says_what_cannot_be_ends_with_2(here: Path, option: str) -> None:
    assert lint("both.recipe", option).exit_code == 2
