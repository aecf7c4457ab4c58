"""Reading `smolc.lock`. It comes from a stranger, as recipes do: everything in it is checked, and no path in it is
ever opened: it is only compared with what the recipe says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from smolc.compiler.diagnostics.excerpt import plain
from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.lock import NAME
from smolc.compiler.lock.types import (
    HUB_TYPES,
    ROLES,
    VERSION,
    FilePin,
    Hub,
    Lock,
    Section,
    TokenizerPin,
)

LARGEST = 16 * 2**20
COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!_-]{0,99}")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_LONGEST = 4096

K = TypeVar("K")
V = TypeVar("V")


class BadLock(Refused):
    """A lock file that cannot be read or understood."""


def read_lock(folder: Path, shown: str | None = None) -> Lock | None:
    """The lock of a folder's recipes, or None if there is none. shown: its name in messages. Raises BadLock."""
    data = read_lock_bytes(folder, shown)
    return None if data is None else parse_lock(data, shown or str(folder / NAME))


def read_lock_bytes(folder: Path, shown: str | None = None) -> bytes | None:
    """Its content as it stands. Raises BadLock."""
    from smolc.compiler.plan.outputs import Unreadable, read_bytes

    path = folder / NAME
    shown = shown or str(path)
    if path.is_symlink():
        raise BadLock(f"{shown} is a link; a lock file lies beside its recipes")
    if path.is_dir():
        raise BadLock(f"{shown} is a folder, not a lock file")
    try:
        return read_bytes(path, LARGEST)
    except Unreadable as error:
        raise BadLock(
            f"{shown} {error}" if str(error).startswith("is ") else f"{shown} cannot be read: {error}"
        ) from None


def parse_lock(data: bytes, shown: str) -> Lock:
    """A lock file's content. shown: its name in messages. Raises BadLock."""
    from smolc.compiler.syntax.toml import loads

    try:
        whole = loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadLock(f"{shown} is not UTF-8 text; {_AGAIN}") from None
    except ValueError as error:
        said = plain(str(error).splitlines()[0])
        raise BadLock(f"{shown} is not a lock file, or was cut short: {said}; {_AGAIN}") from None
    return _Reader(shown).lock(whole)


_AGAIN = "take it from version control, or delete it and run `smolc lock` again"


class _Reader:
    def __init__(self, shown: str) -> None:
        self.shown = shown

    def wrong(self, message: str) -> BadLock:
        return BadLock(plain(f"{self.shown}: {message}; {_AGAIN}"))

    def lock(self, whole: dict[str, Any]) -> Lock:
        version = whole.get("version")
        if type(version) is not int:
            raise self.wrong(
                "it does not say its version, so it is no lock file of smolc's, or was cut short"
            )
        if version != VERSION:
            message = f"{self.shown} is of version {version}, and this smolc reads version {VERSION}: it was written "
            raise BadLock(
                message + "by another smolc; use that one, or delete the file and run `smolc lock` again"
            )
        self.keys(whole, ("version",), ("packages", "recipe"), "the file")
        packages = whole.get("packages", {})
        if not isinstance(packages, dict):
            raise self.wrong("`packages` is not a table")
        for name, release in packages.items():
            if not _PACKAGE.fullmatch(name):
                raise self.wrong(f"`{name[:60]}` is not a package's name")
            self.text(packages, name, "packages", _RELEASE, "a version")
            del release
        return Lock(dict(packages), self.each(whole, "recipe", "the file", self.section))

    def section(self, table: dict[str, Any]) -> tuple[str, Section]:
        self.keys(table, ("name",), ("hub", "file", "template", "tokenizer"), "a recipe")
        name = self.text(table, "name", "a recipe")
        if "/" in name or "\\" in name or not name.endswith(".recipe"):
            raise self.wrong(f"`{name[:60]}` is not the name of a recipe in this folder")
        where = f"recipe {name[:60]}"
        return name, Section(
            name,
            self.each(table, "hub", where, self.hub),
            self.each(table, "file", where, self.file),
            self.each(table, "template", where, self.template),
            self.each(table, "tokenizer", where, self.tokenizer),
        )

    def hub(self, table: dict[str, Any]) -> tuple[Hub, str]:
        self.keys(table, ("type", "id", "revision", "commit"), (), "a hub pin")
        type_, id, revision = (self.text(table, key, "a hub pin") for key in ("type", "id", "revision"))
        if type_ not in HUB_TYPES:
            raise self.wrong(f"a hub pin of type `{type_[:60]}`, not {' or '.join(HUB_TYPES)}")
        return Hub(type_, id, revision), self.text(
            table, "commit", id, COMMIT, "a commit of 40 hexadecimal digits"
        )

    def file(self, table: dict[str, Any]) -> tuple[str, FilePin]:
        self.keys(table, ("path", "role", "bytes", "sha256"), (), "a file")
        path, role = self.text(table, "path", "a file"), self.text(table, "role", "a file")
        size = table["bytes"]
        if role not in ROLES:
            raise self.wrong(f"`{path[:60]}` has the role `{role[:60]}`, not one of {', '.join(ROLES)}")
        if type(size) is not int or size < 0:
            raise self.wrong(f"`bytes` of `{path[:60]}` is not a number of bytes")
        return path, FilePin(path, role, size, self.sha256(table, path))

    def template(self, table: dict[str, Any]) -> tuple[str, str]:
        self.keys(table, ("name", "sha256"), (), "a template")
        name = self.text(table, "name", "a template")
        return name, self.sha256(table, name)

    def tokenizer(self, table: dict[str, Any]) -> tuple[tuple[str, str], TokenizerPin]:
        self.keys(table, ("id", "file", "sha256"), (), "a tokenizer")
        id, file = self.text(table, "id", "a tokenizer"), self.text(table, "file", "a tokenizer")
        return (id, file), TokenizerPin(id, file, self.sha256(table, f"{id} {file}"))

    def each(
        self, table: dict[str, Any], key: str, where: str, read: Callable[[dict[str, Any]], tuple[K, V]]
    ) -> dict[K, V]:
        """A list of tables, each once."""
        items = table.get(key, [])
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise self.wrong(f"`{key}` of {where} is not a list of tables")
        made: dict[K, V] = {}
        for item in items:
            name, value = read(item)
            if name in made:
                raise self.wrong(f"{where} has one {key} twice: a merge went wrong")
            made[name] = value
        return made

    def keys(self, table: dict[str, Any], needed: tuple[str, ...], more: tuple[str, ...], where: str) -> None:
        for key in needed:
            if key not in table:
                raise self.wrong(f"{where} has no `{key}`")
        for key in table:
            if key not in needed and key not in more:
                raise self.wrong(f"{where} has `{key[:60]}`, which is not known")

    def sha256(self, table: dict[str, Any], where: str) -> str:
        return self.text(table, "sha256", where, _SHA256, "64 hexadecimal digits")

    def text(
        self, table: dict[str, Any], key: str, where: str, form: re.Pattern[str] | None = None, what: str = ""
    ) -> str:
        value = table[key]
        if not isinstance(value, str) or not value or len(value) > _LONGEST:
            raise self.wrong(f"`{key}` of {where[:80]} is not a text")
        if form is not None and not form.fullmatch(value):
            raise self.wrong(f"`{key}` of {where[:80]} is not {what}")
        return value
