"""Reads one statement; after a mistake, a mended form of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from smolc.compiler.diagnostics import Diagnostic, Source
from smolc.compiler.syntax.case import Case
from smolc.compiler.syntax.grammar import parser
from smolc.compiler.syntax.lex import Token
from smolc.compiler.syntax.mend import mend
from smolc.compiler.syntax.words import with_words

_MENDS = 12


@dataclass
class Reading:
    """`trees`: Lark's trees, usually one, two if a line held two statements; `found`: at most one report."""

    trees: list[Any] = field(default_factory=list)
    found: list[Diagnostic] = field(default_factory=list)


def read(source: Source, tokens: list[Token], start: str = "statement") -> Reading:
    """Reads `tokens` (without line ends) as one `start`: `statement`, `value` or `path`. Words of conditions are
    keywords already (`with_words`).

    Only the first mistake is reported: what follows it in the same statement is seldom a second one.
    """
    result = Reading()
    for _ in range(_MENDS):
        outcome = _attempt(tokens, start)
        if not isinstance(outcome, _Failure):
            result.trees.append(outcome)
            return result
        mended = mend(Case(source, tokens, outcome.at, outcome.expected, start))
        if not result.found:
            result.found.append(mended.diagnostic)
        if mended.tokens is None:
            return result
        if mended.rest:
            before = _attempt(mended.tokens, start)
            if not isinstance(before, _Failure):
                result.trees.append(before)
            tokens = mended.rest
        else:
            tokens = with_words(mended.tokens)
    return result


@dataclass
class _Failure:
    at: int
    expected: set[str]


def known(tokens: list[Token], start: str = "statement") -> Node | None:
    """The tree of a statement whose shape was read before; None for others, with mistakes or without."""
    shape = _SHAPES.get(_key(tokens, start))
    return _filled(shape, tokens) if shape is not None else None


def _key(tokens: list[Token], start: str) -> tuple[str, ...]:
    return (start, *[token.type for token in tokens])


def _attempt(tokens: list[Token], start: str) -> Any:
    """The statement's tree, or where it went wrong.

    A tree depends on the types of its tokens only, and most statements look like one before: Lark reads each shape once.
    """
    node = known(tokens, start)
    if node is not None:
        return node
    tree = _by_lark(tokens, start)
    if isinstance(tree, _Failure) or len(tokens) > _LONGEST_SHAPE:
        return tree
    if len(_SHAPES) >= _MOST_SHAPES:
        _SHAPES.clear()
    shape = _shape_of(tree, {id(token): at for at, token in enumerate(tokens)})
    _SHAPES[_key(tokens, start)] = shape
    return _filled(shape, tokens)


@dataclass(slots=True)
class Node:
    """What a tree of Lark holds: the rule's name, and nodes and tokens."""

    data: str
    children: list[Any]


_Shape = tuple[str, tuple[Any, ...]]
_SHAPES: dict[tuple[str, ...], _Shape] = {}
_MOST_SHAPES = 4096
_LONGEST_SHAPE = 64


def _shape_of(tree: Any, places: dict[int, int]) -> _Shape:
    """A tree with its tokens' places instead of the tokens."""
    children = tuple(
        places[id(child)] if isinstance(child, Token) else _shape_of(child, places) for child in tree.children
    )
    return str(tree.data), children


def _filled(shape: _Shape, tokens: list[Token]) -> Node:
    return Node(shape[0], [tokens[one] if one.__class__ is int else _filled(one, tokens) for one in shape[1]])


def _by_lark(tokens: list[Token], start: str) -> Any:
    from lark.exceptions import UnexpectedToken

    reader: Any = parser().parse_interactive(start=start)
    at = 0
    try:
        for at, token in enumerate(tokens):  # noqa: B007
            reader.feed_token(token)
        at = len(tokens)
        return reader.feed_eof()
    except UnexpectedToken as error:
        # A state of LALR expects more than what can follow here: what others that share it would take.
        return _Failure(at, set(error.expected) & reader.accepts())
