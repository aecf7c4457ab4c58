"""What a recipe depends on besides its own text: local files, parents, templates, tokenizers, packages."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.lock.types import PACKAGES, FilePin, Hub, TokenizerPin
from smolc.compiler.plan.paths import root_of
from smolc.compiler.plan.types import Plan
from smolc.compiler.resolve import Resolved

MODEL_FILES = (".json", ".safetensors", ".bin", ".model", ".jinja", ".txt", ".tiktoken", ".py")
"""What transformers may read of a model's folder; a README may change."""

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)
CHAT_TEMPLATE = "chat_template"


@dataclass(frozen=True)
class LocalFile:
    """path: as plans say it. place: where it lies on this machine."""

    path: str
    role: str
    place: Path


def local_files(plan: Plan, resolved: Resolved) -> tuple[list[LocalFile], list[str]]:
    """Every local file that the jobs read, and the recipe's parents, each once; and the paths where nothing is."""
    root = root_of(resolved)
    found: dict[str, LocalFile] = {}
    missing: list[str] = []

    def add(path: str, role: str) -> None:
        if _is_file(root / path):
            found.setdefault(path, LocalFile(path, role, root / path))
        elif path not in missing:
            missing.append(path)

    for parent in resolved.files[1:]:
        add(Path(os.path.relpath(parent, root)).as_posix(), "parent")
    for job in plan.jobs:
        for location in _locations(job.body):
            for path in location["paths"]:
                add(path, "data")
        source = job.body.get("source", {})
        if job.kind != "model":
            continue
        tokenizer = job.body["tokenizer"]
        if source["type"] in ("path", "gguf"):
            folder = source["path"]
            names = _names(root / folder)
            if source["type"] == "gguf":
                names = [n for n in names if not n.endswith((".safetensors", ".bin"))]
                names.append(source["file"])
            if not _names(root / folder, every=True):
                missing.append(folder)
            else:
                for name in names:
                    add(f"{folder}/{name}", "model")
        if tokenizer["type"] == "path":
            names = [n for n in _names(root / tokenizer["id"]) if n in TOKENIZER_FILES]
            if not names:
                missing.append(tokenizer["id"])
            for name in names:
                add(f"{tokenizer['id']}/{name}", "tokenizer")
    return list(found.values()), missing


def _locations(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Where rows are read from: a stage's sources, and an eval's own tasks."""
    for part in (*body.get("sources", ()), *body.get("tasks", ())):
        if part.get("location", {}).get("type") == "files":
            yield part["location"]


def _names(folder: Path, every: bool = False) -> list[str]:
    """Files of a model's folder that count; those of folders in it are other formats."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208  names alone are wanted
    except (OSError, ValueError):
        return []
    return [n for n in names if not n.startswith(".") and (every or n.endswith(MODEL_FILES))]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def size_of(file: LocalFile) -> int:
    """In bytes. Raises Refused where it cannot be read."""
    try:
        return file.place.stat().st_size
    except OSError as error:
        raise Refused(f"cannot read {file.path}: {error.strerror}") from error


def hashed(file: LocalFile) -> FilePin:
    """Reads the whole file, in pieces. Raises Refused where it cannot be read, or changes meanwhile."""
    digest = hashlib.sha256()
    size = 0
    try:
        # A pipe would be waited for.
        descriptor = os.open(file.place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise Refused(f"{file.path} is not a regular file")
            while chunk := os.read(descriptor, 1 << 20):
                digest.update(chunk)
                size += len(chunk)
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Refused(f"cannot read {file.path}: {error.strerror}") from error
    if size != before.st_size or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise Refused(f"{file.path} changed while it was read; try again")
    return FilePin(file.path, file.role, size, digest.hexdigest())


def template_hashes(plan: Plan) -> dict[str, str]:
    """sha256 of each template's text, those that smolc ships included."""
    return {
        Path(name).stem: hashlib.sha256(text.encode()).hexdigest() for name, text in plan.templates.items()
    }


def tokenizer_pins(hub: Hub, commit: str) -> Iterator[TokenizerPin]:
    """Of a model in the hub's local cache; nothing if it is not there. Raises Refused where it cannot be read."""
    from smolc.compiler.lint.tokenizer import files_in, snapshot

    folder = snapshot(hub.id, commit)
    if folder is None:
        return
    for name in TOKENIZER_FILES:
        if _is_file(folder / name):
            pin = hashed(LocalFile(f"{name} of {hub.id}", "tokenizer", folder / name))
            yield TokenizerPin(hub.id, name, pin.sha256)
    files = files_in(folder)
    if files is not None and files.template is not None:
        text = files.template.encode("utf-8", "surrogatepass")
        yield TokenizerPin(hub.id, CHAT_TEMPLATE, hashlib.sha256(text).hexdigest())


def installed() -> dict[str, str]:
    """Releases of the packages that compute, as installed here, without what names a build (`+cpu`)."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            continue
    return found
