"""A statement that cannot be read, and what can be said about it."""

from __future__ import annotations

from dataclasses import dataclass

from smolc.compiler.diagnostics import Diagnostic, Edit, Label, Severity, Source, Span
from smolc.compiler.syntax.lex import Token

OPEN = {"LPAR": "RPAR", "LSQB": "RSQB"}
CLOSE = {"RPAR": "LPAR", "RSQB": "LSQB"}
VALUE_STARTS = {"NUMBER", "STRING", "TRIPLE", "NAME", "LSQB", "MINUS"}
VALUE_ENDS = {"NUMBER", "STRING", "TRIPLE", "NAME", "RPAR", "RSQB"}


@dataclass(frozen=True)
class Case:
    """A statement that cannot be read: `tokens[at]` (or the end) is not among `expected`."""

    source: Source
    tokens: list[Token]
    at: int
    expected: set[str]
    start: str

    @property
    def token(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    @property
    def kind(self) -> str:
        token = self.token
        return token.type if token is not None else "$END"

    @property
    def before(self) -> str:
        return self.tokens[self.at - 1].type if self.at else ""

    def span(self, at: int | None = None) -> Span:
        """Of a token; at the end, of the place right behind the last one."""
        at = self.at if at is None else at
        if at < len(self.tokens):
            token = self.tokens[at]
            return Span(self.source, token.start, token.end)
        end = (self.tokens[-1].end) if self.tokens else 0
        return Span(self.source, end, end)

    def open_brackets(self) -> list[int]:
        """Indices of the brackets that are open before `at`, outermost first."""
        stack: list[int] = []
        for i in range(min(self.at, len(self.tokens))):
            kind = self.tokens[i].type
            if kind in OPEN:
                stack.append(i)
            elif kind in CLOSE and stack:
                stack.pop()
        return stack

    def replaced(self, kind: str, text: str) -> list[Token]:
        """The tokens, with another one in place of the one that does not fit."""
        old = self.tokens[self.at]
        token = Token(kind, text, old.start, old.end)
        return [*self.tokens[: self.at], token, *self.tokens[self.at + 1 :]]

    def inserted(self, kind: str, text: str) -> list[Token]:
        """The tokens, with one put before the one that does not fit."""
        at = self.span(self.at - 1).end if self.at else self.span().start
        return [*self.tokens[: self.at], Token(kind, text, at, at), *self.tokens[self.at :]]

    def removed(self) -> list[Token]:
        return [*self.tokens[: self.at], *self.tokens[self.at + 1 :]]


@dataclass(frozen=True)
class Mended:
    """The report, and the tokens to read instead (None: the statement is lost).

    With `rest`, `tokens` is a whole statement and `rest` another one.
    """

    diagnostic: Diagnostic
    tokens: list[Token] | None = None
    rest: list[Token] | None = None


def error(
    code: str,
    name: str,
    message: str,
    span: Span,
    help: str | None = None,
    edit: str | None = None,
    labels: tuple[Label, ...] = (),
) -> Diagnostic:
    """An error; `edit` replaces the text of `span`."""
    edits = () if edit is None else (Edit(span, edit),)
    return Diagnostic(code, name, Severity.ERROR, message, span, labels, help=help, edits=edits)


def said(token: Token | None) -> str:
    """A token in the user's words."""
    if token is None:
        return "the end of the line"
    text = token.split("\n")[0]
    text = text if len(text) <= 40 else text[:39] + "…"
    kinds = {"NAME": "the name ", "NUMBER": "the number ", "STRING": "the text ", "TRIPLE": "the text "}
    return f"{kinds.get(token.type, '')}`{text}`"


def starts_statement(tokens: list[Token], at: int) -> bool:
    """Whether `path =`, `path >=` or `kind label {` stands at `at`."""
    count = len(tokens)
    if at >= count or tokens[at].type not in ("NAME", "STRING", "HYPHENED"):
        return False
    first = at
    while at + 2 < count and tokens[at + 1].type == "DOT":
        at += 2
    if at + 1 >= count:
        return False
    kind = tokens[at + 1].type
    if kind in ("EQUAL", "OPERATOR", "COLON", "ARROW"):
        return True
    if tokens[first].type != "NAME" or at != first:
        return False
    if kind == "LBRACE":
        return True
    return kind in ("NAME", "STRING") and at + 2 < count and tokens[at + 2].type == "LBRACE"


def key_before(case: Case) -> str:
    first = case.at - 1
    while first > 0 and case.tokens[first - 1].type == "DOT":
        first -= 2
    first = max(first, 0)
    return case.source.text[case.span(first).start : case.span(case.at - 1).end]


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
