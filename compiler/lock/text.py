"""`smolc.lock` as text: TOML in a fixed order, a line for each fact, so that a change is a short diff."""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.lock.types import VERSION, Lock, Section

HEAD = """\
# Written by `smolc lock`, to be committed and not edited: what the recipes in this folder depend on.
# `smolc lock --check` says what drifted, `smolc build --locked` refuses to build then.
"""
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def as_text(lock: Lock) -> str:
    """The same text for the same content, in whatever order it was put together."""
    lines = [HEAD + f"version = {VERSION}"]
    if lock.packages:
        lines += ["", "[packages]"]
        lines += [f"{name} = {_quote(version)}" for name, version in sorted(lock.packages.items())]
    for name in sorted(lock.sections):
        lines += _section(lock.sections[name])
    return "\n".join(lines) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield from ("", "[[recipe]]", f"name = {_quote(section.recipe)}")
    for hub, commit in sorted(section.hub.items()):
        yield from _table("hub", type=hub.type, id=hub.id, revision=hub.revision, commit=commit)
    for _, file in sorted(section.files.items()):
        yield from _table("file", path=file.path, role=file.role, bytes=file.bytes, sha256=file.sha256)
    for name, sha256 in sorted(section.templates.items()):
        yield from _table("template", name=name, sha256=sha256)
    for _, part in sorted(section.tokenizers.items()):
        yield from _table("tokenizer", id=part.id, file=part.file, sha256=part.sha256)


def _table(kind: str, /, **values: str | int) -> Iterator[str]:
    yield from ("", f"[[recipe.{kind}]]")
    for key, value in values.items():
        yield f"{key} = {value if isinstance(value, int) else _quote(value)}"


def _quote(text: str) -> str:
    """A basic string of TOML. What is not seen, or turns round how other characters are, is escaped."""
    return '"' + "".join(_SHORT.get(c) or (c if c.isprintable() else _escape(c)) for c in text) + '"'


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
