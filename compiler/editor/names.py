"""Every name in a file: where blocks and tasks are declared, and where they are spoken of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from smolc.compiler.diagnostics import Span
from smolc.compiler.editor.chain import Opened
from smolc.compiler.editor.keys import argument_of, key_of, target, words
from smolc.compiler.model.arrange import MIXTURE_KEYS
from smolc.compiler.reference.catalogue import Key, Variant
from smolc.compiler.resolve.resolved import KINDS
from smolc.compiler.syntax import tree

TASK = "task"
ROWS = ("dataset", "pairs")
"""Kinds of what a mixture's rows are named after."""
LOSS = "_loss"
"""Behind a task's name: `min(words_loss)`."""


@dataclass(frozen=True)
class Name:
    """kinds: what it may be a name of, the likeliest first. span: the name itself. block: what it declares, if it does."""

    text: str
    kinds: tuple[str, ...]
    span: Span
    block: tree.Block | None = None


def names_in(one: Opened, files: Sequence[Opened]) -> list[Name]:
    """files: the chain that `one` is read in, to look up labels of paths at the top."""
    return list(_Names(one, files).all())


Entity = tuple[str, str]
"""Kind and label."""


def entity(name: Name, declared: set[Entity]) -> Entity:
    """What a name stands for; of kinds that may both have it, the first that does, as the compiler decides."""
    kind = next((k for k in name.kinds if (k, name.text) in declared), name.kinds[0])
    return kind, name.text


def declared_in(files: Sequence[Opened]) -> set[Entity]:
    return {(name.kinds[0], name.text) for _, name in declarations(files)}


def declarations(files: Sequence[Opened]) -> Iterator[tuple[Opened, Name]]:
    """All blocks with a label and all tasks, the child's first."""
    for one in files:
        for block in one.blocks():
            if block.label is not None and block.kind.text in KINDS:
                yield one, _declared(block)
                for item in block.items:
                    if isinstance(item, tree.Block) and item.kind.text == TASK and item.label is not None:
                        yield one, _declared(item)


def _declared(block: tree.Block) -> Name:
    assert block.label is not None
    return Name(block.label.text, (block.kind.text,), block.label.span, block)


class _Names:
    def __init__(self, one: Opened, files: Sequence[Opened]) -> None:
        self.one = one
        self.files = files

    def all(self) -> Iterator[Name]:
        for item in self.one.file.items:
            match item:
                case tree.Block():
                    yield from self._block(item, (item.kind.text,), item.label.text if item.label else None)
                case tree.Assign():
                    yield from self._top_path(item)
                case tree.Drop():
                    yield _use(item.label, item.kind.text)
                case tree.Compare():
                    pass

    def _block(self, block: tree.Block, kinds: tuple[str, ...], label: str | None) -> Iterator[Name]:
        kind = kinds[-1]
        if block.label is not None:
            if kind == "from":
                yield _use(block.label, "dataset")
            elif kind in KINDS or kind == TASK:
                yield _declared(block)
        for item in block.items:
            match item:
                case tree.Block():
                    yield from self._block(item, (*kinds, item.kind.text), label)
                case tree.Assign():
                    yield from self._assign(item, kinds, label)
                case tree.Compare() if kind == "expect":
                    yield from self._check(item)
                case tree.Drop():
                    yield from self._drop(item, kind)
                case _:
                    pass

    def _assign(self, item: tree.Assign, kinds: tuple[str, ...], label: str | None) -> Iterator[Name]:
        parts = item.path.parts
        if kinds == ("mixture",) and parts[0].text not in MIXTURE_KEYS:
            yield _use(parts[0], *ROWS)
        if kinds[0] == "eval" and len(parts) > 2 and parts[0].text == TASK:
            yield _use(parts[1], TASK)
        texts = tuple(p.text for p in parts)
        yield from self._value(item.value, key_of(kinds, texts, words(self.files, kinds, label)))

    def _top_path(self, item: tree.Assign) -> Iterator[Name]:
        """`stage.sft.optim.lr = ...`, `eval.final.task.words.subset = ...`."""
        parts = item.path.parts
        texts = [p.text for p in parts]
        kinds, rest, label = target((), texts, None, self.files)
        if not kinds:
            return
        if label is not None:
            yield _use(parts[len(parts) - len(rest) - 1], kinds[0])
        if kinds == ("mixture",) and rest and rest[0] not in MIXTURE_KEYS:
            yield _use(parts[len(parts) - len(rest)], *ROWS)
        if kinds == ("eval",) and len(rest) > 2 and rest[0] == TASK:
            yield _use(parts[len(parts) - len(rest) + 1], TASK)
        yield from self._value(item.value, key_of(kinds, rest, words(self.files, kinds, label)))

    def _drop(self, item: tree.Drop, kind: str) -> Iterator[Name]:
        if kind == "mixture" and item.label.text not in MIXTURE_KEYS:
            yield _use(item.label, *ROWS)
        elif kind == "eval" and item.kind.text == TASK:
            yield _use(item.label, TASK)

    def _check(self, item: tree.Compare) -> Iterator[Name]:
        """`sft.words >= base.words + 5%`: a model's, stage's or merge's name, then a task's."""
        paths = [item.left, *(value.path for _, value in item.right if isinstance(value, tree.Ref))]
        for path in paths:
            yield _use(path.parts[0], "stage", "merge", "model")
            if len(path.parts) > 1:
                yield _task(path.parts[1])

    def _value(self, value: tree.Value, key: Key | None) -> Iterator[Name]:
        if key is None:
            return
        match value:
            case tree.List():
                for one in value.items:
                    yield from self._value(one, key)
            case tree.Ref() if key.kinds:
                yield _use(value.path.parts[0], *key.kinds)
            case tree.Ref() if is_metric(key):
                yield _task(value.path.parts[0])
            case tree.Call():
                variant = key.variant(value.name.text)
                position = 0
                for argument in value.arguments:
                    name = argument.name.text if argument.name else _unnamed(variant, position)
                    position += argument.name is None
                    if name is not None:
                        yield from self._value(argument.value, argument_of(key, name, value.name.text))
            case _:
                pass


def is_metric(key: Key) -> bool:
    """Whether a key names what a sweep is decided by."""
    return key.name == "metric"


def _unnamed(variant: Variant | None, position: int) -> str | None:
    if variant is None or position >= len(variant.positional):
        return None
    return variant.positional[position]


def _use(ident: tree.Ident, *kinds: str) -> Name:
    return Name(ident.text, kinds, ident.span)


def _task(ident: tree.Ident) -> Name:
    """A task's name, also in `words_loss`."""
    if not ident.quoted and ident.text.endswith(LOSS) and ident.text != "eval_loss":
        text = ident.text.removesuffix(LOSS)
        return Name(text, (TASK,), Span(ident.span.source, ident.span.start, ident.span.end - len(LOSS)))
    return Name(ident.text, (TASK,), ident.span)
