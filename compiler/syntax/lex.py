"""Text to tokens. Never fails: what is not known comes out as an `OTHER` of one character."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from smolc.compiler.diagnostics import Source, Span
from smolc.compiler.syntax.grammar import parser
from smolc.compiler.syntax.tree import Comment

if TYPE_CHECKING:
    from lark import Token

# A line that most likely does not belong to an unclosed `"""`: a block's head, or a closing brace.
_AFTER_TEXT = re.compile(r'\n(?=[a-z_]+ [A-Za-z0-9_"]+ *\{ *(?:#.*)?$|[ \t]*\}[ \t]*$)', re.MULTILINE)
_UNCLOSED_TEXTS = 8
_CLOSED = re.compile(r'"""[^"\\]*(?:(?:\\[\s\S]|"(?!""))[^"\\]*)*"""')


def lex(source: Source) -> tuple[list[Token], tuple[Comment, ...]]:
    """All tokens, line ends included, and the comments."""
    tokens: list[Token] = []
    comments: list[Comment] = []
    begin: int | None = 0
    for attempt in range(_UNCLOSED_TEXTS + 1):
        begin = _lex_from(source, begin or 0, tokens, comments, attempt < _UNCLOSED_TEXTS)
        if begin is None:
            break
    return tokens, tuple(comments)


def _lex_from(
    source: Source, begin: int, tokens: list[Token], comments: list[Comment], may_cut: bool
) -> int | None:
    """Lexes from `begin`; stops after an unclosed text block and returns where to go on."""
    from lark.lexer import LexerThread, TextSlice

    text = source.text
    stream = LexerThread.from_text(_lexer(), TextSlice(text, begin, len(text))).lex(None)
    for token in stream:
        kind = token.type
        if kind == "COMMENT":
            own_line = not tokens or tokens[-1].type == "NEWLINE"
            span = Span(source, token.start_pos, token.start_pos + len(token.rstrip()))
            comments.append(Comment(str(token).rstrip(), span, own_line))
            continue
        if kind == "TRIPLE" and not _is_closed(token, text):
            found = _AFTER_TEXT.search(text, token.start_pos) if may_cut else None
            end = found.start() if found else token.end_pos
            tokens.append(cut(token, end))
            return end if found else None
        tokens.append(token)
    return None


def _lexer():  # type: ignore[no-untyped-def]
    return parser().parser.lexer


def _is_closed(token: Token, text: str) -> bool:
    return token.end_pos != len(text) or _CLOSED.fullmatch(token) is not None


def cut(token: Token, end: int) -> Token:
    """An unclosed text block, up to `end`."""
    return new("BAD_STRING", str(token)[: end - token.start_pos], token.start_pos)


def new(kind: str, text: str, start: int, end: int | None = None) -> Token:
    """A token that stands for something else than what was written at `start`."""
    from lark import Token

    return Token(kind, text, start_pos=start, end_pos=start + len(text) if end is None else end)
