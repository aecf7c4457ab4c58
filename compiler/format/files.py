"""Finding recipes, and putting a formatted text in place of a file's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from smolc.compiler.syntax.read import LARGEST

SUFFIX = ".recipe"


class CannotWrite(Exception):
    """The file was left as it is. The message is for the user."""


def recipes_in(folder: str) -> Iterator[str]:
    """Paths of the recipes in a folder and the folders in it, sorted; hidden folders are left out."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = os.path.join(root, name)  # noqa: PTH118  a Path would drop what the user wrote
            path = path.removeprefix("./") if folder == "." else path
            if name.endswith(SUFFIX) and Path(path).is_file():
                yield path


def replace(path: Path, before: bytes, text: str) -> None:
    """Write `text` beside the file, then rename: never half a file. Keeps its mode; follows a link.

    Raises CannotWrite if the file no longer holds `before`, or cannot be written.
    """
    from tempfile import mkstemp

    temporary: str | None = None
    try:
        target = path.resolve(strict=True)
        if not os.access(target, os.W_OK):
            raise CannotWrite("it is write-protected")
        status = target.stat()
        handle, temporary = mkstemp(prefix=f".{target.name[:40]}-", dir=target.parent)
        with open(handle, "wb") as file:  # noqa: PTH123  it is open already
            file.write(text.encode())
        with suppress(OSError):  # only root may give a file away
            os.chown(temporary, status.st_uid, status.st_gid)
        Path(temporary).chmod(status.st_mode & 0o7777)
        with target.open("rb") as file:
            if file.read(LARGEST + 1) != before:
                raise CannotWrite("it changed while it was being formatted; format it again")
        Path(temporary).replace(target)
        temporary = None
    except FileNotFoundError:
        raise CannotWrite("it was taken away while it was being formatted") from None
    except (OSError, RuntimeError) as error:
        raise CannotWrite(getattr(error, "strerror", None) or str(error)) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
