"""Text to tokens. Never fails: what is not known comes out as an `OTHER` of one character."""

from __future__ import annotations

import re
from functools import lru_cache

from smolc.compiler.diagnostics import Source, Span
from smolc.compiler.syntax.grammar import parser
from smolc.compiler.syntax.tree import Comment

# A line that most likely does not belong to an unclosed `"""`: a block's head, or a closing brace.
_AFTER_TEXT = re.compile(r'\n(?=[a-z_]+ [A-Za-z0-9_"]+ *\{ *(?:#.*)?$|[ \t]*\}[ \t]*$)', re.MULTILINE)
_CLOSED = re.compile(r'"""[^"\\]*(?:(?:\\[\s\S]|"(?!""))[^"\\]*)*"""')
_CUTS = 8
_SPECIAL = frozenset({"COMMENT", "TRIPLE", "BAD_STRING", "BAD_QUOTES"})


class Token(str):
    """A piece of text; `type` is the grammar's name for it, [start, end) its place in the source."""

    __slots__ = ("end", "start", "type")

    type: str
    start: int
    end: int

    def __new__(cls, type: str, text: str, start: int, end: int) -> Token:
        token = str.__new__(cls, text)
        token.type = type
        token.start = start
        token.end = end
        return token


def lex(source: Source) -> tuple[list[Token], tuple[Comment, ...]]:
    """All tokens, line ends included, and the comments."""
    tokens: list[Token] = []
    comments: list[Comment] = []
    begin, cuts = 0, 0
    while begin < len(source.text):
        begin = _lex_from(source, begin, tokens, comments, cuts < _CUTS)
        cuts += 1
    return tokens, tuple(comments)


def _lex_from(source: Source, begin: int, tokens: list[Token], comments: list[Comment], may_cut: bool) -> int:
    """Lexes from `begin`; returns where it stopped: at the end, or where an unclosed text block was cut."""
    text = source.text
    for match in _pattern().finditer(text, begin):
        kind = match.lastgroup
        if kind is None:
            continue  # blanks before the end
        start, end = match.span(kind)
        if kind not in _SPECIAL:
            tokens.append(Token(kind, text[start:end], start, end))
            continue
        if kind == "COMMENT":
            comment = text[start:end].rstrip()
            own_line = not tokens or tokens[-1].type == "NEWLINE"
            comments.append(Comment(comment, Span(source, start, start + len(comment)), own_line))
        elif kind == "TRIPLE" and end == len(text) and _CLOSED.fullmatch(text, start) is None:
            found = _AFTER_TEXT.search(text, start) if may_cut else None
            end = found.start() if found else end
            tokens.append(_unclosed("BAD_STRING", text[start:end], start))
            return end
        elif kind == "TRIPLE":
            tokens.append(Token(kind, text[start:end], start, end))
        else:
            tokens.append(_unclosed(kind, text[start:end], start))
    return len(text)


def _unclosed(kind: str, text: str, start: int) -> Token:
    text = text.rstrip()
    return Token(kind, text, start, start + len(text))


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    """The grammar's terminals in Lark's order, as one expression: Lark's own lexer takes twice the time."""
    ignored = set(parser().lexer_conf.ignore)
    terminals = parser().parser.lexer.terminals
    blanks = "|".join(t.pattern.to_regexp() for t in terminals if t.name in ignored)
    parts = "|".join(f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in terminals if t.name not in ignored)
    return re.compile(rf"(?:{blanks})*(?:{parts}|\Z)")
