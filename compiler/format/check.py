"""What must hold before a formatted text replaces another."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from smolc.compiler.diagnostics import Source
from smolc.compiler.format.comments import Comments, attach, spoken_lines
from smolc.compiler.format.layout import print_file
from smolc.compiler.format.value import written
from smolc.compiler.syntax import parse
from smolc.compiler.syntax.lex import lex
from smolc.compiler.syntax.tree import File, Ident, Number, Text

_PLACES = frozenset({"span", "head", "close", "source", "comments"})
_SEPARATORS = frozenset({"NEWLINE", "SEMICOLON", "COMMA"})


def objection(file: File, comments: Comments, text: str) -> str | None:
    """Why `text` must not replace the text of `file`; None if it may.

    It may if it is read as the same tree, spelt the same; if every comment is there, in the same order and at the
    same item; if every `# lint:` comment speaks of all that it spoke of; and if formatting it again changes nothing.
    """
    after, found = parse(Source(file.source.name, text))
    if found:
        return f"it would no longer be read: {found[0].message}"
    if not same(file, after):
        return "its meaning would change"
    again = attach(after)
    if comments.placed != again.placed:
        return "a comment would be lost or move to another item"
    if not _lint_comments_cover(file, after):
        return "a `# lint:` comment would speak of less"
    if print_file(after, again) != text:
        return "formatting it again would change it again"
    return None


def same(a: Any, b: Any) -> bool:
    """Whether two trees are the same, literals byte for byte, apart from where they stand."""
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if not is_dataclass(a):
        return bool(a == b)
    if isinstance(a, (Ident, Number, Text)) and written(a) != written(b):
        return False
    return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a) if f.name not in _PLACES)


def _lint_comments_cover(before: File, after: File) -> bool:
    old = _spoken_of(before)
    return not old or all(map(frozenset.issubset, old, _spoken_of(after)))


def _spoken_of(file: File) -> list[frozenset[int]]:
    """For each `# lint:` comment, the numbers of the tokens (separators do not count) on the line it speaks of."""
    spoken = spoken_lines(file)
    if not spoken:
        return []
    lines: dict[int, set[int]] = {}
    tokens = [t for t in lex(file.source)[0] if t.type not in _SEPARATORS]
    for number, token in enumerate(tokens):
        first, last = (file.source.position(offset)[0] for offset in (token.start, token.end))
        for line in {first, last}:
            lines.setdefault(line, set()).add(number)
    return [frozenset(lines.get(line, ())) for line in spoken]
