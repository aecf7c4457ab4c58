"""Rewrites the golden builds: `python tests/golden/update.py`.

Then read the diff: it is what your change does to everyone.
"""

import shutil
import tempfile
from pathlib import Path

from golden_builds import GOLDEN, RECIPES, build, copy_recipes


def main() -> None:
    for folder in GOLDEN.iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            shutil.rmtree(folder)
    with tempfile.TemporaryDirectory() as root:
        copy_recipes(Path(root))
        for name in RECIPES:
            built = build(name, Path(root))
            shutil.copytree(built, GOLDEN / name)
            print(f"tests/golden/{name}: {sum(p.is_file() for p in built.rglob('*'))} files")


if __name__ == "__main__":
    main()
