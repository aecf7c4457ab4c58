"""Where rows lie: files beside the recipe, patterns of names, and addresses that are read through the network."""

from __future__ import annotations

import re
from typing import NamedTuple

READABLE = (".jsonl", ".json", ".parquet", ".csv")
COMPRESSED = (".gz", ".zst")
REMOTE = ("s3", "gs", "az", "hf")
"""Kinds of address that data is read from."""

_REMOTE = re.compile(rf"(?:{'|'.join(REMOTE)})://")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_ROOT = re.compile(r"/|\\|[A-Za-z]:[\\/]")
_QUERY = re.compile(r"[?&#][\w.-]+=")


class Problem(NamedTuple):
    """What is wrong with a path, and what to write. name: of the diagnostic, one of `data-address`, `unknown-file-type`."""

    name: str
    message: str
    help: str | None = None


def is_remote(path: str) -> bool:
    """Whether a path is an address: it is looked at where the recipe runs, and never here."""
    return _REMOTE.match(path) is not None


def is_pattern(path: str) -> bool:
    """Whether a path stands for all files of some form."""
    return any(sign in path for sign in "*?[")


def problem(path: str) -> Problem | None:
    """Why data cannot be read from there, if so. A path with a password in it is not repeated."""
    return _address(path) or _inside(path) or _type(path)


def _address(path: str) -> Problem | None:
    known = ", ".join(f"{scheme}://" for scheme in REMOTE)
    if "::" in path:
        return _refused(
            "`::` chains one way to read data behind another", f"write one path, or one of {known}"
        )
    if "://" not in path:
        return None
    scheme = _SCHEME.match(path)
    if not is_remote(path):
        said = f"data is not read from `{scheme[1]}://`" if scheme else "`://` stands in the middle of a path"
        return _refused(said, f"write one of {known}, or download it and write the path of the file")
    bucket, _, inside = path.partition("://")[2].partition("/")
    if "@" in bucket or _QUERY.search(path):
        help = "take them out; the machine that runs the recipe has credentials in its environment"
        return _refused("credentials stand in this address", help)
    if not bucket or not inside or "://" in inside or is_pattern(bucket):
        return _refused(
            "this address names no file", f"write it as `{path.partition('://')[0]}://BUCKET/a.jsonl`"
        )
    return None


def _inside(path: str) -> Problem | None:
    if _ROOT.match(path):
        return _refused(
            "this path is of one machine: data lies beside the recipe",
            "write a path relative to the recipe; a link there can lead anywhere",
        )
    if ".." in path.replace("\\", "/").split("/") and (is_pattern(path) or is_remote(path)):
        return _refused(
            "`..` leads out of the folder that the files are looked for in", "write it without `..`"
        )
    return None


def _type(path: str) -> Problem | None:
    plain = path
    for suffix in COMPRESSED:
        plain = plain.removesuffix(suffix)
    if plain.endswith(READABLE):
        if plain != path and plain.endswith(".parquet"):
            return Problem(
                "unknown-file-type", f"cannot read `{path}`: parquet is compressed inside", "write `.parquet`"
            )
        return None
    help = f"each of them also as {' or '.join(COMPRESSED)}"
    return Problem(
        "unknown-file-type", f"cannot read `{path}`: its name ends in none of {', '.join(READABLE)}", help
    )


def _refused(message: str, help: str) -> Problem:
    return Problem("data-address", message, help)
