"""Tokens to the tree of a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from smolc.compiler.diagnostics import Diagnostic, Label, Source, Span
from smolc.compiler.syntax import statement
from smolc.compiler.syntax.build import Builder
from smolc.compiler.syntax.case import error, starts_statement
from smolc.compiler.syntax.layout import DEEPEST, KINDS, TOP, Layout
from smolc.compiler.syntax.lex import Token, lex
from smolc.compiler.syntax.tree import Block, File, Ident, Item, Number, Path, Text, Value
from smolc.compiler.syntax.words import with_words

MOST = 200
"""Mistakes in one file, after which reading it is of no use to anybody."""


def parse(source: Source) -> tuple[File, list[Diagnostic]]:
    """The tree of a recipe, and everything that is wrong with it as text. Raises for no text."""
    tokens, comments = lex(source)
    reader = _Reader(source, Layout(source, tokens))
    reader.run()
    file = File(source, reader.edition, reader.extends, tuple(reader.items), comments)
    return file, sorted(reader.found, key=lambda d: d.span.start if d.span else 0)


def parse_value(source: Source) -> tuple[Value | None, list[Diagnostic]]:
    """One value, such as that of a `--set`."""
    tree, builder = _whole(source, "value")
    value = builder.value(tree) if tree is not None else None
    return (value if builder.whole else None), builder.found


def parse_path(source: Source) -> tuple[Path | None, list[Diagnostic]]:
    """One path, `stage.sft.optim.lr`."""
    tree, builder = _whole(source, "path")
    return (builder.path(tree.children) if tree is not None else None), builder.found


def _whole(source: Source, start: str) -> tuple[Any, Builder]:
    builder = Builder(source)
    layout = Layout(source, lex(source)[0])
    tokens = [t for t in layout.tokens if t.type != "NEWLINE"]
    if not tokens:
        what = "value" if start == "value" else "path"
        place = Span(source, 0, len(source.text))
        builder.found.append(error("S005", "expected-value", f"a {what} is missing", place))
        return None, builder
    if layout.deep:
        builder.found.append(_too_deep(builder.span(layout.tokens[layout.deep[0]])))
        return None, builder
    reading = statement.read(source, tokens, start)
    builder.found.extend(reading.found)
    return (reading.trees[0] if reading.trees else None), builder


def _too_deep(span: Span) -> Diagnostic:
    return error("S025", "nesting-too-deep", f"nested more than {DEEPEST} levels deep", span)


@dataclass
class _Open:
    """A block that is not closed yet."""

    kind: Ident
    label: Ident | None
    head: Span
    brace: int
    column: int
    items: list[Item] = field(default_factory=list)
    indented: bool | None = None


class _Reader:
    def __init__(self, source: Source, layout: Layout) -> None:
        self.source = source
        self.layout = layout
        self.tokens = layout.tokens
        self.found: list[Diagnostic] = []
        self.edition: Number | None = None
        self.extends: Text | None = None
        self.items: list[Item] = []
        self.stack: list[_Open] = []
        self.segments = list(reversed(layout.segments))
        self.surplus = 0
        self.column = 0  # of the line's first token
        self.started = False

    def run(self) -> None:
        tokens = self.tokens
        at = 0
        while at < len(tokens):
            if len(self.found) >= MOST:
                self._give_up(at)
                return
            kind = tokens[at].type
            if self.layout.first_in_line(at):
                self.column = self.layout.column(at)
                self._line(at)
            while self.segments and self.segments[-1][0] <= at:
                self.surplus = self.segments.pop()[1]
            if kind in ("NEWLINE", "SEMICOLON"):
                at += 1
            elif kind == "RBRACE":
                self._close(at)
                at += 1
            else:
                at = self._statement(at)
        last = len(self.source.text.rstrip())
        end = Span(self.source, last, last)
        while self.stack:
            self._unclosed(end, "`}` is missing before the end of the file")

    def _give_up(self, at: int) -> None:
        """What is no recipe at all is not read to its end; what is open counts as closed."""
        message = f"more than {MOST} mistakes: the rest is not read"
        self.found.append(error("S043", "too-many-mistakes", message, self._span(at)))
        while self.stack:
            self._pop(None, self.tokens[at].start)

    # --- blocks

    def _line(self, at: int) -> None:
        """At the start of a line: do blocks end here whose `}` is missing?"""
        kind = self.tokens[at].type
        if not self.stack or kind == "NEWLINE":
            return
        place = self._span(at)
        if self.layout.is_top(at):
            while self.stack:
                self._unclosed(place, "`}` is missing before this")
            return
        column = self.layout.column(at)
        while self.surplus > 0 and self.stack:
            top = self.stack[-1]
            if top.indented is None:
                top.indented = column > top.column
            if kind == "RBRACE":
                outside = column < top.column and any(b.column == column for b in self.stack)
            else:
                outside = bool(top.indented) and column <= top.column
            if not outside:
                return
            self._unclosed(place, "`}` is missing before this")
            self.surplus -= 1
        if self.stack and self.stack[-1].indented is None:
            self.stack[-1].indented = column > self.stack[-1].column

    def _unclosed(self, place: Span, text: str) -> None:
        top = self.stack[-1]
        what = f"`{top.head.text}`" if len(top.head.text) < 60 and "\n" not in top.head.text else "this block"
        labels = (Label(place, text),)
        help = "add `}` on a line of its own"
        self.found.append(
            error("S002", "unclosed-block", f"{what} is not closed", top.head, help, labels=labels)
        )
        self._pop(None, place.start)

    def _close(self, at: int) -> None:
        span = self._span(at)
        if not self.stack or (self.surplus < 0 and self._is_extra(at)):
            self.found.append(
                error("S003", "extra-brace", "this `}` closes no block", span, "take it out", "")
            )
            self.surplus += 1
            return
        self._pop(span, span.end)

    def _is_extra(self, at: int) -> bool:
        """In a block with too many `}`: does the indentation speak against this one?"""
        top = self.stack[-1]
        if not self.layout.first_in_line(at):
            return any(t.type == "NEWLINE" for t in self.tokens[top.brace : at])
        return bool(top.indented) and self.layout.column(at) > top.column

    def _pop(self, close: Span | None, end: int) -> None:
        top = self.stack.pop()
        span = Span(self.source, top.head.start, max(end, top.head.end))
        self._add(Block(top.kind, top.label, tuple(top.items), top.head, span, close))

    def _add(self, item: Item) -> None:
        (self.stack[-1].items if self.stack else self.items).append(item)

    def _push(self, names: list[Token], head: Span, brace: int, column: int) -> None:
        builder = Builder(self.source)
        place = Span(self.source, head.start, head.start)
        kind = builder.ident(names[0]) if names else Ident("", place)
        label = builder.ident(names[1]) if len(names) > 1 else None
        self.found.extend(builder.found)
        self.stack.append(_Open(kind, label, head, brace, column))

    # --- statements

    def _statement(self, first: int) -> int:
        """Reads the statement at `first`; returns the index to go on at."""
        end = self.layout.end_of_statement(first)
        deep = self.layout.too_deep(first, end)
        tokens = with_words([t for t in self.tokens[first:end] if t.type != "NEWLINE"])
        opens = end < len(self.tokens) and self.tokens[end].type == "LBRACE"
        if deep is None and not opens:
            tree = statement.known(tokens)
            if tree is not None and tree.data in _PLAIN:
                self._item(tree, tokens)
                return end
        if deep is not None:
            self.found.append(_too_deep(self._span(deep)))
            self.started = True
            return end
        if opens:
            return self._head(first, end, tokens, [])
        if self._is_bare_head(tokens):
            brace = self._next(end)
            if brace < len(self.tokens) and self.tokens[brace].type == "LBRACE":
                message, place = "`{` stands on the line of the block's head", self._span(brace)
                found = error(
                    "S004", "missing-brace", message, place, f"write `{self._head_span(tokens).text} {{`"
                )
                return self._head(first, brace, tokens, [found])
            # `model` and its like are also keys in blocks: `model base` may lack `=` there.
            if self._is_indented(first, brace) or tokens[0] in (KINDS - TOP if self.stack else KINDS):
                head = self._head_span(tokens)
                found = error(
                    "S004",
                    "missing-brace",
                    "`{` is missing",
                    head,
                    f"write `{head.text} {{`",
                    f"{head.text} {{",
                )
                self.surplus += 1
                return self._head(first, end, tokens, [found], brace=False)
        reading = statement.read(self.source, _with_keyword(tokens))
        self._take(reading, tokens)
        return self.layout.end_of_rubble(first, end) if reading.found else end

    def _is_bare_head(self, tokens: list[Token]) -> bool:
        """`stage sft` or `sweep`: looks like a block's head without `{`."""
        kinds = [t.type for t in tokens]
        heads = (["NAME"], ["NAME", "NAME"], ["NAME", "STRING"])
        return kinds in heads and tokens[0] not in _KEYWORDS

    def _is_indented(self, first: int, after: int) -> bool:
        return (
            after < len(self.tokens)
            and self.layout.first_in_line(first)
            and starts_statement(self.tokens, after)
            and self.layout.column(after) > self.layout.column(first)
        )

    def _next(self, at: int) -> int:
        while at < len(self.tokens) and self.tokens[at].type == "NEWLINE":
            at += 1
        return at

    def _head(
        self, first: int, end: int, tokens: list[Token], found: list[Diagnostic], brace: bool = True
    ) -> int:
        """Opens the block whose head is `tokens`; a head that cannot be read opens one, too."""
        self.started = True
        after = end + 1 if brace else end
        head = self._head_span(tokens) if tokens else self._span(end)
        names = [t for t in tokens if t.type in ("NAME", "STRING")]
        if not found:
            found, names = self._check_head(tokens, names, head, end)
        self.found.extend(found)
        if len(self.stack) >= DEEPEST:
            self.found.append(_too_deep(head))
            return self._skip_block(after)
        self._push(names[:2], head, end, self.column)
        return after

    def _check_head(
        self, tokens: list[Token], names: list[Token], head: Span, brace: int
    ) -> tuple[list[Diagnostic], list[Token]]:
        kinds = [t.type for t in tokens]
        if kinds in (["NAME"], ["NAME", "NAME"], ["NAME", "STRING"]):
            return [], names
        place = self._span(brace)
        equal = next((t for t in tokens if t.type in ("EQUAL", "COLON", "ARROW")), None)
        if not tokens:
            message, help = "a block has a kind before its `{`", "write `stage sft {`"
            return [error("S026", "bad-head", message, place, help)], names
        if equal is not None and tokens[-1] is equal:
            written = " ".join(str(t) for t in names[:2])
            span = Span(self.source, equal.start, equal.end)
            message = f"a block takes no `{equal}`"
            return [error("S027", "block-with-equals", message, span, f"write `{written} {{`", "")], names
        reading = statement.read(self.source, [*tokens, self.tokens[brace]])
        if reading.trees and reading.trees[0].data == "header":
            return reading.found, reading.trees[0].children
        if "STRING" in kinds[:1]:
            message, help = (
                "a block's kind is not quoted",
                'write the kind, then the label: `dataset "my data" {`',
            )
            return [error("S026", "bad-head", message, head, help)], names
        help = "a block begins with its kind, a label if it has one, and `{`: `stage sft {`"
        return [error("S026", "bad-head", "this is not the head of a block", head, help)], names

    def _skip_block(self, at: int) -> int:
        """Index behind the `}` of the block that begins at `at`."""
        depth = 1
        while at < len(self.tokens) and depth:
            depth += (self.tokens[at].type == "LBRACE") - (self.tokens[at].type == "RBRACE")
            at += 1
        if depth:
            # Never closed: what is open around it would only repeat that.
            while self.stack:
                self._pop(None, len(self.source.text))
        return at

    def _take(self, reading: statement.Reading, tokens: list[Token]) -> None:
        self.found.extend(reading.found)
        for tree in reading.trees:
            self._item(tree, tokens, reported=bool(reading.found))
        self.started = True

    def _item(self, tree: Any, tokens: list[Token], reported: bool = False) -> None:
        """Adds what a statement says. reported: it has its one report already."""
        builder = Builder(self.source)
        item: Item | None = None
        match tree.data:
            case "assign":
                item = builder.assign(tree)
            case "compare":
                item = builder.compare(tree)
            case "drop":
                item = builder.drop(tree, tokens[0])
            case "edition":
                self._edition(builder, tree)
            case _:
                self._extends(builder, tree)
        if builder.found and not reported:
            self.found.extend(builder.found)
        if item is not None and builder.whole:
            self._add(item)
        self.started = True

    def _edition(self, builder: Builder, tree: Any) -> None:
        span = builder.span(tree.children[0]).to(builder.span(tree.children[1]))
        number = builder.value(statement.Node("number", tree.children[1:]))
        if self.started:
            message = "the edition stands once, at the start of the file"
            builder.found.append(
                error("S028", "misplaced-keyword", message, span, "move it to the first line")
            )
        elif isinstance(number, Number) and builder.whole:
            self.edition = number

    def _extends(self, builder: Builder, tree: Any) -> None:
        span = builder.span(tree.children[0]).to(builder.span(tree.children[1]))
        text = builder.value(statement.Node("string", tree.children[1:]))
        if self.extends is not None:
            message, help = "a recipe has one parent", "take one of the two out"
            labels = (Label(self.extends.span, "the first is here"),)
            builder.found.append(error("S029", "second-parent", message, span, help, labels=labels))
        elif self.stack or self.items:
            message, help = "`extends` stands before everything else", "move it up, below the edition"
            builder.found.append(error("S028", "misplaced-keyword", message, span, help))
        elif isinstance(text, Text):
            self.extends = text

    def _span(self, at: int) -> Span:
        token = self.tokens[at]
        return Span(self.source, token.start, token.end)

    def _head_span(self, tokens: list[Token]) -> Span:
        return Span(self.source, tokens[0].start, tokens[-1].end)


_PLAIN = frozenset({"assign", "compare"})
"""Statements that are what they look like: no head of a block, no keyword."""
_KEYWORDS = {"smolc": "SMOLC", "extends": "EXTENDS", "drop": "DROP"}
_NOT_AFTER_KEYWORD = frozenset({"EQUAL", "DOT", "OPERATOR", "COLON", "ARROW"})


def _with_keyword(tokens: list[Token]) -> list[Token]:
    """`drop`, `extends` and `smolc` are keywords only where no key can stand."""
    first = tokens[0]
    kind = _KEYWORDS.get(first) if first.type == "NAME" else None
    if kind is None or (len(tokens) > 1 and tokens[1].type in _NOT_AFTER_KEYWORD):
        return tokens
    return [Token(kind, first, first.start, first.end), *tokens[1:]]
