"""Lark's tree of one statement to the nodes of `tree.py`."""

from __future__ import annotations

from typing import Any

from smolc.compiler.diagnostics import Diagnostic, Edit, Severity, Source, Span
from smolc.compiler.syntax.lex import Token
from smolc.compiler.syntax.strings import unescape
from smolc.compiler.syntax.tree import (
    Argument,
    Assign,
    Bool,
    Call,
    Compare,
    Condition,
    Drop,
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
from smolc.compiler.syntax.units import Problem, read_number

_BOOLS = {"true": True, "false": False}
_FOREIGN = {
    "True": "true",
    "False": "false",
    "TRUE": "true",
    "FALSE": "false",
    "None": None,
    "null": None,
    "NULL": None,
    "nil": None,
}


MOST_ESCAPES = 10
"""Of one string that are reported: one with more is of another language."""


class Builder:
    """Builds nodes; collects what is wrong inside numbers and strings in `found`.

    `whole` turns false when a value could not be made out, so that its statement has to be left out.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.found: list[Diagnostic] = []
        self.whole = True

    def ident(self, token: Token) -> Ident:
        span = self.span(token)
        if token.type == "STRING":
            return Ident(self._unquote(token), span, True)
        return Ident(str(token), span)

    def path(self, tokens: list[Token]) -> Path:
        parts = tuple(self.ident(t) for t in tokens)
        return Path(parts, Span(self.source, parts[0].span.start, parts[-1].span.end))

    def span(self, token: Token) -> Span:
        return Span(self.source, token.start, token.end)

    def assign(self, tree: Any) -> Assign:
        path, value = self.path(tree.children[0].children), self.value(tree.children[1])
        return Assign(path, value, path.span.to(value.span))

    def compare(self, tree: Any) -> Compare:
        left, *operator, right = tree.children
        path = self.path(left.children)
        terms = self._terms(right)
        return Compare(path, " ".join(operator), terms, path.span.to(terms[-1][1].span))

    def _terms(self, tree: Any) -> tuple[tuple[int, Value], ...]:
        terms: list[tuple[int, Value]] = []
        while tree.data == "sum":
            tree, operator, last = tree.children
            terms.append((1 if operator.type == "PLUS" else -1, self.value(last)))
        terms.append((1, self.value(tree)))
        return tuple(reversed(terms))

    def drop(self, tree: Any, first: Token) -> Drop:
        kind, label = (self.ident(t) for t in tree.children[-2:])
        return Drop(kind, label, self.span(first).to(label.span))

    def value(self, tree: Any) -> Value:
        children = tree.children
        match tree.data:
            case "number":
                return self._number(children[0], self.span(children[0]), 1)
            case "negative":
                return self._number(children[1], self.span(children[0]).to(self.span(children[1])), -1)
            case "string":
                return Text(self._unquote(children[0]), self.span(children[0]))
            case "reference":
                return self._reference(children)
            case "call":
                name = self.ident(children[0])
                arguments = tuple(self._argument(a) for a in children[2:-1])
                return Call(name, arguments, name.span.to(self.span(children[-1])))
            case "list":
                items = tuple(self.value(v) for v in children[1:-1])
                return List(items, self.span(children[0]).to(self.span(children[-1])))
            case _:
                return self.condition(tree)

    def condition(self, tree: Any) -> Condition:
        children = tree.children
        match tree.data:
            case "test":
                left, *operator, right = children
                path, value = self.path(left.children), self.value(right)
                return Test(path, " ".join(operator), value, path.span.to(value.span))
            case "negation":
                inner = self.condition(children[1])
                return Negation(inner, self.span(children[0]).to(inner.span))
            case "group":
                span = self.span(children[0]).to(self.span(children[-1]))
                return Group(self.condition(children[1]), span)
            case _:
                parts = tuple(self.condition(one) for one in children[::2])
                return Joined(str(children[1]), parts, parts[0].span.to(parts[-1].span))

    def _argument(self, tree: Any) -> Argument:
        value = self.value(tree.children[-1])
        if tree.data == "positional":
            return Argument(None, value, value.span)
        name = self.ident(tree.children[0])
        return Argument(name, value, name.span.to(value.span))

    def _number(self, token: Token, span: Span, sign: int) -> Number:
        read = read_number(str(token))
        if isinstance(read, Problem):
            edits = (Edit(self.span(token), read.instead),) if read.instead else ()
            self._error(read.code, read.name, read.message, self.span(token), read.help, edits)
            read = read_number(read.instead) if read.instead else read
        if isinstance(read, Problem):
            self.whole = False
            return Number(0, None, span)
        return Number(sign * read[0], read[1], span)

    def _reference(self, tokens: list[Token]) -> Value:
        path = self.path(tokens)
        word = str(tokens[0])
        if len(tokens) == 1 and word in _BOOLS:
            return Bool(_BOOLS[word], path.span)
        if len(tokens) == 1 and word in _FOREIGN:
            instead = _FOREIGN[word]
            help = f"write `{instead}`" if instead else "leave the line out to get the default"
            edits = (Edit(path.span, instead),) if instead else ()
            self._error("S041", "foreign-literal", f"`{word}` is not a value here", path.span, help, edits)
            if instead:
                return Bool(_BOOLS[instead], path.span)
            self.whole = False
        return Ref(path, path.span)

    def _unquote(self, token: Token) -> str:
        value, mistakes = unescape(str(token))
        for offset, length, message, help in mistakes[:MOST_ESCAPES]:
            start = token.start + offset
            self._error("S042", "bad-escape", message, Span(self.source, start, start + length), help)
        return value

    def _error(
        self, code: str, name: str, message: str, span: Span, help: str, edits: tuple[Edit, ...] = ()
    ) -> None:
        self.found.append(Diagnostic(code, name, Severity.ERROR, message, span, help=help, edits=edits))
