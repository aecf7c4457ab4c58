"""`--since REF`: only what a branch added."""

from __future__ import annotations

from pathlib import Path

import pytest
from linting import BY_EXAMPLES, PACKED, git, lint, project

from smolc.compiler.diagnostics import Source
from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.resolve.revision import at_revision
from smolc.compiler.syntax import parse
from smolc.compiler.syntax.address import address


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    project(tmp_path, packed=PACKED)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def codes(*arguments: str) -> list[str]:
    lines = lint(*arguments, "--format", "concise").stdout.splitlines()
    return [line.split("[")[1][:4] for line in lines if "[" in line]


def test_what_was_there_is_not_said_again(here: Path) -> None:
    assert codes("packed.recipe", "--since", "HEAD") == []
    assert lint("packed.recipe", "--since", "HEAD").exit_code == 0


def test_lines_may_move(here: Path) -> None:
    (here / "packed.recipe").write_text(
        PACKED.replace("stage", "# a comment\n\n\nstage").replace("8seq", "16seq")
    )
    assert codes("packed.recipe", "--since", "HEAD") == []


def test_what_is_new_is_said(here: Path) -> None:
    (here / "packed.recipe").write_text(PACKED + BY_EXAMPLES.split("\n", 1)[1])
    assert codes("packed.recipe", "--since", "HEAD") == ["F010", "D201"]
    assert lint("packed.recipe", "--since", "HEAD").exit_code == 1


def test_a_second_one_elsewhere_is_new(here: Path) -> None:
    more = "stage again { init = sft; method = sft; data = mix; packing = best_fit(length = 1Ki); batch = 8seq }\n"
    (here / "packed.recipe").write_text(PACKED + more)
    assert "B301" in codes("packed.recipe", "--since", "HEAD")


def test_a_recipe_that_was_not_there_is_new_altogether(here: Path) -> None:
    (here / "new.recipe").write_text(PACKED)
    assert "B301" in codes("new.recipe", "--since", "HEAD")


def test_parents_are_those_of_the_revision(here: Path) -> None:
    """The child is the same; what the parent gained comes up as new."""
    (here / "child.recipe").write_text('extends "middle.recipe"\n')
    (here / "middle.recipe").write_text('extends "sft.recipe"\n')
    git(here, "add", ".")
    git(here, "commit", "-qm", "second")
    (here / "middle.recipe").write_text(PACKED)
    assert codes("child.recipe", "--since", "HEAD") == ["B301"]


@pytest.mark.parametrize("ref", ["no-such-branch", "--help", "-n1", "HEAD~99", "HEAD:packed.recipe", ""])
def test_a_revision_that_does_not_exist(here: Path, ref: str) -> None:
    with pytest.raises(Refused) as caught:
        lint("packed.recipe", f"--since={ref}")
    assert f"there is no revision `{ref}`" in str(caught.value)


def test_outside_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    project(tmp_path, packed=PACKED)
    with (
        pytest.raises(Refused, match="is in no git repository"),
        at_revision(tmp_path / "packed.recipe", "HEAD"),
    ):
        pass


RECIPE = """extends "base.recipe"
stage sft {
  init  = base        # why
  tasks = [a, aime25(avg = 64), 3]
  optim = adamw(lr = 2e-5)
  sweep {
    optim.lr = [1e-5]
  }
}
eval e { expect { sft.x >= 3 } }
drop model old
"""


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("base.recipe", "extends"),
        ("stage", "stage.sft"),
        ("init", "stage.sft.init"),
        ("base  ", "stage.sft.init"),
        ("# why", "stage.sft.# why"),
        ("a,", "stage.sft.tasks.[a]"),
        ("avg", "stage.sft.tasks.[aime25].avg"),
        ("3]", "stage.sft.tasks.[3]"),
        ("2e-5", "stage.sft.optim.lr"),
        ("adamw", "stage.sft.optim"),
        ("[1e-5", "stage.sft.sweep.optim.lr"),
        ("1e-5", "stage.sft.sweep.optim.lr.[1e-5]"),
        (">= 3", "eval.e.expect.sft.x >="),
        ("old", "drop.model.old"),
    ],
)
def test_addresses(at: str, expected: str) -> None:
    file, found = parse(Source("x", RECIPE))
    assert found == []
    assert address(file, RECIPE.index(at)) == expected
