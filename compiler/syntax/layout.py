"""Where statements, brackets and blocks begin and end. Everything here is linear in the number of tokens."""

from __future__ import annotations

from bisect import bisect_left

from smolc.compiler.diagnostics import Source
from smolc.compiler.syntax.case import CLOSE, OPEN, starts_statement
from smolc.compiler.syntax.lex import Token

DEEPEST = 32
# Blocks that stand at the top of a file. One of these heads at the start of a line means that whatever is
# still open was to be closed before.
TOP = frozenset(
    {
        "recipe",
        "model",
        "dataset",
        "mixture",
        "template",
        "stage",
        "merge",
        "generate",
        "pairs",
        "eval",
        "publish",
        "cluster",
    }
)
# Blocks inside others; `kind` or `kind label` alone on a line is taken for a head that lacks its brace.
KINDS = TOP | {"from", "sweep", "where", "expect", "task", "vibe", "replicates"}
_ENDS = frozenset({"NEWLINE", "SEMICOLON", "LBRACE", "RBRACE"})
_LOOKAHEAD = 2000


class Layout:
    """The tokens of a file with what a first pass found out about them.

    `closers` maps an opening bracket to the one that closes it; brackets that are never closed are not in it.
    `segments` are (index of the first token, surplus of opening braces), one for each block at the top.
    """

    def __init__(self, source: Source, tokens: list[Token]) -> None:
        self.source = source
        self.tokens = _merge_braces(tokens)
        self.closers: dict[int, int] = {}
        self.deep: list[int] = []
        self._match()
        self.segments = self._segments()

    def column(self, at: int) -> int:
        """Characters before a token in its line."""
        start = self.tokens[at].start
        return start - (self.source.text.rfind("\n", 0, start) + 1)

    def first_in_line(self, at: int) -> bool:
        return at == 0 or self.tokens[at - 1].type == "NEWLINE"

    def is_top(self, at: int) -> bool:
        """Whether the head of a block of the top level stands at the very start of a line."""
        tokens = self.tokens
        if (
            tokens[at].type != "NAME"
            or tokens[at] not in TOP
            or not self.first_in_line(at)
            or self.column(at)
        ):
            return False
        kinds = [t.type for t in tokens[at + 1 : at + 3]] + ["NEWLINE", "NEWLINE"]
        return kinds[0] == "LBRACE" or (kinds[0] in ("NAME", "STRING") and kinds[1] in ("LBRACE", "NEWLINE"))

    def too_deep(self, first: int, end: int) -> int | None:
        """Index of the first bracket in [first, end) that is nested too deeply."""
        at = bisect_left(self.deep, first)
        return self.deep[at] if at < len(self.deep) and self.deep[at] < end else None

    def end_of_statement(self, first: int) -> int:
        """Index of the token that ends the statement: a line end, `;`, a brace, or the end of the file."""
        tokens = self.tokens
        at = first
        while at < len(tokens):
            kind = tokens[at].type
            if kind in _ENDS:
                return at
            if kind in OPEN:
                if at not in self.closers:
                    return self._cut(at)
                at = self.closers[at]
            at += 1
        return at

    def end_of_rubble(self, first: int, end: int) -> int:
        """Where to go on after a broken statement [first, end).

        Lines that only make sense as a part of it are skipped: closing brackets, and lines further to the
        right (or at the same column after a comma) that begin no statement or end in a comma.
        """
        if not self.first_in_line(first):
            return end
        column = self.column(first)
        while end < len(self.tokens) and self.tokens[end].type == "NEWLINE":
            start = end + 1
            if start < len(self.tokens) and self.tokens[start].type == "NEWLINE":
                end = start
                continue
            stop = start
            while stop < len(self.tokens) and self.tokens[stop].type not in _ENDS:
                stop += 1
            if stop == start or (stop < len(self.tokens) and self.tokens[stop].type != "NEWLINE"):
                break
            closes = self.tokens[start].type in CLOSE
            deeper = self.column(start) > column - (self.tokens[end - 1].type == "COMMA")
            listed = self.tokens[stop - 1].type == "COMMA" or not starts_statement(self.tokens, start)
            if not closes and not (deeper and listed):
                break
            end = stop
        return end

    def _cut(self, opener: int) -> int:
        """Where a statement most likely ends whose bracket is never closed."""
        tokens = self.tokens
        line_end = None
        limit = min(len(tokens), opener + _LOOKAHEAD)
        at = opener + 1
        while at < limit:
            kind = tokens[at].type
            if kind == "NEWLINE":
                line_end = at if line_end is None or tokens[at - 1].type != "NEWLINE" else line_end
                after = at + 1
                while after < limit and tokens[after].type == "NEWLINE":
                    after += 1
                going_on = tokens[at - 1].type in ("COMMA", "LPAR", "LSQB", "EQUAL")
                in_list = tokens[opener].type == "LSQB"
                if after < limit and starts_statement(tokens, after) and (in_list or not going_on):
                    return at
                if tokens[at - 1].type == "BAD_STRING":
                    return at
                at = after
                continue
            if kind in ("SEMICOLON", "RBRACE"):
                return at
            if kind == "LBRACE":
                return at if line_end is None else line_end
            at += 1
        if limit < len(tokens) and line_end is not None:
            return line_end
        while at < len(tokens) and tokens[at].type not in _ENDS:
            at += 1
        return at

    def _match(self) -> None:
        """Matches brackets, up to the next brace, which no value contains."""
        stack: list[int] = []
        counts = dict.fromkeys(OPEN, 0)
        line_depth = 0
        torn = False
        for at, token in enumerate(self.tokens):
            kind = token.type
            if kind in OPEN:
                stack.append(at)
                counts[kind] += 1
                if len(stack) > DEEPEST:
                    self.deep.append(at)
            elif kind in CLOSE:
                self._close(at, stack, counts)
            elif kind in ("LBRACE", "RBRACE"):
                stack.clear()
                counts = dict.fromkeys(OPEN, 0)
            elif kind == "BAD_STRING":
                torn = True
            elif kind == "NEWLINE":
                if torn:
                    # The unclosed text has swallowed the brackets that were to close what this line opened.
                    for opener in stack[line_depth:]:
                        counts[self.tokens[opener].type] -= 1
                    del stack[line_depth:]
                torn = False
                line_depth = len(stack)

    def _close(self, at: int, stack: list[int], counts: dict[str, int]) -> None:
        wanted = CLOSE[self.tokens[at].type]
        if not stack:
            return
        if not counts[wanted]:
            # `(a]`: wrong, but meant.
            opener = stack.pop()
            counts[self.tokens[opener].type] -= 1
            self.closers[opener] = at
            return
        while True:
            opener = stack.pop()
            kind = self.tokens[opener].type
            counts[kind] -= 1
            if kind == wanted:
                self.closers[opener] = at
                return

    def _segments(self) -> list[tuple[int, int]]:
        segments = []
        first = surplus = 0
        for at, token in enumerate(self.tokens):
            kind = token.type
            if kind == "LBRACE":
                surplus += 1
            elif kind == "RBRACE":
                surplus -= 1
            elif kind == "NAME" and at and self.is_top(at):
                segments.append((first, surplus))
                first, surplus = at, 0
        segments.append((first, surplus))
        return segments


def _merge_braces(tokens: list[Token]) -> list[Token]:
    """`= { a: 1 }` on one line becomes one token: it is meant as a value."""
    if not any(a.type in _BEFORE_VALUE and b.type == "LBRACE" for a, b in zip(tokens, tokens[1:])):  # noqa: B905, RUF007
        return tokens
    merged: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.type == "LBRACE" and merged and merged[-1].type in _BEFORE_VALUE:
            end = _end_of_braces(tokens, at)
            if end is not None:
                last = tokens[end]
                merged.append(Token("BRACED", "{...}", token.start, last.end))
                at = end + 1
                continue
        merged.append(token)
        at += 1
    return merged


_BEFORE_VALUE = frozenset({"EQUAL", "COLON", "ARROW", "LPAR", "LSQB", "COMMA"})


def _end_of_braces(tokens: list[Token], at: int) -> int | None:
    depth = 0
    for end in range(at, min(len(tokens), at + _LOOKAHEAD)):
        kind = tokens[end].type
        if kind == "NEWLINE":
            return None
        depth += (kind == "LBRACE") - (kind == "RBRACE")
        if not depth:
            return end
    return None
