"""A recipe as it was at a revision of the git repository that it lies in."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.lock import NAME as LOCK
from smolc.compiler.syntax import parse, read_source, tree

SMALL = 4 * 2**20
"""Files beyond this size are neither recipes nor templates."""


class NoRevision(Refused):
    """There is no such revision, or no repository."""


class NotThere(NoRevision):
    """The revision is there, and the recipe was not yet."""


@contextmanager
def at_revision(path: Path, ref: str) -> Iterator[Path]:
    """A folder with `path` as it was at `ref`, its parents, its chat templates and its lock; gives the recipe's path in it.

    Data files are not copied, since nothing but a run reads them. Nothing of the working tree or of git's state
    is touched. Raises NoRevision, and NotThere if the recipe is younger.
    """
    from smolc.compiler.lock.read import LARGEST

    real = Path(os.path.realpath(path))  # links may lead in a circle: resolve() would raise
    folder = real.parent
    top = Path(_git(folder, "rev-parse", "--show-toplevel", wrong=f"{path} is in no git repository").strip())
    commit = _commit(top, ref, f"there is no revision `{ref}` in the repository of {path}")
    with tempfile.TemporaryDirectory(prefix="smolc-revision-") as made:
        copy = _Copy(top, commit, Path(made).resolve())
        name = PurePosixPath(real.relative_to(top.resolve()).as_posix())
        if not copy.take(name):
            raise NotThere(f"there is no {path} at `{ref}`")
        copy.follow(name)
        copy.take(name.parent / LOCK, LARGEST)
        yield copy.to / name


def recipes_since(folder: Path, ref: str) -> list[Path]:
    """The recipes in `folder` and below it, as they are now or were at `ref`; sorted. Raises NoRevision."""
    commit = _commit(folder, ref, f"`{ref}` is neither a file nor a revision of this repository")
    now = _git(
        folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.recipe", wrong=""
    )
    then = _git(folder, "ls-tree", "-r", "-z", "--name-only", commit, wrong="")
    old = {name for name in then.split("\0") if name.endswith(".recipe")}
    here = {name for name in now.split("\0") if name and (folder / name).is_file()}
    return [folder / name for name in sorted(old | here)]


def _commit(folder: Path, ref: str, missing: str) -> str:
    _git(folder, "rev-parse", "--show-toplevel", wrong=f"{folder.resolve()} is in no git repository")
    # Without a name, git would take HEAD.
    if not ref.strip():
        raise NoRevision(missing)
    found = _git(
        folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", wrong=missing
    )
    return found.strip()


class _Copy:
    """What has been taken out of one commit so far."""

    def __init__(self, top: Path, commit: str, to: Path) -> None:
        self.top, self.commit, self.to = top, commit, to

    def take(self, name: PurePosixPath, largest: int = SMALL) -> bool:
        """Write one file of the commit below `to`; False if the commit has no such file, or a huge one."""
        if name.is_absolute() or ".." in name.parts:
            return False
        if (self.to / name).exists():
            return True
        object = f"{self.commit}:{name}"
        size = self._run("cat-file", "-s", object)
        kind = self._run("cat-file", "-t", object)
        if size is None or kind != b"blob\n" or int(size) > largest:
            return False
        content = self._run("cat-file", "blob", object)
        if content is None:
            return False
        (self.to / name).parent.mkdir(parents=True, exist_ok=True)
        (self.to / name).write_bytes(content)
        return True

    def follow(self, name: PurePosixPath) -> None:
        """Take what the recipe `name` reads when it is compiled: parents, and files of templates."""
        waiting = [name]
        while waiting:
            here = waiting.pop()
            source, _ = read_source(self.to / here, str(here))
            if source is None:
                continue
            file, _ = parse(source)
            if file.extends is not None and file.extends.value.endswith(".recipe"):
                parent = _joined(here, file.extends.value)
                if parent is not None and not (self.to / parent).exists() and self.take(parent):
                    waiting.append(parent)
            for template in _template_files(file):
                there = _joined(here, template)
                if there is not None:
                    self.take(there)

    def _run(self, *arguments: str) -> bytes | None:
        done = subprocess.run(
            ["git", "-C", str(self.top), *arguments],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return done.stdout if done.returncode == 0 else None


def _git(folder: Path, *arguments: str, wrong: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, check=False, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise NoRevision(f"git cannot be run: {error.strerror}") from error
    if done.returncode != 0:
        raise NoRevision(wrong)
    return done.stdout.decode("utf-8", "surrogateescape")


def _joined(recipe: PurePosixPath, written: str) -> PurePosixPath | None:
    """`written` in `recipe`, from the top of the repository; None if it leaves it."""
    parts: list[str] = []
    for part in (recipe.parent / written).parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    joined = PurePosixPath(*parts)
    return None if joined.is_absolute() or not parts else joined


def _template_files(file: tree.File) -> Iterator[str]:
    for block in file.items:
        if isinstance(block, tree.Block) and block.kind.text == "template":
            for item in block.items:
                if (
                    isinstance(item, tree.Assign)
                    and str(item.path) == "file"
                    and isinstance(item.value, tree.Text)
                ):
                    yield item.value.value
