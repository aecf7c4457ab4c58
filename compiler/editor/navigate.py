"""Going from names to what they stand for, and back; and what a file holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from smolc.compiler.diagnostics import Span
from smolc.compiler.editor.chain import Opened, Texts, chain, opened, parent_of
from smolc.compiler.editor.names import Entity, Name, declarations, declared_in, entity, names_in
from smolc.compiler.syntax import tree

MOST_FILES = 2000
"""Recipes of one workspace that are looked through for other children of a parent."""


@dataclass(frozen=True)
class Location:
    path: Path
    span: Span


@dataclass(frozen=True)
class Symbol:
    """A block or a key for the outline of a file; `head` is what is shown and marked."""

    name: str
    kind: str
    detail: str
    span: Span
    head: Span
    inner: tuple[Symbol, ...] = field(default=())


def name_at(offset: int, files: Sequence[Opened]) -> Name | None:
    """The name under the cursor, in the first of `files`."""
    if not files:
        return None
    return next((n for n in names_in(files[0], files) if n.span.start <= offset <= n.span.end), None)


def definition(path: Path, offset: int, texts: Texts) -> list[Location]:
    """Where the name at the place is declared: here first, then in the parents; `extends` leads to its file.

    On a declaration: what it overrides in the parents, if it does.
    """
    files = chain(path, texts)
    if not files:
        return []
    extends = files[0].file.extends
    if extends is not None and extends.span.start <= offset <= extends.span.end:
        parent = parent_of(files[0])
        one = opened(parent, texts) if parent is not None else None
        return [Location(one.path, Span(one.source, 0, 0))] if one is not None else []
    name = name_at(offset, files)
    if name is None:
        return _inherited_key(offset, files)
    wanted = entity(name, declared_in(files))
    found = [
        Location(one.path, other.span)
        for one, other in declarations(files)
        if (other.kinds[0], other.text) == wanted
    ]
    if name.block is not None:
        return [f for f in found if f.span.source is not name.span.source] or found
    return found


def _inherited_key(offset: int, files: Sequence[Opened]) -> list[Location]:
    """From a key that overrides one of a parent to that one."""
    for block in files[0].blocks():
        for item in block.items:
            if not isinstance(item, tree.Assign) or not item.path.span.start <= offset <= item.path.span.end:
                continue
            for parent in files[1:]:
                above = parent.block(block.kind.text, block.label.text) if block.label else None
                for other in above.items if above is not None else ():
                    if isinstance(other, tree.Assign) and str(other.path) == str(item.path):
                        return [Location(parent.path, other.path.span)]
    return []


def family(path: Path, texts: Texts, known: Iterable[Path]) -> list[list[Opened]]:
    """The chain of `path`, and those of the recipes among `known` that share a file with it."""
    own = chain(path, texts)
    mine = {one.path for one in own}
    chains = [own] if own else []
    for other in _some(known):
        if other == path:
            continue
        files = chain(other, texts)
        if any(one.path in mine for one in files):
            chains.append(files)
    return chains


def _some(known: Iterable[Path]) -> Iterator[Path]:
    for number, path in enumerate(known):
        if number >= MOST_FILES:
            return
        yield path


def occurrences(wanted: Entity, chains: Sequence[Sequence[Opened]]) -> list[Location]:
    """Every place in any file of the chains that speaks of `wanted`, each once, by file and place."""
    found: dict[tuple[Path, int], Location] = {}
    for files in chains:
        declared = declared_in(files)
        for one in files:
            for name in names_in(one, files):
                if entity(name, declared) == wanted:
                    found.setdefault((one.path, name.span.start), Location(one.path, name.span))
    return [found[key] for key in sorted(found, key=lambda k: (str(k[0]), k[1]))]


def references(
    path: Path, offset: int, texts: Texts, known: Iterable[Path] = (), declaration: bool = True
) -> list[Location]:
    """All places that speak of what is named at the place, with or without where it is declared."""
    chains = family(path, texts, known)
    if not chains:
        return []
    name = name_at(offset, chains[0])
    if name is None:
        return []
    wanted = entity(name, declared_in(chains[0]))
    found = occurrences(wanted, chains)
    if declaration:
        return found
    places = {
        (one.path, n.span.start)
        for files in chains
        for one, n in declarations(files)
        if (n.kinds[0], n.text) == wanted
    }
    return [f for f in found if (f.path, f.span.start) not in places]


def symbols(one: Opened) -> list[Symbol]:
    """The blocks of a file, and what is in them."""
    return list(_symbols(one.file.items))


def _symbols(items: Sequence[tree.Item]) -> Iterator[Symbol]:
    for item in items:
        if isinstance(item, tree.Block):
            name = item.label.text if item.label else item.kind.text
            head = item.label.span if item.label else item.head
            detail = item.kind.text if item.label else ""
            yield Symbol(name, item.kind.text, detail, item.span, head, tuple(_symbols(item.items)))
        elif isinstance(item, tree.Assign):
            shown = " ".join(item.value.span.text.split())
            detail = shown if len(shown) <= 60 else shown[:59] + "…"
            yield Symbol(str(item.path), "key", detail, item.span, item.path.span)


def folds(one: Opened) -> list[tuple[int, int]]:
    """First and last line (from 0) of what an editor may fold: blocks, lists and calls over several lines, comments."""
    found: list[tuple[int, int]] = []
    for span in _foldable(one.file.items):
        first, last = one.source.position(span.start)[0] - 1, one.source.position(span.end)[0] - 1
        if last > first:
            found.append((first, last))
    lines = [c.span.line - 1 for c in one.file.comments if c.own_line]
    start = None
    for line, following in zip(lines, [*lines[1:], -1], strict=False):
        start = line if start is None else start
        if following != line + 1:
            if line > start:
                found.append((start, line))
            start = None
    return found


def _foldable(items: Sequence[tree.Item]) -> Iterator[Span]:
    for item in items:
        if isinstance(item, tree.Block):
            yield item.span
            yield from _foldable(item.items)
        elif isinstance(item, tree.Assign):
            yield item.span
