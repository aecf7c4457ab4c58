"""Every build of a recipe is the committed one, byte for byte, wherever and under whatever settings.

A change that is meant: `python tests/golden/update.py`, and read the diff.
"""

from difflib import unified_diff
from pathlib import Path

import pytest
from golden_builds import GOLDEN, RECIPES, build, content, copy_recipes

Content = dict[str, tuple[bytes, bool]]


def difference(wanted: Content, got: Content) -> str:
    lines = [f"missing: {name}" for name in wanted if name not in got]
    lines += [f"new: {name}" for name in got if name not in wanted]
    for name in wanted.keys() & got.keys():
        if wanted[name] != got[name]:
            before, after = (side[name][0].decode().splitlines() for side in (wanted, got))
            lines += unified_diff(before, after, f"golden/{name}", f"built/{name}", lineterm="", n=1)
            if wanted[name][1] != got[name][1]:
                lines.append(f"{name}: may be executed: {wanted[name][1]} -> {got[name][1]}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("here")
    copy_recipes(made)
    return made


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("some where") / "élse"
    made.mkdir()
    copy_recipes(made)
    return made


def test_each_recipe_has_its_golden_build() -> None:
    assert sorted(manifest.parent.name for manifest in GOLDEN.glob("*/manifest.json")) == list(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_build_is_the_golden_one(name: str, root: Path) -> None:
    built = build(name, root, PYTHONHASHSEED="0", LC_ALL="C.UTF-8", TZ="UTC", COLUMNS="80")
    assert difference(content(GOLDEN / name), content(built)) == ""


@pytest.mark.parametrize("name", RECIPES)
def test_build_is_the_same_everywhere(name: str, elsewhere: Path, tmp_path: Path) -> None:
    ascii_only = {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    built = build(
        name, elsewhere, cwd=tmp_path, PYTHONHASHSEED="4711", TZ="Asia/Kathmandu", COLUMNS="20", **ascii_only
    )
    once = content(built)
    assert difference(content(GOLDEN / name), once) == ""
    again = content(build(name, elsewhere, cwd=tmp_path, PYTHONHASHSEED="1", **ascii_only))
    assert again == once
