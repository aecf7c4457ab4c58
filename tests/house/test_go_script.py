"""`./go`: what it would install where.

Nothing is installed: pip and nvidia-smi are scripts that note how they were called.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tree import REPO

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch has no CUDA build to avoid")


def go(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHON", "VENV", "TORCH")}
    return subprocess.run(
        [str(REPO / "go"), *arguments],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


class Machine:
    """An environment without torch, and a graphics card or none."""

    def __init__(self, folder: Path, gpu: bool) -> None:
        self.venv, self.calls, self.bin = folder / "venv", folder / "calls.txt", folder / "bin"
        script(self.venv / "bin/pip", f'echo "$*" >>"{self.calls}"')
        script(self.venv / "bin/python", 'case "$2" in "import torch") exit 1 ;; esac')
        script(self.venv / "bin/smolc", f'echo "smolc $*" >>"{self.calls}"')
        script(self.bin / "nvidia-smi", 'echo "GPU 0: something"' if gpu else "exit 9")

    def go(self, *arguments: str, **environment: str) -> list[str]:
        """The calls that came of it."""
        self.calls.write_text("")
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        done = go(*arguments, VENV=str(self.venv), PATH=path, **environment)
        assert done.returncode == 0, done.stderr
        return self.calls.read_text().splitlines()


def test_says_what_it_can_do() -> None:
    done = go()
    assert done.returncode == 0
    for command in ("run", "build", "lint", "test", "check"):
        assert command in done.stdout


@LINUX
def test_without_a_gpu_torch_is_the_cpu_build(tmp_path: Path) -> None:
    torch, smolc, run = Machine(tmp_path, gpu=False).go("run", "x.recipe", "--dry-run")
    assert "torch==2.13.0+cpu" in torch.split()
    assert "--no-deps" in torch.split()
    assert smolc.endswith(f"{REPO}[train]")
    assert run == "smolc run x.recipe --dry-run"


def test_with_a_gpu_its_packages_come_too(tmp_path: Path) -> None:
    install, _ = Machine(tmp_path, gpu=True).go("run", "x.recipe")
    assert install.endswith(f"{REPO}[train,gpu]")


def test_a_torch_of_ones_own(tmp_path: Path) -> None:
    torch, _, _ = Machine(tmp_path, gpu=False).go("build", "x.recipe", TORCH="torch==2.14.0")
    assert torch.split()[-1] == "torch==2.14.0"


def test_what_is_installed_is_not_installed_again(tmp_path: Path) -> None:
    machine = Machine(tmp_path, gpu=True)
    assert len(machine.go("test", "tests/house")) == 1
    assert machine.go("test", "tests/house") == []
    assert machine.go("run", "x.recipe") == ["smolc run x.recipe"]
    (machine.venv / "installed-train.txt").write_text("another pyproject.toml")
    assert len(machine.go("run", "x.recipe")) == 2


@pytest.mark.parametrize("code", [1, 127])
def test_says_that_there_is_no_python(code: int, tmp_path: Path) -> None:
    """A Python that is too old says so with 1; one that is not there is 127."""
    script(tmp_path / "old python", f"exit {code}")
    done = go("test", PYTHON=str(tmp_path / "old python"), VENV=str(tmp_path / "venv"))
    assert done.returncode == 1
    assert "no Python 3.10 or newer" in done.stderr
    assert "old python" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_says_what_debian_leaves_out(tmp_path: Path) -> None:
    script(tmp_path / "python", 'case "$2" in *ensurepip*) exit 1 ;; esac')
    done = go("test", PYTHON=str(tmp_path / "python"), VENV=str(tmp_path / "venv"))
    assert done.returncode == 1
    assert "python3-venv" in done.stderr
