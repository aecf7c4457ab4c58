"""Strings with a form of their own: texts with columns in them, dates, roles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any

from smolc.compiler.diagnostics.suggest import closest
from smolc.compiler.model.addresses import problem
from smolc.compiler.model.errors import wrong
from smolc.compiler.model.types import Doc, Kind, listed, mismatch, read_text
from smolc.compiler.syntax import tree

_PIECE = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]")
_COLUMN = re.compile(r"\{([^{}]+)\}")


def columns(pattern: str) -> list[str]:
    """The columns that a text names, in order."""
    return [one[1].strip() for piece in _PIECE.findall(pattern) if (one := _COLUMN.fullmatch(piece))]


def _mistakes(pattern: str) -> Iterator[tuple[str, str]]:
    for piece in _PIECE.findall(pattern):
        if piece in ("{", "}"):
            end = "closed" if piece == "{" else "opened"
            yield f"a `{piece}` that is not {end}", f"write `{{column}}`, or `{piece * 2}` for a brace"
        elif piece[:1] == "{" and piece != "{{" and not all(p.strip() for p in piece[1:-1].split(".")):
            yield (
                f"`{piece}` names no column",
                "write the column's name between the braces, or `{{` for a brace",
            )


def _pattern(value: Any) -> Any:
    text = read_text(value)
    for message, help in _mistakes(text):
        raise wrong(message, getattr(value, "span", None), help=help)
    return text


def _path(value: Any) -> Any:
    text = read_text(value)
    found = problem(text)
    if found is not None:
        raise wrong(found.message, getattr(value, "span", None), help=found.help, name=found.name)
    return text


def _date(value: Any) -> Any:
    text = read_text(value)
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            raise ValueError
        date.fromisoformat(text)
    except ValueError:
        raise wrong(
            f'"{text}" is no date', getattr(value, "span", None), help='write it as `"2025-06-30"`'
        ) from None
    return text


MASKS = ("assistant", "last_turn", "completion", "all")
"""What `loss_on` knows by a word."""

ROLES = ("system", "user", "assistant", "tool")
"""Of messages, as chat templates know them."""

_LOSS = Doc("assistant, last_turn, completion, all, or a list of roles", "assistant", choices=MASKS)


def _loss_on(value: Any) -> Any:
    """A word, or a list of roles."""
    if isinstance(value, (str, tuple)):
        return value
    if not isinstance(value, tree.List):
        return _word(value, MASKS, f"`[{value.path}]`" if _is_role(value) else None)
    if not value.items:
        raise wrong("no role is trained", value.span, help="write `[user, assistant]`, or a word")
    roles: list[str] = []
    for item in value.items:
        role = _word(item, ROLES, None)
        if role in roles:
            raise wrong(f"`{role}` stands twice in this list", item.span)
        roles.append(role)
    return tuple(roles)


def _is_role(value: Any) -> bool:
    return isinstance(value, tree.Ref) and str(value.path) in ROLES


def _word(value: Any, words: tuple[str, ...], instead: str | None) -> str:
    if not isinstance(value, tree.Ref):
        raise mismatch(value, _LOSS, "write `assistant`, or roles as in `[user, assistant]`")
    word = str(value.path)
    if word not in words:
        near = closest(word, list(words))
        help = f"write {instead}" if instead else f"did you mean `{near}`?" if near else None
        raise wrong(f"`{word}` is not one of {', '.join(words)}", value.span, help=help, name="unknown-word")
    return word


Pattern = Annotated[str, Kind(_pattern, Doc("a text with columns in braces", '"{question}"'))]
Date = Annotated[str, Kind(_date, Doc("a date", '"2025-06-30"'))]
Paths = Annotated[
    tuple[Annotated[str, Kind(_path, Doc("a path or an address", '"data/*.jsonl"'))], ...],
    Kind(listed, Doc("one string or a list of strings", '["a.jsonl", "b.jsonl"]')),
]
LossOn = Annotated[str | tuple[str, ...], Kind(_loss_on, _LOSS)]
