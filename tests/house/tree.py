"""The repository, as the house tests look at it."""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPO = Path(__file__).parents[2]
ROOMS = ("compiler", "runtime", "templates")


@lru_cache(maxsize=1)
def tracked() -> tuple[Path, ...]:
    """What git has or would add, relative to the repository; symlinks are not followed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=REPO, capture_output=True, check=True, text=True).stdout.split("\0")
    return tuple(sorted({Path(name) for name in names if name and (REPO / name).is_file()}))


def modules(*rooms: str) -> list[Path]:
    """The Python files of those rooms, relative to the repository."""
    return [path for path in tracked() if path.suffix == ".py" and path.parts[0] in rooms]


def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
