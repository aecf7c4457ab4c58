"""Which values and blocks take one line, and which take several."""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Span
from smolc.compiler.format.comments import Comments, bracket, items_of, spoken_lines
from smolc.compiler.format.conditions import Bracketed, outermost, plain
from smolc.compiler.format.lines import INDENT, WIDTH, columns
from smolc.compiler.format.value import flat, flat_sum, written
from smolc.compiler.syntax.tree import (
    Argument,
    Assign,
    Block,
    Call,
    Compare,
    Drop,
    File,
    Group,
    Item,
    List,
    Text,
    Value,
)


class Shape:
    """`pinned` are the lines that `# lint:` comments speak of: what is on one stays together, and nothing joins it."""

    def __init__(self, file: File, comments: Comments) -> None:
        self.source = file.source
        self.text = file.source.text
        self.comments = comments
        self.pinned = frozenset(spoken_lines(file))
        self.broken: dict[int, bool] = {}

    def is_one_line(self, block: Block, depth: int) -> bool:
        """Whether a block stays on the line that it was written on; one of nothing always takes one line."""
        if not block.items:
            return not self._has_comments(block)
        if "\n" in block.span.text:
            return False
        if self.is_pinned(block.span):
            return True
        if any(self.is_broken(value) for value in _values(block)):
            return False
        return len(INDENT) * depth + columns(flat_item(block)) <= WIDTH

    def is_broken(self, value: Value) -> bool:
        """Whether a value takes several lines however short it is."""
        if not isinstance(value, (Call, List, Group)):
            return any(map(self.is_broken, outermost(value)))
        found = self.broken.get(id(value))
        if found is None:
            found = self.broken[id(value)] = self._must_break(value)
        return found

    def _must_break(self, value: Bracketed) -> bool:
        if self._has_comments(value):
            return True
        inside = brackets(value)
        if self.is_pinned(inside):
            return "\n" in inside.text
        items = items_of(value)
        if not items:
            return False
        inner = [item.value if isinstance(item, Argument) else item for item in items]
        if any(self.is_broken(v) or any(map(_is_block, plain(v))) for v in inner):
            return True
        if isinstance(value, Group):
            return False
        # A comma behind the last item says that the items are to stand one below the other.
        return "," in self.text[items[-1].span.end : value.span.end - 1]

    def _has_comments(self, owner: Block | Bracketed) -> bool:
        known = self.comments
        if id(owner) in known.opener or id(owner) in known.inside:
            return True
        items = owner.items if isinstance(owner, Block) else items_of(owner)
        return any(id(i) in where for where in (known.above, known.within, known.beside) for i in items)

    def is_pinned(self, span: Span) -> bool:
        if not self.pinned:
            return False
        lines = range(span.line, self.source.position(span.end)[0] + 1)
        return not self.pinned.isdisjoint(lines)


def brackets(value: Bracketed) -> Span:
    """From the opening to the closing one."""
    return Span(value.span.source, bracket(value), value.span.end)


def _is_block(value: Value) -> bool:
    return isinstance(value, Text) and "\n" in value.span.text


def path(item: Assign | Compare) -> str:
    left = item.path if isinstance(item, Assign) else item.left
    return ".".join(map(written, left.parts))


def head(block: Block) -> str:
    return " ".join(written(name) for name in (block.kind, block.label) if name is not None)


def flat_item(item: Item) -> str:
    match item:
        case Assign():
            return f"{path(item)} = {flat(item.value, written)}"
        case Compare():
            return f"{path(item)} {item.operator} {flat_sum(item, written)}"
        case Drop():
            return f"drop {written(item.kind)} {written(item.label)}"
        case Block():
            inner = "; ".join(map(flat_item, item.items))
            return f"{head(item)} {{ {inner} }}" if inner else f"{head(item)} {{}}"


def _values(block: Block) -> Iterator[Value]:
    for item in block.items:
        match item:
            case Assign():
                yield item.value
            case Compare():
                yield from (value for _, value in item.right)
            case Block():
                yield from _values(item)
