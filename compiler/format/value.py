"""Values and sections as text, without a layout: one line for a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from smolc.compiler.syntax.strings import unescape
from smolc.compiler.syntax.tree import (
    Argument,
    Bool,
    Call,
    Compare,
    Group,
    Ident,
    Joined,
    List,
    Negation,
    Number,
    Path,
    Ref,
    Test,
    Text,
    Value,
)
from smolc.compiler.syntax.units import MEASURES, read_number

if TYPE_CHECKING:
    from smolc.compiler.resolve.resolved import Section

Leaf = Ident | Number | Text
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]')
_SIZES = tuple((suffix, int(factor)) for suffix, (unit, factor) in MEASURES.items() if unit == "B")


def print_value(value: Value) -> str:
    """A value on one line, as source text that is read as the same value.

    Numbers are spelt as they were written, where they were; so are texts, but a text block becomes a text of one line.
    Raises ValueError for a constructor without a name (what `optim.lr = 1` makes where there is no `optim`).
    """
    return flat(value, spelled)


def print_section(section: Section) -> str:
    """A block with all that is in it, as lines for `canonical`; raises nothing."""
    head = " ".join(spelled(name) for name in (section.kind, section.label) if name is not None)
    lines = [f"{head} {{"]
    for field in section.fields.values():
        lines += _assignments(print_path(field.path), field.value)
    lines += [print_compare(check) for check in section.checks]
    lines += [print_section(nested) for nested in section.sections]
    return "\n".join([*lines, "}"])


def print_path(path: Path) -> str:
    return ".".join(map(spelled, path.parts))


def print_compare(check: Compare) -> str:
    return f"{print_path(check.left)} {check.operator} {flat_sum(check, spelled)}"


def flat(value: Value, leaf: Callable[[Leaf], str]) -> str:
    """A value on one line; `leaf` spells names, numbers and texts."""
    match value:
        case Bool():
            return "true" if value.value else "false"
        case Ref():
            return ".".join(map(leaf, value.path.parts))
        case List():
            return f"[{', '.join(flat(item, leaf) for item in value.items)}]"
        case Call():
            if not value.name.text:
                raise ValueError("a constructor without a name cannot be written down")
            return f"{leaf(value.name)}({', '.join(flat_argument(a, leaf) for a in value.arguments)})"
        case Test():
            left = ".".join(map(leaf, value.left.parts))
            return f"{left} {value.operator} {flat(value.right, leaf)}"
        case Joined():
            return f" {value.word} ".join(flat(part, leaf) for part in value.parts)
        case Negation():
            return f"not {flat(value.inner, leaf)}"
        case Group():
            return f"({flat(value.inner, leaf)})"
        case _:
            return leaf(value)


def flat_argument(argument: Argument, leaf: Callable[[Leaf], str]) -> str:
    name = f"{leaf(argument.name)} = " if argument.name is not None else ""
    return name + flat(argument.value, leaf)


def flat_sum(check: Compare, leaf: Callable[[Leaf], str]) -> str:
    """The right side of a comparison."""
    (_, first), *rest = check.right
    signed = "".join(f" {'+' if sign > 0 else '-'} {flat(value, leaf)}" for sign, value in rest)
    return flat(first, leaf) + signed


def written(node: Leaf) -> str:
    """As it stands in the source, byte for byte; only a number's sign moves to its digits."""
    text = node.span.text
    if isinstance(node, Number) and text.startswith("-"):
        return "-" + text[1:].split()[-1]
    return text


def spelled(node: Leaf) -> str:
    """As `written` where that is what the node holds and is one line; otherwise from what it holds."""
    if isinstance(node, Ident):
        return node.text if not node.quoted and _NAME.fullmatch(node.text) else quote(node.text)
    text = node.span.text.strip()
    if isinstance(node, Text):
        is_text = len(text) > 1 and text[0] == text[-1] == '"' and "\n" not in text
        return text if is_text and unescape(text) == (node.value, []) else quote(node.value)
    if text:
        text = written(node)
        sign = -1 if text.startswith("-") else 1
        read = read_number(text.removeprefix("-"))
        if isinstance(read, tuple) and (sign * read[0], read[1]) == (node.value, node.unit):
            return text
    return _number(node.value, node.unit)


def quote(text: str) -> str:
    """A literal of one line."""
    return '"' + _ESCAPED.sub(lambda m: _ESCAPES.get(m[0], f"\\u{{{ord(m[0]):x}}}"), text) + '"'


def _number(value: int | float, unit: str | None) -> str:
    if unit == "%":
        return f"{(Decimal(repr(value)) * 100).normalize():f}%"
    if unit == "B":
        suffix, factor = next(((s, f) for s, f in reversed(_SIZES) if value % f == 0), _SIZES[0])
        return f"{(Decimal(repr(value)) / factor).normalize():f}{suffix}"
    return f"{value!r}{unit or ''}"


def _assignments(key: str, value: Value) -> Iterator[str]:
    """`key = value`; what has a constructor without a name as `key.argument = value` behind it."""
    kept, later = _without_nameless(value)
    if kept is not None:
        yield f"{key} = {print_value(kept)}"
    for path, inner in later:
        yield f"{key}.{path} = {print_value(inner)}"


def _without_nameless(value: Value) -> tuple[Value | None, list[tuple[str, Value]]]:
    if not isinstance(value, Call):
        return value, []
    kept: list[Argument] = []
    later: list[tuple[str, Value]] = []
    for argument in value.arguments:
        inner, more = _without_nameless(argument.value)
        name = spelled(argument.name) if argument.name else ""
        later += [(f"{name}.{path}", deeper) for path, deeper in more]
        if inner is not None:
            kept.append(replace(argument, value=inner))
    if value.name.text:
        return replace(value, arguments=tuple(kept)), later
    return None, [(spelled(a.name), a.value) for a in kept if a.name] + later
