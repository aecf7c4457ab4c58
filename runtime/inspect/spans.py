"""Texts in parts that look different: special tokens, chains of thought, what was left out in the middle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from smolc.runtime.report.text import visible

SPECIAL = re.compile(
    r"<[|｜][^<>|｜\s]{1,60}[|｜]>|</?s>|<(?:bos|eos|pad|unk|start_of_turn|end_of_turn)>|\[/?INST\]|<</?SYS>>"
)
"""What special tokens look like in the usual templates. Only the looks hang on it."""


@dataclass(frozen=True)
class Span:
    """looks: `special`, `thought`, `gap` or nothing."""

    text: str
    looks: str = ""


def prompt_spans(text: str, most: int) -> list[Span]:
    """The exact text, line breaks marked; at most so many characters, without the middle of a longer one."""
    spans = []
    for part in _elided([Span(text)], most):
        spans += [part] if part.looks else list(_special(part.text))
    return [Span(visible(s.text), s.looks) for s in spans]


def answer_spans(text: str, thinking: tuple[str, str] | None, prompt: str, most: int) -> list[Span]:
    """prompt: which may end within a chain of thought. White space that nobody could see is counted."""
    if text and not text.strip():
        return [Span(f"({len(text):,} character{'s' if len(text) > 1 else ''} of white space)", "gap")]
    spans = []
    for part in _elided(list(_thoughts(text, thinking, prompt)), most):
        spans += [part] if part.looks else list(_special(part.text))
    return [Span(_unruled(visible(s.text).replace("↵\n", "\n")), s.looks) for s in spans]


def _unruled(text: str) -> str:
    """Many empty lines as one that says how many."""
    return re.sub(r"\n{5,}", lambda found: f"\n… {len(found.group()) - 1} empty lines …\n", text)


def _special(text: str) -> Iterator[Span]:
    at = 0
    for found in SPECIAL.finditer(text):
        if found.start() > at:
            yield Span(text[at : found.start()])
        yield Span(found.group(), "special")
        at = found.end()
    if at < len(text):
        yield Span(text[at:])


def _thoughts(text: str, thinking: tuple[str, str] | None, prompt: str) -> Iterator[Span]:
    """As they are taken out before scoring: up to the last closing tag that has no opening one; one that does not end
    holds all that follows."""
    if thinking is None:
        yield Span(text)
        return
    start, end = thinking
    at, inside = 0, prompt.rstrip().endswith(start)
    first = text.find(end)
    if first >= 0 and not 0 <= text.find(start) < first:
        inside = True
    while at < len(text):
        found = text.find(end if inside else start, at)
        if inside:
            stop = len(text) if found < 0 else found + len(end)
            yield Span(text[at:stop], "thought")
        else:
            stop = len(text) if found < 0 else found
            if stop > at:
                yield Span(text[at:stop])
        at, inside = stop, not inside


def _elided(spans: list[Span], most: int) -> Iterator[Span]:
    """Without the middle of what is longer than `most` characters."""
    whole = sum(len(span.text) for span in spans)
    if whole <= most:
        yield from spans
        return
    first, last = most // 2, whole - (most - most // 2)
    at, told = 0, False
    for span in spans:
        end = at + len(span.text)
        head, tail = span.text[: max(0, first - at)], span.text[max(0, last - at) :]
        if head:
            yield Span(head, span.looks)
        if end > first and not told:
            told = True
            yield Span(f"\n… {last - first:,} characters …\n", "gap")
        if tail and end > last:
            yield Span(tail, span.looks)
        at = end
