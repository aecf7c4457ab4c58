"""What may stand right of a `=`: constructors and their arguments, words, references, numbers with their units."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from smolc.compiler.editor.chain import Opened
from smolc.compiler.editor.cursor import Bracket, Cursor
from smolc.compiler.editor.hover import key_text, variant_text
from smolc.compiler.editor.items import Item, key_item
from smolc.compiler.editor.keys import argument_at, inside, key_of, target, words
from smolc.compiler.editor.names import LOSS, ROWS, TASK, declarations, is_metric
from smolc.compiler.editor.numbers import in_full
from smolc.compiler.model.filters import MEASURES
from smolc.compiler.model.suite import SUITE
from smolc.compiler.reference.catalogue import Key, Variant
from smolc.compiler.syntax import tree
from smolc.compiler.syntax.case import VALUE_ENDS
from smolc.compiler.syntax.units import SCALES

_DIGITS = re.compile(r"[0-9][0-9_]*(?:\.[0-9_]+)?(?:[eE][+-]?[0-9]+)?")
BINARY = tuple(scale for scale in SCALES if scale.endswith("i"))
MANY = 10
"""Constructors of one key; above it they are not offered with brackets, too."""


def models(files: Sequence[Opened]) -> list[tuple[str, str]]:
    """Names of models, stages and merges, with their kind."""
    found = [
        (n.text, n.kinds[0]) for _, n in declarations(files) if n.kinds[0] in ("model", "stage", "merge")
    ]
    return list(dict.fromkeys(found))


def datasets(files: Sequence[Opened]) -> list[str]:
    return list(dict.fromkeys(n.text for _, n in declarations(files) if n.kinds[0] == "dataset"))


def rows(files: Sequence[Opened]) -> list[tuple[str, str]]:
    """What may be a row of a mixture, with its kind."""
    found = [(n.text, n.kinds[0]) for _, n in declarations(files) if n.kinds[0] in ROWS]
    return list(dict.fromkeys(found))


def tasks(files: Sequence[Opened], label: str | None) -> list[tuple[str, str]]:
    """Tasks of an eval (of all of them if None): its own, then those of the suite; with what they are."""
    found: dict[str, str] = {}
    for one in files:
        for block in one.blocks():
            if block.kind.text != "eval" or (
                label is not None and (not block.label or block.label.text != label)
            ):
                continue
            for item in block.items:
                if isinstance(item, tree.Block) and item.kind.text == TASK and item.label is not None:
                    found.setdefault(item.label.text, "own task")
                elif isinstance(item, tree.Assign) and str(item.path) == "tasks":
                    values = item.value.items if isinstance(item.value, tree.List) else (item.value,)
                    for value in values:
                        name = _word(value)
                        if name in SUITE:
                            found.setdefault(name, SUITE[name].about)
    return list(found.items())


def _word(value: tree.Value) -> str:
    if isinstance(value, tree.Call):
        return value.name.text
    return str(value.path) if isinstance(value, tree.Ref) else ""


def value_items(here: Cursor, files: Sequence[Opened]) -> Iterator[Item]:
    if here.operator is not None and here.operator != "=":
        yield from _compared(here, files)
        return
    if here.kinds == ("dataset",) and here.path == ["where"]:
        yield from _condition(here)
        return
    if here.before is not None and here.before.type in VALUE_ENDS:
        return  # the value is there already
    label = here.blocks[0].label if here.blocks else None
    kinds, path, label = target(here.kinds, here.path, label, files)
    whole = key_of(kinds, path, words(files, kinds, label))
    if whole is None:
        return
    own = label if kinds[0] in ("model", "stage", "merge") else None
    bracket = here.brackets[-1] if here.brackets else None
    if bracket is None or bracket.word is None:
        key = inside(whole, here.brackets)
        if key is not None:
            yield from _values(here, key, files, own)
        return
    outside = inside(whole, here.brackets[:-1])
    variant = outside.variant(bracket.word) if outside is not None else None
    if variant is None:
        return
    key = argument_at(variant, bracket)
    if key is not None:
        yield from _values(here, key, files, own)
    if bracket.argument is None and not here.left and (here.word is None or here.word.type == "NAME"):
        yield from _arguments(here, variant, bracket)


def _arguments(here: Cursor, variant: Variant, bracket: Bracket) -> Iterator[Item]:
    given = re.match(r"[A-Za-z0-9_]*\s*=", here.source.text[here.offset :]) is not None
    unnamed = variant.positional[: max(0, bracket.position - len(bracket.names))]
    for argument in variant.arguments:
        if argument.name not in bracket.names and argument.name not in unnamed:
            yield key_item(argument, given, key_text(argument))


def _compared(here: Cursor, files: Sequence[Opened]) -> Iterator[Item]:
    """`expect { sft.words >= base.| }`, `where { good == | }`."""
    if here.kinds[-1:] == ("where",):
        yield from (Item(word, word, "word") for word in ("true", "false"))
    if here.kinds[-1:] != ("expect",):
        return
    if here.left:
        yield from (
            Item(name, name, "reference", about) for name, about in tasks(files, here.blocks[0].label)
        )
    elif here.before is None or here.before.type not in VALUE_ENDS:
        yield from (Item(name, name, "reference", kind) for name, kind in models(files))


def _condition(here: Cursor) -> Iterator[Item]:
    """`where = length < 8Ki and |`: columns are the data's, so what the language knows is offered."""
    before = here.before
    if here.left or (here.word is not None and here.word.type != "NAME"):
        return
    if before is not None and before.type == "OPERATOR":
        yield from (Item(word, word, "word") for word in ("true", "false"))
    elif before is None or before in ("=", "(", "and", "or", "not"):
        yield from (Item(name, name, "word", about) for name, about in MEASURES.items())
        yield Item("not", "not ", "keyword", "the opposite")
    elif before.type in VALUE_ENDS:
        yield Item("and", "and ", "keyword", "both must hold")
        yield Item("or", "or ", "keyword", "one must hold")
        if before.type in ("NAME", "STRING"):
            yield Item("in", "in [$0]", "keyword", "one of these values", snippet=True)
            yield Item("not in", "not in [$0]", "keyword", "none of these values", snippet=True)


def _values(here: Cursor, key: Key, files: Sequence[Opened], own: str | None) -> Iterator[Item]:
    if here.left:
        stages = [name for name, kind in models(files) if kind == "stage"]
        if "stage" in key.kinds and len(here.left) == 1 and here.left[0] in stages:
            yield Item("best", "best", "reference", "the winner of its grid")
        return
    if here.word is not None and here.word.type == "NUMBER":
        yield from _numbers(str(here.word), key)
        return
    yield from _references(key, files, own)
    if is_metric(key):
        yield from _metrics(files)
        return
    for variant in key.variants:
        yield from _constructor(key, variant)
    for word in key.choices:
        yield Item(word, word, "word", "default" if word == key.default else "", key_text(key), order=2)
    if not (key.variants or key.choices or key.kinds) or key.units:
        for text in dict.fromkeys(t for t in (key.default, key.example) if t):
            detail = "default" if text == key.default else "for example"
            yield Item(text, text, "value", detail, key_text(key), order=3)
    if key.many and not here.brackets:
        yield Item("[...]", "[$0]", "value", "a list", key_text(key), snippet=True, order=8)


def _constructor(key: Key, variant: Variant) -> Iterator[Item]:
    docs, summary = variant_text(variant), variant.docs.split("\n")[0]
    needed = any(a.required for a in variant.arguments)
    if not needed:
        yield Item(variant.word, variant.word, "constructor", summary, docs, order=2)
    if variant.arguments and (needed or len(key.variants) <= MANY):
        label = f"{variant.word}(...)"
        yield Item(label, f"{variant.word}($0)", "constructor", summary, docs, snippet=True, order=3)


def _references(key: Key, files: Sequence[Opened], own: str | None) -> Iterator[Item]:
    """What is declared and fits; a stage is offered as `NAME.best`, too, where it has a grid."""
    seen = set()
    for one, name in declarations(files):
        kind = name.kinds[0]
        if (
            kind not in key.kinds
            or (kind, name.text) in seen
            or (kind in ("stage", "merge") and name.text == own)
        ):
            continue
        seen.add((kind, name.text))
        where = f" of {one.path.name}" if one is not files[0] else ""
        yield Item(name.text, name.text, "reference", kind + where, order=1)
        assert name.block is not None
        if kind == "stage" and any(
            isinstance(i, tree.Block) and i.kind.text == "sweep" for i in name.block.items
        ):
            best = f"{name.text}.best"
            yield Item(best, best, "reference", "the winner of its grid", order=1)


def _metrics(files: Sequence[Opened]) -> Iterator[Item]:
    yield Item("eval_loss", "eval_loss", "word", "the loss on held-out rows", order=1)
    for name, about in tasks(files, None):
        yield Item(name, name, "reference", about, order=2)
        if about == "own task":
            yield Item(name + LOSS, name + LOSS, "reference", "the loss of its reference answers", order=3)


def _numbers(text: str, key: Key) -> Iterator[Item]:
    """The digits that are written, with each unit that fits."""
    digits = _DIGITS.match(text)
    if digits is None:
        return
    for unit in key.units:
        scaled = unit == "tok" or (unit == "" and "tok" in key.units)
        for scale in ("", *BINARY) if scaled else ("",):
            if unit or scale:
                number = f"{digits[0]}{scale}{unit}"
                yield Item(
                    number, number, "value", in_full(number) or "", key_text(key), order=2 if scale else 1
                )
