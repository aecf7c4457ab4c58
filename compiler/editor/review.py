"""The compiler's findings about a text that is being written, and what an editor can do about them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smolc.compiler.cli.common import Compiled, compile_recipe
from smolc.compiler.diagnostics import Diagnostic, Severity, Source, Span
from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.editor.chain import Texts, opened
from smolc.compiler.lint.discover import find
from smolc.compiler.syntax.lex import lex

WEB = "https://github.com/smolc/smolc/blob/main/docs/reference/"
UNUSED = frozenset(
    {"unused-data", "useless-suppression", "label-smoothing-ignored", "enable-thinking-without-effect"}
)
"""Findings about what could as well not be there; editors show it pale."""
_WORD = re.compile(r"[A-Za-z_][\w.-]*")
_MEANT = re.compile(r"did you mean `([^`]+)`\?")
_RENAMED = frozenset(
    {
        "unknown-key",
        "unknown-name",
        "unknown-part",
        "unknown-block",
        "unknown-word",
        "unknown-variant",
        "unknown-rule",
    }
)
"""Findings about one word whose help names the word that was meant."""
_ALLOWS = re.compile(r"#\s*lint\s*:\s*allow\s*\((?P<names>[^()]*)\)")


@dataclass(frozen=True)
class Report:
    """One finding as shown in the file at `path`: characters [start, end) of it. url: where its rule is explained."""

    start: int
    end: int
    severity: Severity
    code: str
    name: str
    message: str
    related: tuple[tuple[Span, str], ...] = ()
    unused: bool = False
    url: str | None = None
    diagnostic: Diagnostic | None = None


@dataclass(frozen=True)
class Fix:
    """A change that mends a finding, or accepts it. edits: places and what is put there. sure: nothing else can be meant."""

    title: str
    report: Report
    edits: tuple[tuple[Span, str], ...]
    sure: bool = False


def path_of(source: Source) -> Path:
    """The file of a source that was read for an editor: its name is a path."""
    return Path(source.name).resolve()


def compiled(path: Path, texts: Texts) -> Compiled:
    return compile_recipe(str(path), shown=str(path), texts=texts)


def review(path: Path, texts: Texts) -> list[Report]:
    """All that `smolc lint` would say about the text; what it says of parents is shown where they are named, and of the
    lock or the settings in the first line."""
    one = opened(path, texts)
    try:
        found = compiled(path, texts).found
    except Refused as error:
        first = one.source.text.partition("\n")[0] if one is not None else ""
        return [Report(0, len(first), Severity.ERROR, "", "", str(error))]
    extends = one.file.extends.span if one is not None and one.file.extends is not None else None
    return [_report(d, path, extends) for d in found]


def _report(found: Diagnostic, path: Path, extends: Span | None) -> Report:
    related = [(label.span, label.text) for label in found.labels]
    start, end = 0, 0
    message = found.message
    if found.span is not None and path_of(found.span.source) == path:
        start, end = found.span.start, found.span.end
    elif found.span is not None and extends is not None:
        start, end = extends.start, extends.end
        message = f"{path_of(found.span.source).name}:{found.span.line}: {message}"
        related.insert(0, (found.span, "here"))
    text = "\n".join([message, *found.notes, *([f"help: {found.help}"] if found.help else [])])
    page = "rules" if find(found.name) is not None else "codes"
    url = f"{WEB}{page}.md#{found.code.lower()}-{found.name}"
    severity, unused = found.severity, found.name in UNUSED
    return Report(start, end, severity, found.code, found.name, text, tuple(related), unused, url, found)


def fixes(report: Report) -> Iterator[Fix]:
    """The rule's own edits, the word that was meant, and a suppression with a reason to be filled in."""
    found = report.diagnostic
    if found is None:
        return
    if found.edits:
        title = (found.help or found.message).split("\n")[0]
        sure = found.severity is Severity.ERROR or all(edit.safe for edit in found.edits)
        yield Fix(_capital(title), report, tuple((edit.span, edit.text) for edit in found.edits), sure)
    elif (meant := _meant(found)) is not None:
        yield Fix(f"Write `{meant[1]}`", report, (meant,), True)
    if find(found.name) is not None and found.span is not None:
        place, text = suppression(found.span, found.name)
        yield Fix(f"Accept {found.name}, with a reason", report, ((place, text),))


def _meant(found: Diagnostic) -> tuple[Span, str] | None:
    said = _MEANT.search(found.help or "")
    span = found.span
    if said is None or span is None or found.name not in _RENAMED or _WORD.fullmatch(span.text) is None:
        return None
    end = span.end
    if "." in span.text and "." not in said[1]:
        end = span.start + span.text.index(".")
    return Span(span.source, span.start, end), said[1]


def suppression(span: Span, name: str) -> tuple[Span, str]:
    """Where a comment goes that accepts a finding at `span`, and its text: the reason is left to the author."""
    source = span.source
    tokens, comments = lex(source)
    line_start = source.text.rfind("\n", 0, span.start) + 1
    end = source.text.find("\n", span.start)
    end = len(source.text) if end < 0 else end
    comment = next((c for c in comments if line_start <= c.span.start <= end), None)
    allows = _ALLOWS.match(comment.text) if comment is not None else None
    if comment is not None and allows is not None:
        at = comment.span.start + allows.end("names")
        return Span(source, at, at), f", {name}" if allows["names"].strip() else name
    wanted = f"# lint: allow({name}) -- "
    in_text_block = any(t.start < end < t.end for t in tokens)
    if comment is None and not in_text_block:
        last = len(source.text[line_start:end].rstrip()) + line_start
        return Span(source, last, end), f"  {wanted}"
    indent = re.match(r"[ \t]*", source.text[line_start:])
    return Span(source, line_start, line_start), f"{indent[0] if indent else ''}{wanted}\n"


def fix_all(path: Path, texts: Texts) -> str | None:
    """The text with every edit in it that leaves the plan as it is; None if there is none."""
    from smolc.compiler.lint.fix import fix

    try:
        before = compiled(path, texts)
    except Refused:
        return None  # it is shown already
    if before.source is None:
        return None
    fixed = fix(before, lambda text: compiled(path, {**texts, path: text}))
    return fixed.text if fixed.applied else None


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
