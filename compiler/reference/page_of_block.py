"""One block of the catalogue as a page of markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from smolc.compiler.reference.catalogue import Block, Key, Line, Variant

KEYS = ("key", "value", "default", "about", "example")


def page_of_block(block: Block, prose: str) -> str:
    """Title, what it is, an example, its keys, their constructors, and the blocks inside."""
    parts = [f"# {block.kind}", f"`{block.kind} {block.label} {{ ... }}`", block.docs, prose]
    parts += _inside(block, "##")
    return "\n\n".join(parts)


def arguments_of(variant: Variant) -> Iterator[str]:
    """Of a constructor: a table, and below it the constructors that they may be."""
    yield _keys(variant.arguments)
    for argument in variant.arguments:
        if argument.variants:
            yield f"`{argument.name}`:"
            yield from _variants(argument.variants)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of markdown; `|` in a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def _inside(block: Block, level: str) -> Iterator[str]:
    if block.keys:
        yield f"{level} Keys" if level == "##" else "Keys:"
        yield _keys(block.keys)
    for line in block.lines:
        yield from _line(line, level)
    for key in block.keys:
        if key.variants:
            yield f"{level} `{key.name}`"
            yield from _variants(key.variants)
    for nested in block.blocks:
        yield f"{level} {nested.kind}"
        head = " ".join(word for word in (nested.kind, nested.label) if word)
        yield f"`{head} {{ ... }}`"
        yield nested.docs
        yield from _inside(nested, level + "#")


def _line(line: Line, level: str) -> Iterator[str]:
    yield (
        f"`{line.form}`, for example `{line.example}`."
        if level != "##"
        else (f"## Rows\n\n{line.docs}\n\n`{line.form}`, for example `{line.example}`.")
    )
    if line.value is not None and level == "##":
        yield from _variants(line.value.variants)


def _variants(variants: Sequence[Variant]) -> Iterator[str]:
    """Constructors with the same arguments share a table."""
    for arguments, group in groupby(variants, key=lambda v: v.arguments):
        same = list(group)
        yield "\n".join(f"- `{_call(v)}`: {' '.join(v.docs.split())}" for v in same)
        if arguments:
            yield from arguments_of(same[0])


def _call(variant: Variant) -> str:
    """How it is written: `after(marker)`, `adamw(...)`, `full`."""
    if variant.positional:
        rest = ", ..." if len(variant.arguments) > len(variant.positional) else ""
        return f"{variant.word}({', '.join(variant.positional)}{rest})"
    return f"{variant.word}(...)" if variant.arguments else variant.word


def _keys(keys: Iterable[Key]) -> str:
    rows = [(f"`{k.name}`", _value(k), _default(k), k.description, f"`{k.name} = {k.example}`") for k in keys]
    return table(KEYS, rows)


def _value(key: Key) -> str:
    """`sequences or tokens per optimiser step (seq, tok; whole, at least 1)`"""
    words = ", ".join(f"`{word}`" for word in (*key.choices, *(v.word for v in key.variants)))
    units = [f"`{unit}`" for unit in key.units if unit]
    if units and "" in key.units:
        units.append("or none")
    limits = "" if any(c.isdigit() for c in key.type) else key.limits  # most types name them
    more = "; ".join(part for part in (", ".join(units), limits) if part)
    if not words:
        return f"{key.type} ({more})" if more else key.type
    if key.variants and (key.units or key.limits):
        return f"{key.type.partition(' or ')[0]} ({more}) or {words}"
    if key.many:
        return f"{key.type}: {words}"
    return words + (f" or {key.type.partition(' or ')[2]}" if key.units or key.limits else "")


def _default(key: Key) -> str:
    if key.required:
        return "**required**"
    return "" if key.default is None else f"`{key.default}`"
