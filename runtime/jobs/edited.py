"""Jobs whose files were edited by hand since `smolc build` wrote them.

They are run as they are, and counted as what they are: the hash of an edited job covers its files, so that it is neither
taken for the recipe's nor done because the recipe's was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from smolc.runtime.jobs.text import load

if TYPE_CHECKING:
    from smolc.runtime.jobs.manifest import Entry


def edited(folder: Path, entry: Entry) -> dict[str, str]:
    """Names of the job's files that are not as they were built, each with a hash of what it is now. Comments in a job.yaml,
    the order of its keys and its title are for people alone."""
    found = {}
    for name, built in entry.files.items():
        try:
            data = (folder / name).read_bytes()
        except OSError:
            found[name] = "missing"
            continue
        now = hashlib.sha256(data).hexdigest()
        if now == built:
            continue
        if name.endswith("/job.yaml"):
            now = _content(data) or now
            if now == entry.content:
                continue
        found[name] = now
    return found


def as_it_is(folder: Path, entry: Entry) -> Entry:
    """The entry as built; of an edited job, with a hash that is nobody else's."""
    now = edited(folder, entry)
    return entry.model_copy(update={"hash": _digest([entry.hash, now])}) if now else entry


def note(entry: Entry, files: Collection[str], recipe: str) -> str:
    """What people are told of an edited job. files: those of `edited`. recipe: its name."""
    were = "was" if len(files) == 1 else "were"
    now = f"{entry.id} is run as written there, not as recipe {recipe} says"
    return f"{', '.join(files)} {were} edited since smolc build: {now}"


def _content(data: bytes) -> str | None:
    """As `compiler/render/files.py` writes it into the manifest. None for what is no job.yaml."""
    try:
        value = load(data.decode("utf-8"))
        if not isinstance(value, dict):
            return None
        return _digest({key: one for key, one in value.items() if key != "title"})
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        return None


def _digest(value: Any) -> str:
    """sha256 of a value's canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
