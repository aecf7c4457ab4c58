"""Things that creep in."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tree import REPO, ROOMS, modules, tracked

# Written so that this file does not hold them itself.
UNWANTED = {
    "a path of somebody's machine": re.compile(r"/(?:wor)k/|/(?:roo)t/|/(?:hom)e/\w+/|/(?:User)s/\w+/"),
    "work left for later": re.compile(r"\b(?:TO)DO\b|\b(?:FIX)ME\b"),
    "a conflict that was not resolved": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
}


def texts() -> list[Path]:
    return [p for p in tracked() if not (REPO / p).is_symlink() and p.name != "LICENSE"]


@pytest.mark.parametrize("what", UNWANTED)
def test_no_file_holds(what: str) -> None:
    found = []
    for path in texts():
        text = (REPO / path).read_text(encoding="utf-8", errors="replace")
        for hit in UNWANTED[what].finditer(text):
            found.append(f"{path}:{text.count(chr(10), 0, hit.start()) + 1}: {hit.group()}")
    assert found == []


def test_modules_stay_small() -> None:
    """One that grows beyond 400 lines holds two things."""
    python = [p for p in tracked() if p.suffix == ".py"]
    lengths = {str(p): len((REPO / p).read_text(encoding="utf-8").splitlines()) for p in python}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_test_files_have_names_of_their_own() -> None:
    """Without packages among the tests, pytest and their imports need that."""
    names = [p.name for p in modules("tests") if p.name != "conftest.py"]
    assert sorted({n for n in names if names.count(n) > 1}) == []


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torch") is None, reason="mypy needs the train extra to see what is there")
def test_types() -> None:
    """All of the tree was checked: without the links in src/smolc, mypy is content with one file."""
    mypy = [sys.executable, "-m", "mypy", "--verbose"]
    done = subprocess.run(mypy, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    checked = set(re.findall(r"BuildSource\(path='[^']*src/smolc/([^']*\.py)'", done.stderr))
    assert checked == {path.as_posix() for path in modules(*ROOMS)} | {"__init__.py"}
