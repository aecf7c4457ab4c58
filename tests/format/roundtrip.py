"""What formatting must keep, looked at without the formatter's own check."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from typing import Any

from smolc.compiler.diagnostics import Source
from smolc.compiler.format import formatted
from smolc.compiler.syntax import parse
from smolc.compiler.syntax.lex import Token, lex
from smolc.compiler.syntax.tree import File, Number, Text

SEPARATORS = ("NEWLINE", "COMMA", "SEMICOLON")
LINT = re.compile(r"#\s*lint\s*:")


def losses(text: str, made: str, comments: list[str]) -> list[str]:
    """What was lost or changed when `text` became `made`; `comments` are those that were put into it."""
    after = tree_of(made)
    found = []
    if [c.text for c in after.comments] != comments:
        found.append("a comment was lost")
    if places(text) != places(made):
        found.append("a comment moved to another place among the words")
    if meaning(after) != meaning(tree_of(text)):
        found.append("the meaning changed")
    if formatted(made) != made:
        found.append("formatting it again changes it")
    spoken = zip(words_spoken_of(text), words_spoken_of(made), strict=True)
    if not all(is_within(part, whole) for part, whole in spoken):
        found.append("a `# lint:` comment speaks of less")
    return found


def tree_of(text: str) -> File:
    file, found = parse(Source("x.recipe", text.replace("\r\n", "\n")))
    assert found == []
    return file


def meaning(node: Any) -> Any:
    """A tree without places; literals as they were written."""
    if isinstance(node, tuple):
        return [meaning(part) for part in node]
    if not is_dataclass(node):
        return node
    left_out = {"span", "head", "close", "source", "comments"}
    spelt = "".join(node.span.text.split()) if isinstance(node, Number) else ""
    spelt = node.span.text if isinstance(node, Text) else spelt
    return [
        type(node).__name__,
        spelt,
        *(meaning(getattr(node, f.name)) for f in fields(node) if f.name not in left_out),
    ]


def places(text: str) -> list[int]:
    """For each comment, how many words (separators do not count) come before it."""
    tokens, comments = lex(Source("x", text.replace("\r\n", "\n")))
    starts = [t.start for t in tokens if t.type not in SEPARATORS]
    return [sum(start < c.span.start for start in starts) for c in comments]


def words_spoken_of(text: str) -> list[list[Token]]:
    """For each `# lint:` comment, the tokens on its line or, if it stands alone, on the next line with any."""
    source = Source("x", text.replace("\r\n", "\n"))
    tokens, comments = lex(source)
    by_line: dict[int, list[Token]] = {}
    for token in tokens:
        if token.type not in SEPARATORS:
            for line in {source.position(token.start)[0], source.position(token.end)[0]}:
                by_line.setdefault(line, []).append(token)
    found = []
    for comment in comments:
        if LINT.match(comment.text):
            line = comment.span.line
            after = min((n for n in by_line if n > line), default=0)
            found.append(by_line.get(after if comment.own_line else line, []))
    return found


def is_within(part: list[Token], whole: list[Token]) -> bool:
    """Whether `part` comes one after the other in `whole`."""
    return any(whole[i : i + len(part)] == part for i in range(len(whole) - len(part) + 1))
