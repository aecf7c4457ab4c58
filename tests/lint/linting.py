"""Helpers of the tests that run `smolc lint` as a command."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from click.testing import CliRunner, Result

from smolc.compiler.cli.lint import command

BASE = Path(__file__).parent / "base"
PACKED = 'extends "sft.recipe"\nstage sft {\n  packing = best_fit(length = 2Ki)\n  batch   = 8seq\n}\n'
"""B301 at 4:13, with a safe edit."""
BY_EXAMPLES = (
    'extends "sft.recipe"\nmixture mix {\n  basis = examples\n  chats = share(90%)\n  more  = share(10%)\n}\n'
)
"""D201 at 3:11, with an edit that changes the plan."""


def project(folder: Path, **recipes: str) -> None:
    """The recipes that others extend, and those given as NAME=text. Only two rules run; the others have their cases."""
    (folder / "pyproject.toml").write_text('[tool.smolc.lint]\nselect = ["B301", "D201"]\n')
    for base in BASE.glob("*.recipe"):
        shutil.copy(base, folder)
    for name, text in recipes.items():
        (folder / f"{name}.recipe").write_text(text, encoding="utf-8")


def lint(*arguments: str, input: str | None = None) -> Result:
    """Raises what the command raises, such as Refused."""
    result = CliRunner().invoke(command, list(arguments), input=input)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def git(folder: Path, *arguments: str) -> str:
    author = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", "-C", str(folder), *author, *arguments], capture_output=True, check=True, text=True
    )
    return done.stdout.strip()
