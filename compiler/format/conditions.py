"""Where brackets stand in a value, which for conditions is not only around it."""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.format.value import flat, written
from smolc.compiler.syntax.tree import Call, Group, Joined, List, Negation, Test, Value

Bracketed = Call | List | Group


def outermost(value: Value) -> Iterator[Bracketed]:
    """The brackets of a value that stand in no others, in the order of the text."""
    match value:
        case Call() | List() | Group():
            yield value
        case Test():
            yield from outermost(value.right)
        case Negation():
            yield from outermost(value.inner)
        case Joined():
            for part in value.parts:
                yield from outermost(part)


def last(value: Value) -> Bracketed | None:
    """The brackets that a value ends with."""
    match value:
        case Call() | List() | Group():
            return value
        case Test():
            return last(value.right)
        case Negation():
            return last(value.inner)
        case Joined():
            return last(value.parts[-1])
        case _:
            return None


def plain(value: Value) -> Iterator[Value]:
    """The values of a condition that stand in no brackets; of another value without brackets, itself."""
    match value:
        case Call() | List() | Group():
            return
        case Test():
            yield from plain(value.right)
        case Negation():
            yield from plain(value.inner)
        case Joined():
            for part in value.parts:
                yield from plain(part)
        case _:
            yield value


def up_to_bracket(value: Value) -> str:
    """A value on one line, up to its first opening bracket."""
    match value:
        case Call():
            return f"{written(value.name)}("
        case List():
            return "["
        case Group():
            return "("
        case Test():
            left = ".".join(map(written, value.left.parts))
            return f"{left} {value.operator} {up_to_bracket(value.right)}"
        case Negation():
            return f"not {up_to_bracket(value.inner)}"
        case Joined():
            return joined_up_to_bracket(value.parts, value.word)
        case _:
            return flat(value, written)


def joined_up_to_bracket(parts: tuple[Value, ...], word: str) -> str:
    """As `up_to_bracket`, for what `word` stands between."""
    said: list[str] = []
    for part in parts:
        said.append(up_to_bracket(part))
        if next(outermost(part), None) is not None:
            break
    return f" {word} ".join(said)
