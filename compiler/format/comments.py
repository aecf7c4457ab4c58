"""Which item a comment belongs to, and which lines `# lint:` comments speak of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from smolc.compiler.format.conditions import Bracketed, last
from smolc.compiler.syntax.tree import (
    Argument,
    Assign,
    Block,
    Call,
    Comment,
    Compare,
    Drop,
    File,
    Group,
    Item,
    Joined,
    List,
    Number,
    Text,
    Value,
)

Node = File | Item | Argument | Value
Address = tuple[int, ...]

_LINT = re.compile(r"#\s*lint\s*:")


@dataclass
class Comments:
    """Every comment of a file at its item; keys are `id`s of nodes.

    above: on lines of their own before an item. beside: behind an item, on its last line.
    within: between the words of an item, before its bracket (`lr = # here`, which only brackets allow).
    opener: behind the `{`, `(` or `[` of a container. inside: on lines of their own behind a container's last item.
    placed: (text, where, address of the node) in the order of the text.
    """

    above: dict[int, list[Comment]] = field(default_factory=dict)
    beside: dict[int, Comment] = field(default_factory=dict)
    within: dict[int, list[Comment]] = field(default_factory=dict)
    opener: dict[int, Comment] = field(default_factory=dict)
    inside: dict[int, list[Comment]] = field(default_factory=dict)
    placed: list[tuple[str, str, Address]] = field(default_factory=list)


def attach(file: File) -> Comments:
    """All comments of a file without mistakes."""
    attacher = _Attacher(file)
    attacher.container(file, top(file), 0, len(file.source.text), ())
    attacher.all.placed = [place for _, place in sorted(attacher.placed, key=lambda p: p[0])]
    return attacher.all


def top(file: File) -> list[Item | Number | Text]:
    """What stands at the top: the edition (a number), `extends` (a text) and the items."""
    return [*(node for node in (file.edition, file.extends) if node is not None), *file.items]


def brace(block: Block) -> int:
    """Offset of a block's `{`."""
    return block.head.source.text.index("{", block.head.end)


def bracket(value: Bracketed) -> int:
    """Offset of the `(` or `[`."""
    if not isinstance(value, Call):
        return value.span.start
    text, at = value.span.source.text, value.name.span.end
    while text[at] != "(":
        at = text.index("\n", at) if text[at] == "#" else at + 1
    return at


def items_of(value: Bracketed) -> tuple[Argument, ...] | tuple[Value, ...]:
    """Of a group, what `and` or `or` stands between."""
    if isinstance(value, Group):
        return value.inner.parts if isinstance(value.inner, Joined) else (value.inner,)
    return value.items if isinstance(value, List) else value.arguments


def spoken_lines(file: File) -> list[int]:
    """For each `# lint:` comment the line it speaks of: its own or, where it stands alone, the next with more on it."""
    found = [comment for comment in file.comments if _LINT.match(comment.text)]
    if not found:
        return []
    lines = file.source.text.split("\n")
    following = list(range(1, len(lines) + 1))
    for number in range(len(lines) - 1, 0, -1):
        text = lines[number].strip()
        following[number - 1] = number + 1 if text and text[0] != "#" else following[number]
    spoken = []
    for comment in found:
        line = comment.span.line
        spoken.append(following[line - 1] if comment.own_line else line)
    return spoken


class _Attacher:
    def __init__(self, file: File) -> None:
        self.text = file.source.text
        self.comments = file.comments
        self.at = 0
        self.all = Comments()
        self.placed: list[tuple[int, tuple[str, str, Address]]] = []

    def container(
        self,
        owner: Node,
        items: tuple[Item, ...] | tuple[Argument, ...] | tuple[Value, ...] | list[Item | Number | Text],
        begin: int,
        end: int,
        address: Address,
    ) -> None:
        """What lies in [begin, end), which is behind the opening and before the closing mark."""
        first = items[0].span.start if items else end
        if begin and (comment := self._on_line_of(begin, first)) is not None:
            self.all.opener[id(owner)] = comment
            self._place([comment], "opener", address)
        for number, item in enumerate(items):
            here = (*address, number)
            following = items[number + 1].span.start if number + 1 < len(items) else end
            if above := self._before(item.span.start):
                self.all.above[id(item)] = above
                self._place(above, "above", here)
            if within := self._item(item, here):
                self.all.within[id(item)] = within
                self._place(within, "within", here)
            if (beside := self._on_line_of(item.span.end, following)) is not None:
                self.all.beside[id(item)] = beside
                self._place([beside], "beside", here)
        if inside := self._before(end):
            self.all.inside[id(owner)] = inside
            self._place(inside, "inside", address)

    def _item(self, item: Node, address: Address) -> list[Comment]:
        """Attaches what is in the containers of an item; returns what stands before them, between its words."""
        match item:
            case Block():
                close = item.close.start if item.close is not None else item.span.end
                self.container(item, item.items, brace(item) + 1, close, address)
            case Assign() | Argument():
                return self._item(item.value, address)
            case Compare():
                for number, (_, value) in enumerate(item.right):
                    self._item(value, (*address, number))
            case Drop():
                return self._before(item.span.end)
            case _:
                assert not isinstance(item, File)
                ending = last(item)
                if ending is None:
                    return self._before(item.span.end)
                opening = bracket(ending)
                within = self._before(opening)
                self.container(ending, items_of(ending), opening + 1, ending.span.end - 1, address)
                return within
        return []

    def _before(self, offset: int) -> list[Comment]:
        """The next comments, as far as they begin before `offset`."""
        first = self.at
        while self.at < len(self.comments) and self.comments[self.at].span.start < offset:
            self.at += 1
        return list(self.comments[first : self.at])

    def _on_line_of(self, place: int, before: int) -> Comment | None:
        """The next comment, if it begins before `before` and on the line of `place`."""
        if self.at == len(self.comments):
            return None
        comment = self.comments[self.at]
        start = comment.span.start
        if not place <= start < before or "\n" in self.text[place:start]:
            return None
        self.at += 1
        return comment

    def _place(self, comments: list[Comment], where: str, address: Address) -> None:
        self.placed += [(c.span.start, (c.text, where, address)) for c in comments]
