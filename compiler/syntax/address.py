"""What stands at a place of a recipe, by name: `stage.sft.optim.lr`. Stays the same when lines move."""

from __future__ import annotations

from smolc.compiler.diagnostics import Span
from smolc.compiler.syntax import tree

_LONGEST = 60


def address(file: tree.File, offset: int) -> str:
    """The innermost thing that has a name at `offset`: block, key, argument, list item; '' outside of all of them.

    Items of lists are named by what they say, since their number changes when one is put in before them.
    """
    if file.extends is not None and _holds(file.extends.span, offset):
        return "extends"
    for comment in file.comments:
        if _holds(comment.span, offset):
            return _inside(file.items, offset, comment.text[:_LONGEST])
    return _inside(file.items, offset, "")


def _inside(items: tuple[tree.Item, ...], offset: int, rest: str) -> str:
    for item in items:
        if _holds(item.span, offset):
            return ".".join(part for part in (*_item(item, offset, rest),) if part)
    return rest


def _item(item: tree.Item, offset: int, rest: str) -> tuple[str, ...]:
    match item:
        case tree.Block():
            name = (item.kind.text, item.label.text if item.label else "")
            return (*name, _inside(item.items, offset, rest))
        case tree.Assign():
            return (str(item.path), *_value(item.value, offset))
        case tree.Compare():
            return (f"{item.left} {item.operator}",)
        case tree.Drop():
            return ("drop", item.kind.text, item.label.text)


def _value(value: tree.Value, offset: int) -> tuple[str, ...]:
    if isinstance(value, tree.Call):
        for position, argument in enumerate(value.arguments):
            if _holds(argument.span, offset):
                name = argument.name.text if argument.name else str(position)
                return (name, *_value(argument.value, offset))
    elif isinstance(value, tree.List):
        for one in value.items:
            if _holds(one.span, offset):
                name = one.name.text if isinstance(one, tree.Call) else one.span.text[:_LONGEST]
                return (f"[{name}]", *(_value(one, offset) if isinstance(one, tree.Call) else ()))
    return ()


def _holds(span: Span, offset: int) -> bool:
    return span.start <= offset < max(span.end, span.start + 1)
