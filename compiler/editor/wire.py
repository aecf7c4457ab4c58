"""Answers as the types of the language server protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from lsprotocol import types

from smolc.compiler.diagnostics import Severity, Source, Span
from smolc.compiler.editor.items import Item
from smolc.compiler.editor.navigate import Location, Symbol
from smolc.compiler.editor.positions import Place, Positions
from smolc.compiler.editor.review import Fix, Report, path_of

SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}
KINDS = {
    "key": types.CompletionItemKind.Property,
    "block": types.CompletionItemKind.Class,
    "constructor": types.CompletionItemKind.Constructor,
    "word": types.CompletionItemKind.EnumMember,
    "reference": types.CompletionItemKind.Reference,
    "value": types.CompletionItemKind.Value,
    "keyword": types.CompletionItemKind.Keyword,
    "file": types.CompletionItemKind.File,
    "rule": types.CompletionItemKind.Event,
}
SYMBOLS = {
    "recipe": types.SymbolKind.Module,
    "model": types.SymbolKind.Struct,
    "dataset": types.SymbolKind.Array,
    "mixture": types.SymbolKind.Array,
    "template": types.SymbolKind.String,
    "stage": types.SymbolKind.Class,
    "merge": types.SymbolKind.Operator,
    "generate": types.SymbolKind.Event,
    "pairs": types.SymbolKind.Array,
    "eval": types.SymbolKind.Function,
    "publish": types.SymbolKind.Package,
    "cluster": types.SymbolKind.Object,
    "key": types.SymbolKind.Property,
}


class Wire:
    """Converts places of texts. uri: a path's address as the client writes it. unit: what characters are counted in."""

    def __init__(self, uri: Callable[[Path], str], unit: str) -> None:
        self.uri = uri
        self.unit = unit
        self._known: dict[int, tuple[Source, Positions]] = {}

    def positions(self, source: Source) -> Positions:
        known = self._known.get(id(source))
        if known is None:
            known = self._known[id(source)] = (source, Positions(source.text, self.unit))
        return known[1]

    def range(self, span: Span) -> types.Range:
        return _range(self.positions(span.source), span.start, span.end)

    def location(self, location: Location) -> types.Location:
        return types.Location(self.uri(location.path), self.range(location.span))

    def diagnostic(self, report: Report, positions: Positions) -> types.Diagnostic:
        related = [
            types.DiagnosticRelatedInformation(
                types.Location(self.uri(path_of(span.source)), self.range(span)), text
            )
            for span, text in report.related
        ]
        return types.Diagnostic(
            range=_range(positions, report.start, report.end),
            message=report.message,
            severity=SEVERITIES[report.severity],
            code=f"{report.code} {report.name}".strip() or None,
            code_description=types.CodeDescription(report.url) if report.url else None,
            source="smolc",
            tags=[types.DiagnosticTag.Unnecessary] if report.unused else None,
            related_information=related or None,
        )

    def action(self, fix: Fix, diagnostic: types.Diagnostic) -> types.CodeAction:
        changes: dict[str, list[types.TextEdit]] = {}
        for span, text in fix.edits:
            edit = types.TextEdit(self.range(span), text)
            changes.setdefault(self.uri(path_of(span.source)), []).append(edit)
        return types.CodeAction(
            title=fix.title,
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[diagnostic],
            is_preferred=fix.sure,
            edit=types.WorkspaceEdit(changes=changes),
        )

    def renamed(self, touched: Iterable[Location], new: str) -> types.WorkspaceEdit:
        changes: dict[str, list[types.TextEdit]] = {}
        for place in touched:
            changes.setdefault(self.uri(place.path), []).append(types.TextEdit(self.range(place.span), new))
        return types.WorkspaceEdit(changes=changes)

    def symbol(self, symbol: Symbol) -> types.DocumentSymbol:
        return types.DocumentSymbol(
            name=symbol.name or "?",
            detail=symbol.detail or None,
            kind=SYMBOLS.get(symbol.kind, types.SymbolKind.Namespace),
            range=self.range(symbol.span),
            selection_range=self.range(symbol.head),
            children=[self.symbol(inner) for inner in symbol.inner],
        )


def item(one: Item, positions: Positions, snippets: bool) -> types.CompletionItem:
    assert one.start is not None and one.end is not None
    text = one.insert if snippets or not one.snippet else without_stops(one.insert)
    is_snippet = one.snippet and snippets
    return types.CompletionItem(
        label=one.label,
        kind=KINDS[one.kind],
        detail=one.detail or None,
        documentation=types.MarkupContent(types.MarkupKind.Markdown, one.docs) if one.docs else None,
        sort_text=f"{one.order}{one.label}",
        insert_text_format=types.InsertTextFormat.Snippet if is_snippet else types.InsertTextFormat.PlainText,
        text_edit=types.TextEdit(_range(positions, one.start, one.end), text),
    )


def without_stops(snippet: str) -> str:
    """For editors that know no snippets."""
    import re

    return re.sub(r"\$\{\d+:([^}]*)\}", r"\1", re.sub(r"\$(?:\d+|\{\d+\})", "", snippet))


def whole(text: str, new: str, unit: str) -> list[types.TextEdit]:
    """The lines that differ, as edits, so that the cursor stays where it is."""
    from difflib import SequenceMatcher

    old_lines, new_lines = text.splitlines(keepends=True), new.splitlines(keepends=True)
    positions = Positions(text, unit)
    starts = [0]
    for line in old_lines:
        starts.append(starts[-1] + len(line))
    edits = []
    matcher = SequenceMatcher(None, old_lines, new_lines, autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag != "equal":
            edits.append(types.TextEdit(_range(positions, starts[i], starts[j]), "".join(new_lines[k:m])))
    return edits


def _range(positions: Positions, start: int, end: int) -> types.Range:
    return types.Range(_position(positions.place(start)), _position(positions.place(end)))


def _position(place: Place) -> types.Position:
    return types.Position(*place)


def folding(lines: Sequence[tuple[int, int]]) -> list[types.FoldingRange]:
    return [types.FoldingRange(first, last) for first, last in lines]
