"""Finding recipes in folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".recipe"


def recipes_in(folder: str) -> Iterator[str]:
    """Paths of the recipes in a folder and the folders in it, sorted; hidden folders are left out."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = os.path.join(root, name)  # noqa: PTH118  a Path would drop what the user wrote
            path = path.removeprefix("./") if folder == "." else path
            if name.endswith(SUFFIX) and Path(path).is_file():
                yield path
