"""What the language has to say about the word under the cursor, as markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smolc.compiler.diagnostics.secrets import covered
from smolc.compiler.editor.chain import Opened, Texts, chain
from smolc.compiler.editor.cursor import Cursor, cursor
from smolc.compiler.editor.keys import argument_of, block_of, expected, inside, key_of, target, words
from smolc.compiler.editor.names import TASK, Name, declarations, declared_in, entity, names_in
from smolc.compiler.editor.navigate import name_at
from smolc.compiler.editor.numbers import in_full
from smolc.compiler.lint.discover import find
from smolc.compiler.model.suite import SUITE
from smolc.compiler.reference.catalogue import Block, Key, Variant, catalogue
from smolc.compiler.syntax import tree

LINES = 14
"""Of a block that a name stands for."""

KEYWORDS = {
    "smolc": "The edition of the language that the file is written in: `smolc 1`, in its first line.",
    "extends": 'The one recipe that this one builds on: `extends "base.recipe"`. Blocks of the same name merge; '
    "what stands here wins.",
    "drop": "Takes out what the parent declares: `drop dataset gsm`; in a block, `drop key NAME` takes out a key.",
    "best": "The winner of the stage's grid, or the stage itself if it has none.",
}


@dataclass(frozen=True)
class Hover:
    """markdown, and the characters of the file that it is about."""

    markdown: str
    start: int
    end: int


def hover(path: Path, offset: int, texts: Texts) -> Hover | None:
    files = chain(path, texts)
    if not files:
        return None
    here = cursor(files[0].source, offset)
    if here.comment is not None:
        return _rule(here)
    name = name_at(offset, files)
    if name is not None and (text := _name(name, files)) is not None:
        return Hover(text, name.span.start, name.span.end)
    if here.word is None:
        return None
    text = _value(here, files) if here.operator is not None or here.brackets else _left(here, files)
    return Hover(text, here.word.start, here.word.end) if text else None


def _rule(here: Cursor) -> Hover | None:
    assert here.comment is not None
    span = here.comment.span
    listed = re.match(r"#\s*lint\s*:\s*allow\s*\(([^()]*)\)?", span.text)
    for found in re.finditer(r"[^\s,]+", listed[1]) if listed else ():
        start = span.start + listed.start(1) + found.start()  # type: ignore[union-attr]
        if start <= here.offset <= start + len(found[0]) and (loaded := find(found[0])) is not None:
            text = f"**{loaded.rule.code} {loaded.rule.name}** ({loaded.rule.severity.word})\n\n{loaded.docs.strip()}"
            return Hover(text, start, start + len(found[0]))
    return None


def _name(name: Name, files: Sequence[Opened]) -> str | None:
    kind, label = wanted = entity(name, declared_in(files))
    found = [(one, n) for one, n in declarations(files) if (n.kinds[0], n.text) == wanted]
    if not found:
        entry = SUITE.get(label) if kind == TASK else None
        return f"**{label}**, a task of the suite\n\n{entry.about}" if entry is not None else None
    if name.block is not None:
        docs = block_of((kind,) if kind != TASK else ("eval", TASK))
        uses = [
            n
            for one in files
            for n in names_in(one, files)
            if entity(n, {wanted}) == wanted and n.block is None
        ]
        above = "".join(
            f"\n\nExtends the one in `{one.path.name}`." for one, n in found if one is not files[0]
        )
        count = f"Named in {len(uses)} place{'s' if len(uses) > 1 else ''}." if uses else "Nothing names it."
        spoken = count if kind not in ("recipe", "eval") else ""
        return f"**{kind} {label}**\n\n{docs.docs if docs else ''}\n\n{spoken}{above}".strip()
    one, declared = found[0]
    where = "" if one is files[0] else f"\n\nIn `{one.path.name}`, line {declared.span.line}."
    assert declared.block is not None
    return f"```smolc\n{_excerpt(declared.block)}\n```{where}"


def _excerpt(block: tree.Block) -> str:
    """The block's first lines, indented as if it stood at the top."""
    source = block.span.source
    indent = block.head.column - 1
    lines = block.span.text.rstrip().split("\n")
    lines = [lines[0], *(line[indent:] if not line[:indent].strip() else line for line in lines[1:])]
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], "  ...", "}"]
    return covered("\n".join(lines)) if source.secrets else "\n".join(lines)


def _left(here: Cursor, files: Sequence[Opened]) -> str | None:
    """A word before any `=`: a block's kind, a key, a part of a path."""
    assert here.word is not None
    word = str(here.word).strip('"')
    is_first = not here.statement
    if is_first and word in KEYWORDS and not _assigned(here):
        return KEYWORDS[word]
    if is_first and not here.blocks and word in catalogue():
        return block_text(catalogue()[word])
    around = block_of(here.kinds)
    nested = around.block(word) if around is not None else None
    if is_first and nested is not None and not _assigned(here):
        return block_text(nested)
    path = (*here.left, word)
    label = here.blocks[0].label if here.blocks else None
    kinds, rest, label = target(here.kinds, path, label, files)
    key = key_of(kinds, rest, words(files, kinds, label))
    return key_text(key) if key is not None else None


def _assigned(here: Cursor) -> bool:
    assert here.word is not None
    return re.match(r"\s*[=.]", here.source.text[here.word.end : here.word.end + 40]) is not None


def _value(here: Cursor, files: Sequence[Opened]) -> str | None:
    assert here.word is not None
    word, kind = str(here.word), here.word.type
    if here.left:
        return KEYWORDS["best"] if word == "best" else None
    if here.operator != "=":
        return f"`{word}` = {in_full(word)}" if kind == "NUMBER" and in_full(word) else None
    bracket = here.brackets[-1] if here.brackets else None
    if bracket is not None and bracket.word is not None and bracket.argument is None and _assigned(here):
        outside = inside(_whole(here, files), here.brackets[:-1])
        argument = argument_of(outside, word, bracket.word) if outside is not None else None
        return key_text(argument) if argument is not None else None
    key = expected(here, files)
    if kind == "NUMBER":
        full = in_full(word)
        said = [f"`{word}` = {full}"] if full else []
        return "\n\n---\n\n".join([*said, *([key_text(key)] if key is not None else [])]) or None
    if key is None:
        return None
    variant = key.variant(word)
    return variant_text(variant) if variant is not None else key_text(key)


def _whole(here: Cursor, files: Sequence[Opened]) -> Key | None:
    """The key of the statement, without what its brackets hold."""
    kinds, path, label = target(here.kinds, here.path, here.blocks[0].label if here.blocks else None, files)
    return key_of(kinds, path, words(files, kinds, label))


def key_text(key: Key) -> str:
    """Name, type, description, units, range, default and an example."""
    facts = [("needed", "yes" if key.required else ""), ("default", _code(key.default))]
    facts += [("numbers", key.limits), ("units", ", ".join(u or "none" for u in key.units))]
    facts += [("example", _code(key.example if key.example != key.default else None))]
    lines = "\n".join(f"- {name}: {text}" for name, text in facts if text)
    return f"**{key.name}**: {key.type}{' (or a list)' if key.many else ''}\n\n{key.description}\n\n{lines}".strip()


def variant_text(variant: Variant) -> str:
    arguments = "\n".join(
        f"- `{a.name}`{' (needed)' if a.required else f' = `{a.default}`' if a.default else ''}: {a.description}"
        for a in variant.arguments
    )
    return f"**{variant.word}**\n\n{variant.docs}\n\n{arguments}".strip()


def block_text(block: Block) -> str:
    needed = [f"`{key.name}`" for key in block.keys if key.required]
    others = [f"`{key.name}`" for key in block.keys if not key.required]
    blocks = [f"`{nested.kind}`" for nested in block.blocks]
    facts = [("needs", needed), ("may have", others), ("holds blocks", blocks)]
    facts += [("holds lines", [f"`{line.example}`" for line in block.lines])]
    lines = "\n".join(f"- {name}: {', '.join(texts)}" for name, texts in facts if texts)
    return f"**{block.kind} {block.label}**\n\n{block.docs}\n\n{lines}".replace(" **", "**", 1).strip()


def _code(text: str | None) -> str:
    return f"`{text}`" if text else ""
