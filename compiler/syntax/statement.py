"""Reads one statement; after a mistake, a mended form of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from smolc.compiler.diagnostics import Diagnostic, Source
from smolc.compiler.syntax.case import Case
from smolc.compiler.syntax.grammar import parser
from smolc.compiler.syntax.lex import Token
from smolc.compiler.syntax.mend import mend

_MENDS = 12


@dataclass
class Reading:
    """`trees`: Lark's trees, usually one, two if a line held two statements; `found`: at most one report."""

    trees: list[Any] = field(default_factory=list)
    found: list[Diagnostic] = field(default_factory=list)


def read(source: Source, tokens: list[Token], start: str = "statement") -> Reading:
    """Reads `tokens` (without line ends) as one `start`: `statement`, `value` or `path`.

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
            tokens = mended.tokens
    return result


@dataclass
class _Failure:
    at: int
    expected: set[str]


def _attempt(tokens: list[Token], start: str) -> Any:
    """Lark's tree, or where it went wrong."""
    from lark.exceptions import UnexpectedToken

    reader: Any = parser().parse_interactive(start=start)
    at = 0
    try:
        for at, token in enumerate(tokens):  # noqa: B007
            reader.feed_token(token)
        at = len(tokens)
        return reader.feed_eof()
    except UnexpectedToken as error:
        return _Failure(at, set(error.expected))
