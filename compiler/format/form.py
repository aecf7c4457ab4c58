"""Text to canonical text: read, attach the comments, print, check."""

from __future__ import annotations

from smolc.compiler.diagnostics import Diagnostic, Source
from smolc.compiler.format.check import objection
from smolc.compiler.format.comments import attach
from smolc.compiler.format.layout import print_file
from smolc.compiler.syntax import parse
from smolc.compiler.syntax.read import source_of
from smolc.compiler.syntax.tree import File


class HasMistakes(ValueError):
    """The text cannot be read as a recipe; `found` says where and why."""

    def __init__(self, found: list[Diagnostic]) -> None:
        super().__init__(found[0].message)
        self.found = found


class NotFaithful(Exception):
    """The formatter itself has a mistake: what it made would lose or change something. The message says what."""


def formatted(text: str, name: str = "recipe") -> str:
    """The text of a recipe in canonical form, checked; `name` is its name in messages.

    Raises HasMistakes for a text that is not a recipe, and NotFaithful where the check fails.
    """
    return format_source(_source(text, name))


def format_source(source: Source) -> str:
    """As `formatted`, for a text that was read already."""
    file = _file(source)
    comments = attach(file)
    made = print_file(file, comments)
    # The same text is the same recipe.
    if made != source.text and (why := objection(file, comments, made)) is not None:
        raise NotFaithful(why)
    return made


def canonical(text: str) -> str:
    """As `formatted`, unchecked: for a text that the compiler made itself. Raises HasMistakes."""
    return print_file(_file(_source(text, "recipe")))


def _source(text: str, name: str) -> Source:
    source, found = source_of(text, name)
    if source is None:
        raise HasMistakes(found)
    return source


def _file(source: Source) -> File:
    file, found = parse(source)
    if found:
        raise HasMistakes(found)
    return file
