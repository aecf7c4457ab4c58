"""What may be written at a place, also in a text that is half written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from smolc.compiler.editor.chain import Opened, Texts, chain
from smolc.compiler.editor.cursor import Cursor, cursor
from smolc.compiler.editor.hover import block_text, key_text
from smolc.compiler.editor.items import Item, block_item, files_in, key_item, rules
from smolc.compiler.editor.keys import arguments_of, block_of, key_of, target, words
from smolc.compiler.editor.names import TASK, declarations
from smolc.compiler.editor.values import datasets, models, rows, tasks, value_items
from smolc.compiler.reference.catalogue import Block, Key, catalogue
from smolc.compiler.syntax import tree

_GIVEN = re.compile(r"[A-Za-z0-9_]*\s*(?:=(?!=)|[.{])")


def complete(path: Path, offset: int, texts: Texts) -> list[Item]:
    """Everything that fits, the likeliest first; the editor filters by what is written already."""
    files = chain(path, texts)
    if not files:
        return []
    here = cursor(files[0].source, offset)
    start = here.word.start if here.word is not None and not here.in_text else offset
    if here.comment is not None:
        found = rules(here.source.text[here.comment.span.start : offset], offset)
    elif here.in_text:
        found = _in_text(here, path)
    elif here.operator is None and not here.brackets:
        found = list(_left(here, files))
    else:
        found = list(value_items(here, files))
    end = (
        here.word.end if here.word is not None and not here.in_text and here.word.type == "NUMBER" else offset
    )
    return [item if item.start is not None else replace(item, start=start, end=end) for item in found]


def _left(here: Cursor, files: Sequence[Opened]) -> Iterator[Item]:
    """Where a statement begins."""
    said = [str(t) for t in here.statement]
    given = _GIVEN.match(here.source.text[here.offset :]) is not None
    if here.left:
        if len(said) == 2 * len(here.left):
            yield from _path(here, files, given)
    elif said[:1] == ["drop"]:
        yield from _drop(said[1:], here, files)
    elif not here.blocks:
        yield from _top(said, here, files)
    elif said == ["from"] and here.kinds == ("mixture",):
        yield from (Item(name, name, "reference", "dataset") for name in datasets(files))
    elif not said:
        yield from _in_block(here, files, given)


def _top(said: list[str], here: Cursor, files: Sequence[Opened]) -> Iterator[Item]:
    if not said:
        file = files[0].file
        yield from (block_item(block, block_text(block)) for block in catalogue().values())
        is_first = not file.items or here.offset <= file.items[0].span.start
        if file.edition is None and file.extends is None and is_first:
            yield Item("smolc 1", "smolc 1\n", "keyword", "the language's edition")
        if file.extends is None and is_first:
            yield Item("extends", 'extends "$0.recipe"', "keyword", "build on another recipe", snippet=True)
        if file.extends is not None:
            yield Item("drop", "drop ", "keyword", "take out what the parent declares")
    elif len(said) == 1 and said[0] in catalogue():
        for one, name in declarations(files[1:]):
            if name.kinds[0] == said[0]:
                yield Item(
                    name.text, f"{name.text} {{\n  $0\n}}", "reference", f"of {one.path.name}", snippet=True
                )


def _drop(said: list[str], here: Cursor, files: Sequence[Opened]) -> Iterator[Item]:
    """`drop KIND LABEL`: kinds and labels of what the parents declare."""
    inherited = [name for _, name in declarations(files[1:])]
    if not said and not here.blocks:
        kinds = dict.fromkeys(name.kinds[0] for name in inherited if name.kinds[0] != TASK)
        yield from (Item(kind, f"{kind} ", "keyword") for kind in kinds)
    elif not said:
        yield Item("key", "key ", "keyword", "a key, or a row of a mixture")
        yield from (Item(b.kind, f"{b.kind} ", "keyword") for b in _nested(here) if b.label)
    elif len(said) == 1:
        fitting = dict.fromkeys(name.text for name in inherited if name.kinds[0] == said[0])
        yield from (Item(label, label, "reference", said[0]) for label in fitting)
        if said[0] == "key" and here.blocks:
            yield from (Item(key, key, "key") for key in _inherited_keys(here, files))


def _nested(here: Cursor) -> tuple[Block, ...]:
    block = block_of(here.kinds)
    return block.blocks if block is not None else ()


def _inherited_keys(here: Cursor, files: Sequence[Opened]) -> list[str]:
    around = here.blocks[0]
    keys: dict[str, None] = {}
    for one in files[1:]:
        block = one.block(around.kind, around.label or "")
        for item in block.items if block is not None else ():
            if isinstance(item, tree.Assign):
                keys[str(item.path)] = None
    return list(keys)


def _in_block(here: Cursor, files: Sequence[Opened], given: bool) -> Iterator[Item]:
    """Keys that are not there yet, blocks, and the lines whose keys are names."""
    block = block_of(here.kinds)
    if block is None:
        return
    around = here.blocks[-1]
    if block.kind == "expect":
        yield from (Item(name, name, "reference", kind) for name, kind in models(files))
        return
    if here.kinds == ("mixture",):
        for name, kind in rows(files):
            if name not in around.keys:
                yield Item(name, name if given else f"{name} = ", "reference", kind)
    for key in block.keys:
        if key.name not in around.keys:
            yield key_item(key, given, key_text(key))
    if block.kind == "sweep":
        yield from _axes(here, files, given)
    yield from (block_item(nested, block_text(nested)) for nested in block.blocks)
    if files[0].file.extends is not None:
        yield Item("drop", "drop ", "keyword", "take out what the parent declares", order=9)


def _axes(here: Cursor, files: Sequence[Opened], given: bool) -> Iterator[Item]:
    """`optim.lr = [...]`: keys of the stage, and the arguments of its constructors."""
    stage = catalogue()["stage"]
    word = words(files, ("stage",), here.blocks[0].label)
    for key in stage.keys:
        for argument in arguments_of(key, word((key.name,))):
            path = f"{key.name}.{argument.name}"
            if path not in here.blocks[-1].keys:
                likely = 2 if argument.name == "lr" else 5
                yield _axis(path, argument, given, likely)
        if key.name not in here.blocks[-1].keys:
            yield _axis(key.name, key, given, 6)


def _axis(path: str, key: Key, given: bool, order: int) -> Item:
    insert = path if given else f"{path} = [$0]"
    return Item(path, insert, "key", key.type, key_text(key), snippet=not given, order=order)


def _path(here: Cursor, files: Sequence[Opened], given: bool) -> Iterator[Item]:
    """After a dot, left of the `=`."""
    if here.kinds[-1:] == ("expect",):
        yield from (
            Item(task, task, "reference", about) for task, about in tasks(files, here.blocks[0].label)
        )
        return
    if not here.blocks and len(here.left) == 1 and here.left[0] in catalogue() and here.left[0] != "recipe":
        labels = dict.fromkeys(n.text for _, n in declarations(files) if n.kinds[0] == here.left[0])
        yield from (Item(label, label, "reference", here.left[0]) for label in labels)
        return
    # A path of one name is never one of a key at the top, so one more part is looked up than is there.
    label = here.blocks[0].label if here.blocks else None
    kinds, rest, label = target(here.kinds, (*here.left, ""), label, files)
    if not kinds:
        return
    rest = rest[:-1]
    block = block_of(kinds)
    if not rest:
        yield from (key_item(key, given, key_text(key)) for key in (block.keys if block else ()))
        return
    word: Callable[[Sequence[str]], str | None] = words(files, kinds, label)
    key = key_of(kinds, rest, word)
    for argument in arguments_of(key, word(rest)) if key is not None else ():
        yield key_item(argument, given, key_text(argument))


def _in_text(here: Cursor, path: Path) -> list[Item]:
    """Files, where a text is a path."""
    assert here.word is not None
    said = [str(t) for t in here.statement[:1]]
    quotes = 3 if here.word.startswith('"""') else 1
    written = here.source.text[here.word.start + quotes : here.offset]
    if said == ["extends"]:
        return files_in(path, written, here.offset, ending=".recipe")
    name = here.path[-1] if here.path else None
    if here.operator == "=" and name in ("path", "file", "gguf"):
        return files_in(path, written, here.offset)
    return []
