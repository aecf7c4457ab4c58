"""What is installed is what is in the tree."""

from pathlib import Path

import pytest
from tree import REPO, ROOMS, modules, project, tracked

import smolc

SETUPTOOLS = project()["tool"]["setuptools"]


def folder_of(package: str) -> Path:
    parts = package.split(".")
    return Path(*parts[1:]) if len(parts) > 1 else Path("src/smolc")


def test_every_package_is_listed() -> None:
    folders = {m.parent for m in modules(*ROOMS) if m.name == "__init__.py"}
    in_tree = {"smolc"} | {".".join(("smolc", *folder.parts)) for folder in folders}
    listed = SETUPTOOLS["packages"]
    assert sorted(listed) == sorted(in_tree)
    assert len(listed) == len(set(listed))


def test_every_module_is_in_a_package() -> None:
    inits = {m.parent for m in modules(*ROOMS) if m.name == "__init__.py"}
    assert [str(m) for m in modules(*ROOMS) if m.parent not in inits] == []


def test_every_data_file_is_installed() -> None:
    """One that is forgotten works in the repository and is missing from the wheel.

    Cases of lint rules are for tests only.
    """
    installed = {
        path.relative_to(REPO)
        for package, patterns in SETUPTOOLS["package-data"].items()
        for pattern in patterns
        for path in (REPO / folder_of(package)).glob(pattern)
    }
    data = {p for p in tracked() if p.parts[0] in ROOMS and p.suffix not in (".py", ".cases")}
    assert sorted(map(str, data - installed)) == []


def test_the_types_are_installed() -> None:
    assert "py.typed" in SETUPTOOLS["package-data"]["smolc"]
    assert (REPO / "src/smolc/py.typed").is_file()


@pytest.mark.parametrize("room", ROOMS)
def test_links_for_type_checkers(room: str) -> None:
    """mypy reports success on one file if they are missing."""
    link = REPO / "src/smolc" / room
    assert link.is_symlink()
    assert link.readlink() == Path("../..") / room


def test_one_version() -> None:
    assert project()["project"]["version"] == smolc.__version__
    assert f"## {smolc.__version__}" in (REPO / "CHANGELOG.md").read_text(encoding="utf-8")


def test_licence_is_whole() -> None:
    text = (REPO / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert len(text.split()) > 1500
