"""Prints diagnostics: in full with excerpts, one line each, or as JSON."""

from __future__ import annotations

import json
from typing import Any

from smolc.compiler.diagnostics.excerpt import Mark, Paint, excerpt, plain
from smolc.compiler.diagnostics.source import Span
from smolc.compiler.diagnostics.types import Diagnostic, Severity

_COLORS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}


def render_full(diagnostics: list[Diagnostic], color: bool = False) -> str:
    """Every diagnostic with the lines that it is about, sorted by file and line; '' if there are none."""
    return "\n".join(_full(d, color) for d in _sorted(diagnostics))


def render_concise(diagnostics: list[Diagnostic]) -> str:
    """`file:line:column: error[T102 name]: message`, a line for each."""
    lines = []
    for d in _sorted(diagnostics):
        place = f"{_place(d.span)}: " if d.span else ""
        lines.append(f"{place}{d.severity.word}[{d.code} {d.name}]: {plain(d.message)}\n")
    return "".join(lines)


def render_json(diagnostics: list[Diagnostic]) -> str:
    """A JSON list; lines and columns count from 1, `end` is behind the last character."""
    return json.dumps([_json(d) for d in _sorted(diagnostics)], indent=2, ensure_ascii=True) + "\n"


def render_summary(diagnostics: list[Diagnostic]) -> str:
    """`2 errors, 1 warning`; '' if there are neither."""
    counts = []
    for severity in (Severity.ERROR, Severity.WARNING):
        count = sum(d.severity is severity for d in diagnostics)
        if count:
            counts.append(f"{count} {severity.word}{'' if count == 1 else 's'}")
    return ", ".join(counts)


def _sorted(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """By file (in the order in which files first come up), then by place; what has no place comes first."""
    files: dict[str, int] = {}
    for d in diagnostics:
        if d.span:
            files.setdefault(d.span.source.name, len(files))
    return sorted(
        diagnostics, key=lambda d: (files[d.span.source.name], d.span.start) if d.span else (-1, 0)
    )  # fmt: skip


def _place(span: Span) -> str:
    return plain(str(span))


def _full(d: Diagnostic, color: bool) -> str:
    paint = Paint(color)
    main = _COLORS[d.severity]
    out = [paint(f"1;{main}", f"{d.severity.word}[{d.code} {d.name}]") + paint("1", f": {plain(d.message)}")]
    marks = [Mark(d.span, "", True)] if d.span else []
    marks += [Mark(label.span, plain(label.text), False) for label in d.labels]
    width = max((len(str(line)) for mark in marks for line in mark.lines), default=0)
    edge = " " * width
    by_source: list[tuple[object, list[Mark]]] = []
    for mark in marks:
        group = next((g for s, g in by_source if s is mark.span.source), None)
        if group is None:
            by_source.append((mark.span.source, [mark]))
        else:
            group.append(mark)
    for number, (_, group) in enumerate(by_source):
        arrow = "-->" if number == 0 and d.span else ":::"
        out.append(f"{edge}{paint('1;34', arrow)} {_place(group[0].span)}")
        out += excerpt(group, width, main, paint)
    for word, text in [("note", n) for n in d.notes] + ([("help", d.help)] if d.help else []):
        lines = plain(text, keep_lines=True).split("\n")
        out.append(f"{edge} {paint('1;34', '=')} {paint('1', word)}: {lines[0]}")
        out += [f"{edge}   {' ' * len(word)}  {line}" for line in lines[1:]]
    return "\n".join(out) + "\n"


def _json(d: Diagnostic) -> dict[str, Any]:
    return {
        "code": d.code,
        "name": d.name,
        "severity": d.severity.word,
        "message": d.message,
        "span": _json_span(d.span),
        "labels": [{"span": _json_span(label.span), "text": label.text} for label in d.labels],
        "notes": list(d.notes),
        "help": d.help,
        "edits": [{"span": _json_span(e.span), "text": e.text, "safe": e.safe} for e in d.edits],
    }


def _json_span(span: Span | None) -> dict[str, Any] | None:
    if span is None:
        return None
    (line, column), (end_line, end_column) = (span.source.position(o) for o in (span.start, span.end))
    return {
        "file": span.source.name,
        "start": {"line": line, "column": column, "offset": span.start},
        "end": {"line": end_line, "column": end_column, "offset": span.end},
    }
