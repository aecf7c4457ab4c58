"""Resolved -> text: one file without parents, `drop` and overrides, each value and comment as it was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from smolc.compiler.diagnostics import Source, Span
from smolc.compiler.format.value import print_path, quote
from smolc.compiler.format.value import spelled as name
from smolc.compiler.resolve import Field, Resolved, Section
from smolc.compiler.show.comments import Attached, Notes, Trail, key_of
from smolc.compiler.show.literal import spelled, text_literal
from smolc.compiler.syntax import tree


def flatten(
    resolved: Resolved,
    *,
    comments: bool = True,
    edition: bool = True,
    texts: Mapping[str, str] | None = None,
) -> str:
    """Recipe text with everything folded in; paths are relative to the recipe's folder.

    texts: of chat templates by label, that stand in the recipe instead of their file's name.
    """
    return _Writer(resolved, comments, texts or {}).whole(edition)


class _Writer:
    def __init__(self, resolved: Resolved, comments: bool, texts: Mapping[str, str]) -> None:
        self.resolved = resolved
        self.texts = texts
        self.lines: list[str] = []
        self.attached: dict[int, Attached] = {}
        self.sources: list[Source] = []
        if comments:
            for source in _sources(resolved):
                self.attached[id(source)] = Attached(source)
                self.sources.append(source)

    def whole(self, header: bool) -> str:
        main = self.attached.get(id(self.resolved.source)) if header else None
        if main is not None:
            self._above([main.header])
        if header and (edition := self._edition()):
            self.lines.append(f"smolc {edition}" + _beside(main.header if main else None))
        for section in self.resolved.sections:
            if self.lines and self.lines[-1] and not self.lines[-1].startswith("#"):
                self.lines.append("")
            self._section(section, (), 0)
        if main is not None:
            main.end.blank = main.end.blank or len(self.resolved.files) > 1
            self._above([main.end])
        return "\n".join(self.lines).strip("\n") + "\n"

    def _edition(self) -> str | None:
        """As one of the files says it."""
        from smolc.compiler.syntax import parse

        files = [a.file for a in self.attached.values()]
        files = files or [parse(source)[0] for source in _sources(self.resolved)]
        return next((f.edition.text for f in files if f.edition is not None), None)

    # --- blocks

    def _section(self, section: Section, trail: Trail, depth: int) -> None:
        trail = (*trail, key_of(section.kind, section.label))
        indent = "  " * depth
        heads = [a.heads[trail] for a in self._files() if trail in a.heads]
        closes = [a.closes[trail] for a in self._files() if trail in a.closes]
        self._above(heads, indent)
        label = f" {name(section.label)}" if section.label else ""
        self.lines.append(f"{indent}{section.kind.text}{label} {{" + _beside(*heads))
        opened = len(self.lines)
        for item in _in_order(section):
            if isinstance(item, Section):
                self._section(item, trail, depth + 1)
            elif isinstance(item, Field):
                self._field(section, trail, item, indent + "  ")
            else:
                self._statement(item.span.text, [*self._notes(item.span)], indent + "  ")
            if len(self.lines) > opened and not self.lines[opened]:
                del self.lines[opened]
        self._above(closes, indent + "  ", first=len(self.lines) == opened)
        self.lines.append(f"{indent}}}" + _beside(*closes))

    def _field(self, section: Section, trail: Trail, field: Field, indent: str) -> None:
        if section.kind.text == "template" and field.key == "file" and section.label:
            text = self.texts.get(section.label.text)
            if text is not None:
                self._statement(
                    f"text = {text_literal(text, indent)}", [*self._notes(field.path.span)], indent
                )
                return
        notes: list[Notes] = []
        for span in (field.path.span, *_pieces(field.value)):
            notes.extend(n for n in self._notes(span) if all(n is not m for m in notes))
        # An empty line before an override elsewhere says nothing about this block.
        notes = [n if n.trail == trail else replace(n, blank=False) for n in notes]
        edits = self._moved(section, field)
        for path, text in spelled(print_path(field.path), field.value, edits, not self.attached):
            inside = [c.text for n in notes for c in n.inside if c.text not in text]
            self._statement(f"{path} = {text}", [*notes, Notes(above=inside)], indent)
            notes = []

    def _statement(self, text: str, notes: list[Notes], indent: str) -> None:
        beside = [c for n in notes for c in n.beside]
        # One line has room for one comment; the others stand above.
        more = Notes(above=beside[:-1])
        self._above([*notes, more] if beside[:-1] else notes, indent)
        self.lines.append(f"{indent}{text}" + (f"  {beside[-1]}" if beside else ""))

    # --- comments

    def _files(self) -> Iterator[Attached]:
        """Parents first."""
        return (self.attached[id(source)] for source in reversed(self.sources))

    def _notes(self, span: Span) -> Iterator[Notes]:
        attached = self.attached.get(id(span.source))
        notes = attached.of(span) if attached else None
        if notes is not None:
            yield notes

    def _above(self, notes: list[Notes], indent: str = "", first: bool = False) -> None:
        said: set[str] = set()
        for one in notes:
            if one.blank and self.lines and self.lines[-1] and not first:
                self.lines.append("")
            for text in one.above:
                if not text:
                    if self.lines and self.lines[-1]:
                        self.lines.append("")
                elif text not in said:
                    said.add(text)
                    self.lines.append(indent + text)

    # --- values

    def _moved(self, section: Section, field: Field) -> dict[Span, str]:
        """Literals of relative paths that were written in another folder."""
        edits: dict[Span, str] = {}
        for text in _paths(section.kind.text, field):
            folder = self.resolved.folders.get(text.span.source.name)
            root = self.resolved.files[0].parent
            if folder is None or folder == root or not text.value.strip() or Path(text.value).is_absolute():
                continue
            from smolc.compiler.plan.paths import relative

            edits[text.span] = quote(relative(self.resolved, text.value, text.span))
        return edits


def _sources(resolved: Resolved) -> list[Source]:
    """The files that a recipe was read from, itself first."""
    found = {id(resolved.source): resolved.source}
    spans = [c.span for c in reversed(resolved.comments)]
    waiting = list(resolved.sections)
    while waiting:
        section = waiting.pop()
        waiting.extend(section.sections)
        spans.append(section.head)
        spans.extend(s for f in section.fields.values() for s in (f.path.span, *_pieces(f.value)))
    for span in spans:
        found.setdefault(id(span.source), span.source)
    order = {
        name: i for i, name in enumerate(n for n in resolved.folders if n != "--set")
    }  # as they were read
    return sorted((s for s in found.values() if s.name in order), key=lambda s: order[s.name])


def _in_order(section: Section) -> list[Field | Section | tree.Compare]:
    """What a block holds. Fields, comparisons and blocks each keep their order; of one file, all do."""
    queues: list[list[Field | Section | tree.Compare]] = [
        list(section.fields.values()),
        list(section.checks),
        list(section.sections),
    ]
    out: list[Field | Section | tree.Compare] = []
    for queue in queues:
        queue.reverse()
    while any(queues):
        heads = [q for q in queues if q]
        same = len({id(_place(q[-1]).source) for q in heads}) == 1
        out.append((min(heads, key=lambda q: _place(q[-1]).start) if same else heads[0]).pop())
    return out


def _place(item: Field | Section | tree.Compare) -> Span:
    if isinstance(item, Field):
        return item.path.span
    return item.head if isinstance(item, Section) else item.span


def _beside(*notes: Notes | None) -> str:
    said = [text for one in notes if one is not None for text in one.beside]
    return f"  {said[-1]}" if said else ""


def _pieces(value: tree.Value) -> Iterator[Span]:
    """Spans of a value and of the arguments in it, which overrides may have put there."""
    yield value.span
    if isinstance(value, tree.Call):
        for argument in value.arguments:
            yield argument.span
            yield from _pieces(argument.value)


def _paths(kind: str, field: Field) -> Iterator[tree.Text]:
    """The texts in a field that are paths of files or folders."""
    value = field.value
    if (kind, field.key) in (("dataset", "path"), ("model", "path"), ("template", "file")):
        for one in value.items if isinstance(value, tree.List) else (value,):
            if isinstance(one, tree.Text):
                yield one
    elif (kind, field.key) == ("model", "tokenizer") and isinstance(value, tree.Call):
        arguments = value.arguments if value.name.text == "path" else ()
        yield from (a.value for a in arguments if isinstance(a.value, tree.Text))
