"""`./go`, as far as it goes without installing anything."""

import os
import subprocess
from pathlib import Path

import pytest
from tree import REPO


def go(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(REPO / "go"), *arguments], env=os.environ | environment, capture_output=True, text=True, check=False
    )


def test_says_what_it_can_do() -> None:
    done = go()
    assert done.returncode == 0
    for command in ("run", "build", "lint", "test", "check"):
        assert command in done.stdout


@pytest.mark.parametrize("code", [1, 127])
def test_says_that_there_is_no_python(code: int, tmp_path: Path) -> None:
    """A Python that is too old says so with 1; one that is not there is 127."""
    old = tmp_path / "old python"
    old.write_text(f"#!/bin/sh\nexit {code}\n")
    old.chmod(0o755)
    done = go("test", PYTHON=str(old), VENV=str(tmp_path / "venv"))
    assert done.returncode == 1
    assert "no Python 3.10 or newer" in done.stderr
    assert str(old) in done.stderr
    assert not (tmp_path / "venv").exists()


def test_says_what_debian_leaves_out(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\n')
    bare.chmod(0o755)
    done = go("test", PYTHON=str(bare), VENV=str(tmp_path / "venv"))
    assert done.returncode == 1
    assert "python3-venv" in done.stderr
