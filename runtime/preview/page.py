"""Rows as one web page that needs no network and no scripts. All that rows say is escaped by the template engine."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.manifest import Manifest
from smolc.runtime.preview.packed import Bin
from smolc.runtime.preview.rows import Piece, Shown, Turn
from smolc.runtime.preview.sample import StageSample
from smolc.runtime.preview.text import (
    gap_said,
    prepared_said,
    row_counted,
    sequence_counted,
    source_said,
    stage_facts,
    turn_counted,
)
from smolc.runtime.report.engine import page_engine
from smolc.runtime.report.text import one_line, visible

COLOURS = 7  # of the style sheet: c0 to c6


@dataclass(frozen=True)
class Span:
    """style: classes of the style sheet. tokens: told where the pointer rests."""

    text: str
    style: str
    tokens: int


@dataclass(frozen=True)
class TurnView:
    """stretches: (what begins there, or nothing; spans)."""

    role: str
    counted: str
    stretches: tuple[tuple[str, tuple[Span, ...]], ...]


@dataclass(frozen=True)
class SequenceView:
    name: str
    counted: str
    turns: tuple[TurnView, ...]


@dataclass(frozen=True)
class RowView:
    number: int
    source: str
    place: str
    counted: str
    said: str
    fits: bool
    colour: str
    sequences: tuple[SequenceView, ...]


@dataclass(frozen=True)
class DocumentView:
    """width: percent of the bin. joint: how it ends and how its neighbour begins, if it has one."""

    number: int
    tokens: str
    width: str
    colour: str
    joint: tuple[str, str] | None


@dataclass(frozen=True)
class BinView:
    said: str
    documents: tuple[DocumentView, ...]


@dataclass(frozen=True)
class StageView:
    anchor: str
    name: str
    facts: tuple[str, ...]
    rows: tuple[RowView, ...]
    sources: tuple[tuple[str, str, str], ...]
    prepared: tuple[tuple[str, str], ...]
    bins: tuple[BinView, ...]
    notes: tuple[str, ...]
    bad: tuple[str, ...]
    wrong: tuple[tuple[str, str], ...]


def write_page(path: Path, manifest: Manifest, stages: list[StageSample]) -> None:
    """Raises OSError."""
    write_atomically(path, render(manifest, stages))


def render(manifest: Manifest, stages: list[StageSample]) -> str:
    engine, style = page_engine("smolc.runtime.preview", "preview.css")
    return engine.get_template("preview.html.j2").render(
        style=style,
        title=one_line(manifest.recipe),
        hash=one_line(manifest.hash)[:12],
        stages=[_stage(number, stage) for number, stage in enumerate(stages)],
    )


def _stage(number: int, stage: StageSample) -> StageView:
    colours = {source.name: f"c{n % COLOURS}" for n, source in enumerate(stage.sources)}
    by_row = {row.number: colours[row.source] for row in stage.rows}
    return StageView(
        anchor=f"s{number}",
        name=one_line(stage.stage),
        facts=tuple(stage_facts(stage)),
        rows=tuple(_row(row, colours[row.source]) for row in stage.rows),
        sources=tuple((colours[s.name], one_line(s.name), source_said(s)) for s in stage.sources),
        prepared=tuple(prepared_said(stage)),
        bins=tuple(_bin(n, bin, by_row) for n, bin in enumerate(stage.bins, 1)),
        notes=tuple(stage.notes),
        bad=tuple(one_line(bad) for source in stage.sources for bad in source.bad),
        wrong=tuple((_lines(error.message), _lines(error.help or "")) for error in stage.wrong),
    )


def _lines(text: str) -> str:
    return visible(text).replace("↵", "")


def _row(row: Shown, colour: str) -> RowView:
    before: int | None = 0 if row.parts else None
    sequences = []
    for sequence in row.sequences:
        turns = []
        last = before
        for turn in sequence.turns:
            turns.append(_turn(turn, last))
            last = turn.pieces[-1].part if turn.pieces else last
        counted = sequence_counted(sequence) if sequence.name else ""
        sequences.append(SequenceView(sequence.name, counted, tuple(turns)))
    fits = row.fate == "fits"
    return RowView(
        row.number,
        one_line(row.source),
        one_line(row.place),
        row_counted(row),
        row.said,
        fits,
        colour,
        tuple(sequences),
    )


def _turn(turn: Turn, before: int | None) -> TurnView:
    """before: which row of the data set the tokens before went to."""
    stretches = []
    for part, run in groupby(turn.pieces, lambda piece: piece.part):
        said = ""
        if part != before:
            said = "cut off from here" if part is None else "a new row begins here"
        before = part
        stretches.append((said, tuple(_spans(list(run)))))
    return TurnView(one_line(turn.role), turn_counted(turn), tuple(stretches))


def _spans(pieces: list[Piece]) -> list[Span]:
    spans = []
    for (style, gap), run in groupby(pieces, lambda piece: (_style(piece), piece.gap)):
        held = list(run)
        tokens = sum(piece.tokens for piece in held)
        text = gap_said(held[0]) if gap else visible("".join(piece.text for piece in held))
        spans.append(Span(text, style, tokens))
    return spans


def _style(piece: Piece) -> str:
    if piece.gap:
        return "gap"
    looks = "cut" if piece.part is None else "trained" if piece.trained else ""
    return f"{looks} special".strip() if piece.special else looks


def _bin(number: int, bin: Bin, colours: dict[int, str]) -> BinView:
    documents = []
    for at, document in enumerate(bin.documents):
        after = bin.documents[at + 1] if at + 1 < len(bin.documents) else None
        documents.append(
            DocumentView(
                document.number,
                f"{document.tokens:,}",
                f"{100 * document.tokens / bin.length:.3f}",
                colours[document.number],
                (one_line(document.tail), one_line(after.head)) if after is not None else None,
            )
        )
    count = f"{len(documents)} document{'' if len(documents) == 1 else 's'}"
    full = f"{bin.tokens:,} of {bin.length:,} tokens ({bin.tokens / bin.length:.0%})"
    return BinView(f"row {number}: {count}, {full}", tuple(documents))
