"""What a recipe may say, read off the model: the one source of the language reference, hover texts and completion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from inspect import cleandoc

from pydantic.fields import FieldInfo

from smolc.compiler.model import base
from smolc.compiler.model.arrange import FROM, NESTED
from smolc.compiler.model.build import NOUNS
from smolc.compiler.model.data import Row, Where
from smolc.compiler.model.evaluation import Check
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Axis, Sweep
from smolc.compiler.model.tasks import LABELLED
from smolc.compiler.model.types import Kind, To
from smolc.compiler.model.variants import OneOf
from smolc.compiler.reference.readers import Reader, is_listed, readers
from smolc.compiler.reference.written import written
from smolc.compiler.resolve.resolved import KINDS


@dataclass(frozen=True, slots=True)
class Variant:
    """A typed constructor. positional: the arguments that may be given without a name, in order."""

    word: str
    docs: str
    positional: tuple[str, ...]
    arguments: tuple[Key, ...]

    @property
    def example(self) -> str:
        """With what it needs: `after("####")`, `adamw`."""
        needed = [
            a.example if a.name in self.positional else f"{a.name} = {a.example}"
            for a in self.arguments
            if a.required
        ]
        return f"{self.word}({', '.join(needed)})" if needed else self.word


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a block, or an argument of a constructor.

    type: in words. units: as they are written; "" is among them where a number may have none. default: as it would be
    written, None if there is none (the description then says what happens). limits: the numbers that are accepted.
    example: a value that is accepted. many: a list is accepted, too. choices, variants, kinds: the words, the
    constructors and the kinds of blocks that a value may name.
    """

    name: str
    type: str
    description: str
    required: bool
    default: str | None
    example: str
    units: tuple[str, ...] = ()
    limits: str = ""
    many: bool = False
    choices: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    kinds: tuple[str, ...] = ()

    def variant(self, word: str) -> Variant | None:
        return next((v for v in self.variants if v.word == word), None)


@dataclass(frozen=True, slots=True)
class Line:
    """A line whose key is the author's own: a row of a mixture, a condition. value: what stands on the right."""

    form: str
    docs: str
    example: str
    value: Key | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A block. label: what it is called by, "" if it has no name. lines: what it may hold besides keys and blocks."""

    kind: str
    label: str
    docs: str
    keys: tuple[Key, ...] = ()
    blocks: tuple[Block, ...] = ()
    lines: tuple[Line, ...] = ()

    def key(self, name: str) -> Key | None:
        return next((k for k in self.keys if k.name == name), None)

    def block(self, kind: str) -> Block | None:
        return next((b for b in self.blocks if b.kind == kind), None)


@cache
def catalogue() -> dict[str, Block]:
    """The blocks at the top of a recipe, by kind."""
    nouns: dict[str, type[base.Noun]] = {
        "recipe": Recipe,
        **{kind: noun for kind, (_, noun) in NOUNS.items()},
    }
    return {
        kind: Block(
            kind,
            "NAME",
            docs_of(nouns[kind]),
            keys_of(nouns[kind]),
            tuple(_nested(name) for name in NESTED.get(kind, ())),
            (_line(Row, "weight"),) if kind == "mixture" else (),
        )
        for kind in KINDS
    }


def _nested(kind: str) -> Block:
    if kind == "from":
        row = _line(Row, "weight")
        return Block(
            kind, "DATASET", FROM, lines=(replace(row, form="SPLIT = WEIGHT", example='"train" = take(50%)'),)
        )
    if kind in LABELLED:
        return Block(kind, "NAME", docs_of(LABELLED[kind]), keys_of(LABELLED[kind]))
    if kind == "sweep":
        return Block(kind, "", docs_of(Sweep), keys_of(Sweep), lines=(_line(Axis),))
    line: type[base.Line] = Where if kind == "where" else Check
    return Block(kind, "", docs_of(line), lines=(_line(line),))


def _line(line: type[base.Line], value: str = "") -> Line:
    key = _key(value, line.model_fields[value]) if value else None
    return Line(line.form, docs_of(line), line.example, key)


def docs_of(noun: type[base.Noun]) -> str:
    """Its docstring, whose first line is a sentence of its own."""
    return cleandoc(noun.__doc__ or "")


def keys_of(noun: type[base.Noun]) -> tuple[Key, ...]:
    """The fields that a recipe may write; those that `arrange` fills from blocks have nothing that reads them."""
    return tuple(_key(name, field) for name, field in noun.model_fields.items() if readers(field))


@cache
def _variant(variant: type[base.Variant]) -> Variant:
    return Variant(variant.word, docs_of(variant), variant.positional, keys_of(variant))


def _key(name: str, field: FieldInfo) -> Key:
    by = readers(field)
    many = is_listed(by[0])
    docs = [r.doc for r in by if isinstance(r, Kind)]
    units = tuple(dict.fromkeys(unit for doc in docs for unit in doc.units))
    choices = tuple(c for doc in docs for c in doc.choices)
    variants = tuple(_variant(v) for r in by if isinstance(r, OneOf) for v in r.variants.values())
    required = field.is_required()
    default = None if required else written(field.default, by)
    return Key(
        name=name,
        type=" or ".join(dict.fromkeys(_words(r) for r in (by[:1] if many else by))),
        description=field.description or "",
        required=required,
        default=default,
        example=str(field.examples[0]) if field.examples else _example(by, default),
        units=units if any(units) else (),
        limits="; ".join(doc.limits for doc in docs if doc.limits),
        many=many,
        choices=choices,
        variants=variants,
        kinds=tuple(kind for r in by if isinstance(r, To) for kind in r.kinds),
    )


def _words(reader: Reader) -> str:
    if not isinstance(reader, OneOf):
        return reader.doc.wants
    return ("one of " if len(reader.variants) > 1 else "") + ", ".join(reader.variants)


def _example(by: list[Reader], default: str | None) -> str:
    """Something else than the default, where there is a choice."""
    outermost = by[0]
    if isinstance(outermost, Kind) and is_listed(outermost):
        return outermost.doc.example
    could = [text for reader in by for text in _possible(reader)]
    return next((text for text in could if text.split("(")[0] != (default or "").split("(")[0]), could[0])


def _possible(reader: Reader) -> list[str]:
    if isinstance(reader, OneOf):
        return [_variant(v).example for v in reader.variants.values()]
    return list(reader.doc.choices if isinstance(reader, Kind) else ()) or [reader.doc.example]
