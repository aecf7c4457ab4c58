"""What the language says about a place: from the blocks around it and the path left of the `=` to the key's description."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from smolc.compiler.editor.chain import Opened
from smolc.compiler.editor.cursor import Bracket, Cursor
from smolc.compiler.reference.catalogue import Block, Key, Variant, catalogue
from smolc.compiler.syntax import tree

Word = Callable[[Sequence[str]], str | None]
"""The constructor that a recipe has at a path (`("optim",)` -> `adamw`), None if it has none."""


def block_of(kinds: Sequence[str]) -> Block | None:
    """The description of the innermost of nested blocks."""
    if not kinds:
        return None
    block = catalogue().get(kinds[0])
    for kind in kinds[1:]:
        block = block.block(kind) if block is not None else None
    return block


def key_of(kinds: Sequence[str], path: Sequence[str], word: Word) -> Key | None:
    """The key that `path` names in a block: `length`, `optim.lr`, a mixture's row, an axis of a sweep.

    None for what the language does not know, and for columns and checks, which it cannot.
    """
    block = block_of(kinds)
    if block is None or not path:
        return None
    if kinds[-1] == "sweep" and (len(path) > 1 or block.key(path[0]) is None):
        return key_of(kinds[:-1], path, word)
    key = block.key(path[0]) if len(path) == 1 or kinds[-1] not in ("mixture", "from") else None
    if key is None:
        line = next((line.value for line in block.lines if line.value is not None), None)
        if line is not None:
            return line
        return _in_nested(kinds, block, path, word)
    return _reach(key, path, word)


def _in_nested(kinds: Sequence[str], block: Block, path: Sequence[str], word: Word) -> Key | None:
    """`task.words.subset`, `sweep.pick`."""
    nested = block.block(path[0])
    rest = path[2:] if nested is not None and nested.label else path[1:]
    return key_of((*kinds, path[0]), rest, word) if nested is not None else None


def _reach(key: Key, path: Sequence[str], word: Word) -> Key | None:
    """The argument of a constructor that the rest of a path names."""
    found: Key | None = key
    for size in range(1, len(path)):
        assert found is not None
        found = argument_of(found, path[size], word(path[:size]))
        if found is None:
            return None
    return found


def argument_of(key: Key, name: str, word: str | None) -> Key | None:
    """An argument of the constructor that is written, else of the default one, else of the first that has it."""
    words = [word, (key.default or "").split("(")[0]]
    likely = [v for w in words if w and (v := key.variant(w)) is not None]
    variants = likely[:1] if word and likely else [*likely, *key.variants]
    return next((a for v in variants for a in v.arguments if a.name == name), None)


def arguments_of(key: Key, word: str | None) -> tuple[Key, ...]:
    """All arguments that could be meant by `key.`: of the constructor that is written, else of all of them."""
    written = key.variant(word) if word else None
    if written is not None:
        return written.arguments
    by_name = {a.name: a for v in reversed(key.variants) for a in v.arguments}
    return tuple(by_name.values())


def argument_at(variant: Variant, bracket: Bracket) -> Key | None:
    """The argument that is being written in a call."""
    name = bracket.argument
    if name is None:
        unnamed = bracket.position - len(bracket.names)
        if not 0 <= unnamed < len(variant.positional):
            return None
        name = variant.positional[unnamed]
    return next((a for a in variant.arguments if a.name == name), None)


def expected(here: Cursor, files: Sequence[Opened]) -> Key | None:
    """The key whose value is being written at the cursor; None left of a `=` and where nothing is known."""
    if here.operator != "=":
        return None
    kinds, path, label = target(here.kinds, here.path, here.blocks[0].label if here.blocks else None, files)
    key = key_of(kinds, path, words(files, kinds, label))
    return inside(key, here.brackets)


def inside(key: Key | None, brackets: Sequence[Bracket]) -> Key | None:
    """What a key's value wants inside of brackets."""
    for bracket in brackets:
        if key is None:
            return None
        if bracket.word is not None:
            variant = key.variant(bracket.word)
            key = argument_at(variant, bracket) if variant is not None else None
    return key


def target(
    kinds: Sequence[str], path: Sequence[str], label: str | None, files: Sequence[Opened]
) -> tuple[tuple[str, ...], tuple[str, ...], str | None]:
    """Kinds, path and label for a path at the top of a file: `stage.sft.optim.lr` and `sft.optim.lr` speak of a block."""
    if kinds or len(path) < 2:
        return tuple(kinds), tuple(path), label
    if path[0] == "recipe":
        return ("recipe",), tuple(path[1:]), None
    if path[0] in catalogue():
        return (path[0],), tuple(path[2:]), path[1]
    for one in files:
        for block in one.blocks():
            if block.label is not None and block.label.text == path[0]:
                return (block.kind.text,), tuple(path[1:]), path[0]
    return (), tuple(path), label


def words(files: Sequence[Opened], kinds: Sequence[str], label: str | None) -> Word:
    """Looks constructors up in a block of the recipe, the child's before its parents'."""

    def word(path: Sequence[str]) -> str | None:
        if len(path) != 1 or not kinds or label is None:
            return None
        for one in files:
            block = one.block(kinds[0], label)
            for item in block.items if block is not None else ():
                if isinstance(item, tree.Assign) and str(item.path) == path[0]:
                    if isinstance(item.value, tree.Call):
                        return item.value.name.text
                    return str(item.value.path) if isinstance(item.value, tree.Ref) else None
        return None

    return word
