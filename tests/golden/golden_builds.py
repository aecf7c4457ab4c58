"""Builds the recipes of this repository as the golden folders were built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent
RECIPES = tuple(sorted(path.stem for path in (REPO / "recipes").glob("*.recipe")))


def copy_recipes(to: Path) -> None:
    """The recipes and their files, as git has them: not what was downloaded or built beside them."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "recipes"]
    names = subprocess.run(command, cwd=REPO, capture_output=True, check=True, text=True).stdout.split("\0")
    for name in names:
        if name and (REPO / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPO / name, to / name)


def build(name: str, root: Path, cwd: Path | None = None, **environment: str) -> Path:
    """Build `root/recipes/NAME.recipe` into `root/tests/golden/NAME`, as far apart as here."""
    folder = root / "tests/golden" / name
    smolc = [sys.executable, "-c", "from smolc.compiler.cli.main import main; main()"]
    done = subprocess.run(
        [*smolc, "build", str(root / f"recipes/{name}.recipe"), "-o", str(folder)],
        cwd=cwd or root,
        env=os.environ | environment,
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{name} was not built:\n{done.stdout}{done.stderr}")
    return folder


def content(folder: Path) -> dict[str, tuple[bytes, bool]]:
    """Each file's bytes, and whether it can be executed."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), os.access(path, os.X_OK))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
