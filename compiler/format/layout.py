"""A tree and its comments to text in the canonical form (docs/decisions/0009-one-form.md)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from smolc.compiler.diagnostics import Source, Span
from smolc.compiler.format.comments import (
    Comments,
    Node,
    attach,
    brace,
    bracket,
    items_of,
    top,
)
from smolc.compiler.format.conditions import Bracketed, joined_up_to_bracket, last, up_to_bracket
from smolc.compiler.format.lines import WIDTH, Lines, columns
from smolc.compiler.format.shape import Shape, brackets, flat_item, head, path
from smolc.compiler.format.value import flat, written
from smolc.compiler.syntax.lex import Token, lex
from smolc.compiler.syntax.tree import (
    Argument,
    Assign,
    Block,
    Call,
    Comment,
    Compare,
    Condition,
    File,
    Group,
    Item,
    Joined,
    List,
    Negation,
    Number,
    Test,
    Text,
    Value,
)

_BEFORE_GROUP = re.compile(r"(?:^|[^\w.])(?:and|or|not)$")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
Statement = Item | Number | Text


def print_file(file: File, comments: Comments | None = None) -> str:
    """The canonical text of a file without mistakes; `comments` are those of `attach(file)`."""
    return _Printer(file, comments or attach(file)).run()


class _Printer:
    def __init__(self, file: File, comments: Comments) -> None:
        self.file = file
        self.source = file.source
        self.text = file.source.text
        self.comments = comments
        self.shape = Shape(file, comments)
        self.out = Lines()

    def run(self) -> str:
        self._statements(self.file, top(self.file), 0, 0)
        return self.out.text()

    # --- statements

    def _statements(self, owner: Node, items: Sequence[Statement], begin: int, depth: int) -> None:
        """`begin` is the offset behind the opening brace."""
        before = self._opener(owner, begin)
        previous: Statement | None = None
        for item in items:
            gaps = self._gaps(item, before, first=previous is None)
            above = self.comments.above.get(id(item), [])
            if not above and (previous is not None or depth) and self._stays(before, item.span.start):
                self.out.add("; " if previous is not None else " ")
            else:
                if not depth and previous is not None and self._stands_apart(previous, item):
                    gaps[0] = gaps[0] or not any(gaps)
                self._own_lines(above, gaps, depth)
                self.out.new(depth, gaps[-1])
            self._statement(item, depth)
            before = self._beside(item)
            previous = item
        self._inside(owner, before, depth, first=not items)

    def _stands_apart(self, previous: Statement, item: Statement) -> bool:
        """At the top, a block of several lines has an empty line around it."""
        return any(
            isinstance(node, Block) and not self.shape.is_one_line(node, 0) for node in (previous, item)
        )

    def _statement(self, item: Statement, depth: int) -> None:
        match item:
            case Number():
                self.out.add(f"smolc {written(item)}")
            case Text():
                self.out.add(f"extends {written(item)}")
            case Block():
                self._block(item, depth)
            case Assign():
                self.out.key(path(item))
                self.out.add("= ")
                if id(item) in self.comments.within:
                    self._with_words(item.value.span.start, item.value, depth)
                else:
                    self._value(item.value, depth, 0)
            case Compare():
                self.out.key(path(item))
                self.out.add(f"{item.operator} ")
                for number, (sign, value) in enumerate(item.right):
                    if number:
                        self.out.add(" + " if sign > 0 else " - ")
                    self._value(value, depth, 0)
            case _:
                self.out.add(flat_item(item))

    def _block(self, block: Block, depth: int) -> None:
        if self.shape.is_one_line(block, depth):
            self.out.add(flat_item(block))
            return
        self.out.add(f"{head(block)} {{")
        self._statements(block, block.items, brace(block) + 1, depth + 1)
        assert block.close is not None
        if self._ends_before(block, block.items[-1:], block.close.start):
            self.out.add(" }")
        else:
            self.out.new(depth)
            self.out.add("}")

    # --- values

    def _value(self, value: Value, depth: int, room: int, begun: bool = False) -> None:
        """`room`: columns that what follows on the line needs. `begun`: the opening bracket is written already."""
        match value:
            case Test():
                self.out.add(f"{'.'.join(map(written, value.left.parts))} {value.operator} ")
                self._value(value.right, depth, room)
                return
            case Negation():
                self.out.add("not ")
                self._value(value.inner, depth, room)
                return
            case Joined():
                self._joined(value, depth, room)
                return
        one_line = flat(value, written)
        opening = up_to_bracket(value)
        if begun:
            one_line, opening = one_line[len(opening) :], ""
        if not isinstance(value, (Call, List, Group)) or self._is_flat(value, one_line, room):
            self.out.add(one_line)
            return
        items = items_of(value)
        self.out.add(opening)
        before = self._opener(value, bracket(value) + 1)
        close = value.span.end - 1
        word = ""  # that comes before the next part of a condition
        for number, item in enumerate(items):
            gaps = self._gaps(item, before, first=not number)
            above = self.comments.above.get(id(item), [])
            if word and above:
                word, above, gaps = self._between(word, items[number - 1], item, gaps, depth + 1)
            if not above and self._stays(before, item.span.start):
                self.out.add(" " if number else "")
            else:
                self._own_lines(above, gaps, depth + 1)
                self.out.new(depth + 1, gaps[-1])
            self.out.add(word)
            self._element(item, depth + 1)
            if isinstance(value, Group):
                word = self._joint(value.inner, number)
            elif number + 1 < len(items) or not self._ends_before(value, items[-1:], close):
                self.out.add(",")
            before = self._beside(item)
        self._inside(value, before, depth + 1, first=not items)
        if not self._ends_before(value, items[-1:], close):
            self.out.new(depth)
        self.out.add("]" if isinstance(value, List) else ")")

    def _joint(self, condition: Condition, number: int) -> str:
        """What comes before the next part of a condition: nothing where `and` stays behind part `number`.

        It does for a comment behind it, which would come before it otherwise.
        """
        if not isinstance(condition, Joined) or number + 1 == len(condition.parts):
            return ""
        part, following = condition.parts[number : number + 2]
        end, at = part.span.end, self._word_between(part, following)
        beside = self.comments.beside.get(id(part))
        above = self.comments.above.get(id(following), [])
        parted = (beside is not None and beside.span.start > at) or any(c.span.start > at for c in above)
        if self._stays(end, at) or (parted and "\n" not in self.text[end:at]):
            self.out.add(f" {condition.word}")
            return ""
        return f"{condition.word} "

    def _word_between(self, part: Node, following: Node) -> int:
        """Offset of the `and` or `or` between two parts of a condition."""
        end, start = _span(part).end, _span(following).start
        between = re.sub(r"#[^\n]*", lambda m: " " * len(m[0]), self.text[end:start])
        return end + len(between) - len(between.lstrip())

    def _between(
        self, word: str, part: Node, following: Node, gaps: list[bool], depth: int
    ) -> tuple[str, list[Comment], list[bool]]:
        """Puts `and` onto a line of its own where comments stand between it and the next part.

        Returns what is left to be written: of the word, the comments above that part, and the empty lines there.
        """
        at = self._word_between(part, following)
        above = self.comments.above[id(following)]
        before = [c for c in above if c.span.start < at]
        if len(before) == len(above):
            return word, above, gaps
        self._own_lines(before, gaps, depth)
        self.out.new(depth, self._has_blank(before[-1].span.end if before else _span(part).end, at))
        self.out.add(word.strip())
        above, gaps = above[len(before) :], gaps[len(before) :]
        if "\n" not in self.text[at : above[0].span.start]:
            self.out.comment(above[0].text)
            return "", above[1:], gaps[1:]
        return "", above, [self._has_blank(at, above[0].span.start), *gaps[1:]]

    def _joined(self, condition: Joined, depth: int, room: int) -> None:
        for number, part in enumerate(condition.parts):
            rest = condition.parts[number + 1 :]
            follows = f" {condition.word} {joined_up_to_bracket(rest, condition.word)}" if rest else ""
            self._value(part, depth, columns(follows) + (0 if any(map(last, rest)) else room))
            self.out.add(f" {condition.word} " if rest else "")

    def _element(self, item: Argument | Value, depth: int) -> None:
        """An argument or an item of a list."""
        value = item.value if isinstance(item, Argument) else item
        if id(item) in self.comments.within:
            self._with_words(item.span.start, value, depth)
            return
        if isinstance(item, Argument) and item.name is not None:
            self.out.key(written(item.name))
            self.out.add("= ")
        self._value(value, depth, 1)

    def _with_words(self, start: int, value: Value, depth: int) -> None:
        """An item that begins at `start` and has comments between its words; what it ends with is laid out again."""
        ending = last(value)
        end = value.span.end if ending is None else bracket(ending) + 1
        self._words(Span(self.source, start, end), depth)
        if ending is not None:
            self._value(ending, depth + 1, 1, begun=True)

    def _words(self, words: Span, depth: int) -> None:
        """What has comments between its words, as it stands; the lines after the first are indented."""
        tokens, comments = lex(Source(self.source.name, words.text))
        pieces: list[tuple[int, Token | Comment]] = [(t.start, t) for t in tokens if t.type != "NEWLINE"]
        pieces += [(c.span.start, c) for c in comments]
        for _, piece in sorted(pieces, key=lambda p: p[0]):
            line = self.out.last
            if line.comment or (isinstance(piece, Comment) and piece.own_line and line.text):
                self.out.new(depth + 1)
            if isinstance(piece, Comment):
                self.out.comment(piece.text)
            else:
                self.out.add(_spaced(piece, self.out.last.text))

    def _is_flat(self, value: Bracketed, one_line: str, room: int) -> bool:
        if self.shape.is_broken(value):
            return False
        inner = brackets(value)
        if not items_of(value) or ("\n" not in inner.text and self.shape.is_pinned(inner)):
            return True
        return self.out.column + columns(one_line) + room <= WIDTH

    # --- what stands around an item

    def _opener(self, owner: Node, begin: int) -> int:
        """Writes the comment behind an opening mark; returns where what was written ends in the source."""
        comment = self.comments.opener.get(id(owner))
        if comment is None:
            return begin
        self.out.comment(comment.text)
        return comment.span.end

    def _beside(self, item: Node) -> int:
        comment = self.comments.beside.get(id(item))
        if comment is None:
            return _span(item).end
        self.out.comment(comment.text)
        return comment.span.end

    def _inside(self, owner: Node, before: int, depth: int, first: bool) -> None:
        for comment in self.comments.inside.get(id(owner), []):
            self.out.new(depth, not first and self._has_blank(before, comment.span.start))
            self.out.comment(comment.text)
            before, first = comment.span.end, False

    def _own_lines(self, comments: list[Comment], gaps: list[bool], depth: int) -> None:
        for comment, blank in zip(comments, gaps, strict=False):
            self.out.new(depth, blank)
            self.out.comment(comment.text)

    def _gaps(self, item: Node, before: int, first: bool) -> list[bool]:
        """Whether an empty line comes before each of the comments above an item, and before the item itself."""
        gaps: list[bool] = []
        start = _span(item).start
        for comment in self.comments.above.get(id(item), []):
            gaps.append(self._has_blank(before, comment.span.start))
            before = comment.span.end
        gaps.append(self._has_blank(before, start))
        if first:
            gaps[0] = False
        return gaps

    def _has_blank(self, begin: int, end: int) -> bool:
        return _BLANK_LINE.search(self.text, begin, end) is not None

    # --- lines that `# lint:` comments speak of

    def _stays(self, before: int, start: int) -> bool:
        """Whether what begins at `start` is kept on the line of what ended at `before`."""
        return (
            bool(self.shape.pinned)
            and "\n" not in self.text[before:start]
            and not self.out.last.comment
            and self.source.position(start)[0] in self.shape.pinned
        )

    def _ends_before(self, owner: Block | Bracketed, last: Sequence[Node], close: int) -> bool:
        """Whether the closing mark is kept on the line of the last item."""
        if not last or id(owner) in self.comments.inside or id(last[0]) in self.comments.beside:
            return False
        return self._stays(_span(last[0]).end, close)


def _span(node: Node) -> Span:
    assert not isinstance(node, File)
    return node.span


def _spaced(word: str, before: str) -> str:
    """A word with the space before it, if there is one."""
    if not before or before[-1] in "([.- " or word in (")", "]", ",", "."):
        return word
    if word == "(" and not (before[-1] in "=<>,(" or _BEFORE_GROUP.search(before)):
        return word  # of a call
    return f" {word}"
