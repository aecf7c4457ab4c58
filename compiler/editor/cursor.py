"""What stands around a place in a text, also in one that is half written.

Works on tokens up to the place, since a tree leaves out the very statement that is being written.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from smolc.compiler.diagnostics import Source
from smolc.compiler.syntax.case import CLOSE, OPEN
from smolc.compiler.syntax.layout import Layout
from smolc.compiler.syntax.lex import Token, lex
from smolc.compiler.syntax.tree import Comment

TEXTS = frozenset({"STRING", "TRIPLE", "BAD_STRING", "BAD_QUOTES"})
_NAMES = frozenset({"NAME", "STRING", "HYPHENED"})


@dataclass
class Around:
    """A block that is open at the place. keys: what has been assigned in it before, each as its path."""

    kind: str
    label: str | None
    keys: list[str] = field(default_factory=list)


@dataclass
class Bracket:
    """A call (`word` is its constructor) or a list (`word` is None) that is open at the place.

    names: arguments before. argument: the one whose value is being written. position: commas before.
    """

    word: str | None
    at: int
    names: list[str] = field(default_factory=list)
    argument: str | None = None
    position: int = 0


@dataclass
class Cursor:
    """blocks and brackets: outermost first. path and operator: what the statement begins with, as far as written.

    left: names and dots right before the word, `("sft",)` in `init = sft.be|`. word: the token that the place is in or
    right behind. statement: what is written of it before the word; before: the last of that, names with dots left out.
    comment: the one that the place is in.
    """

    source: Source
    offset: int
    blocks: list[Around] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    operator: str | None = None
    brackets: list[Bracket] = field(default_factory=list)
    left: tuple[str, ...] = ()
    word: Token | None = None
    before: Token | None = None
    statement: list[Token] = field(default_factory=list)
    comment: Comment | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(block.kind for block in self.blocks)

    @property
    def prefix(self) -> str:
        """What is written of the word up to the place."""
        return self.source.text[self.word.start : self.offset] if self.word is not None else ""

    @property
    def in_text(self) -> bool:
        """Inside quotes."""
        word = self.word
        if word is None or word.type not in TEXTS or self.offset <= word.start:
            return False
        return self.offset < word.end or word.type.startswith("BAD")


def cursor(source: Source, offset: int) -> Cursor:
    """What stands around character `offset` of the text."""
    tokens, comments = lex(source)
    layout = Layout(source, tokens)
    here = Cursor(source, offset)
    line_start = source.text.rfind("\n", 0, offset) + 1
    here.comment = next((c for c in comments if line_start <= c.span.start < offset), None)
    reader = _Reader(layout, here)
    for at, token in enumerate(layout.tokens):
        if token.start >= offset or (token.end >= offset and _is_word(token, offset)):
            if token.start <= offset and _is_word(token, offset):
                here.word = token
                reader.begin_line(at)
            break
        reader.take(at, token)
    reader.finish()
    return here


def _is_word(token: Token, offset: int) -> bool:
    if token.type in TEXTS:
        return offset < token.end or token.type.startswith("BAD")
    return (
        token.type in ("NAME", "NUMBER", "HYPHENED", "BAD_WORD", "BRACED")
        and token.start <= offset <= token.end
    )


class _Reader:
    """Goes through the tokens before the place, and keeps what is open."""

    def __init__(self, layout: Layout, here: Cursor) -> None:
        self.layout = layout
        self.here = here
        self.statement: list[Token] = []

    def take(self, at: int, token: Token) -> None:
        here = self.here
        self.begin_line(at)
        kind = token.type
        if kind == "NEWLINE":
            if not here.brackets:
                self._end()
        elif kind == "SEMICOLON":
            self._end()
        elif kind == "LBRACE":
            self._open()
        elif kind == "RBRACE":
            self._end()
            if here.blocks:
                here.blocks.pop()
        else:
            self._inside(at, token)

    def begin_line(self, at: int) -> None:
        """At the start of a line: is it after all not a part of what is open?"""
        layout, here = self.layout, self.here
        if not layout.first_in_line(at) or layout.tokens[at].type == "NEWLINE":
            return
        if layout.is_top(at):
            self._end()
            here.blocks.clear()
        elif here.brackets and here.brackets[0].at not in layout.closers and self._starts_anew(at):
            self._end()

    def _starts_anew(self, at: int) -> bool:
        """Whether a line behind an unclosed bracket is a statement of its own."""
        tokens = self.layout.tokens
        following = tokens[at + 1].type if at + 1 < len(tokens) else ""
        if tokens[at].type in ("RBRACE", "SEMICOLON"):
            return True
        if tokens[at].type != "NAME" or following not in ("EQUAL", "DOT", "OPERATOR", "NAME", "LBRACE"):
            return False
        last = next((t for t in reversed(tokens[:at]) if t.type != "NEWLINE"), None)
        going_on = last is not None and last.type in ("COMMA", "LPAR", "LSQB", "EQUAL")
        return self.here.brackets[-1].word is None or not going_on

    def _end(self) -> None:
        """A statement ends."""
        here = self.here
        if here.blocks and here.operator == "=" and here.path:
            here.blocks[-1].keys.append(".".join(here.path))
        here.path, here.operator = [], None
        here.brackets.clear()
        self.statement = []

    def _open(self) -> None:
        names = [t for t in self.statement if t.type in _NAMES]
        self.here.operator = None
        self._end()
        kind = str(names[0]) if names else ""
        label = str(names[1]).strip('"') if len(names) > 1 else None
        self.here.blocks.append(Around(kind, label))

    def _inside(self, at: int, token: Token) -> None:
        here, kind = self.here, token.type
        before = self.statement[-1] if self.statement else None
        self.statement.append(token)
        if kind in OPEN:
            word = str(before) if kind == "LPAR" and before is not None and before.type == "NAME" else None
            here.brackets.append(Bracket("" if kind == "LPAR" and word is None else word, at))
        elif kind in CLOSE:
            if here.brackets:
                here.brackets.pop()
        elif here.brackets:
            self._argument(here.brackets[-1], token, before)
        elif kind in ("EQUAL", "OPERATOR", "COLON", "ARROW") and here.operator is None:
            here.path = [str(t).strip('"') for t in self.statement if t.type in _NAMES]
            here.operator = str(token) if kind == "OPERATOR" else "="

    def _argument(self, bracket: Bracket, token: Token, before: Token | None) -> None:
        if token.type == "COMMA":
            bracket.position += 1
            bracket.argument = None
        elif token.type == "EQUAL" and before is not None and before.type == "NAME":
            bracket.argument = str(before)
            bracket.names.append(str(before))

    def finish(self) -> None:
        here = self.here
        here.statement = list(self.statement)
        here.before = self.statement[-1] if self.statement else None
        left: list[str] = []
        rest = list(self.statement)
        while len(rest) > 1 and rest[-1].type == "DOT" and rest[-2].type in _NAMES:
            left.append(str(rest[-2]).strip('"'))
            del rest[-2:]
        here.left = tuple(reversed(left))
        if left:
            here.before = rest[-1] if rest else None
