"""What the stages learnt from: the mixture as declared and as it came out, lengths, and rows as the loss sees
them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from smolc.runtime.jobs.prepare import All, PrepareJob, Share, Take
from smolc.runtime.report.charts import COLOURS, histogram, share_bars
from smolc.runtime.report.collect import JobView, Run
from smolc.runtime.report.outputs import number, objects, read_json, read_object
from smolc.runtime.report.text import clean, count, label, percent, setting, shorten

MOST_PIECES, MOST_ROWS, MOST_HITS = 600, 4, 5
# What can have happened to rows, and how a person says it; only what did happen is told.
LOSSES = {
    "rows_filtered": "filtered by `where`",
    "rows_bad": "not as the format says",
    "duplicates_dropped": "dropped as duplicates",
    "contaminated_dropped": "dropped for an eval's words",
    "contradictory_dropped": "dropped as judged both ways",
    "holdout_rows": "held out for validation",
    "overlong": "longer than allowed",
    "dropped": "dropped",
    "split": "split",
    "cut_at_turn": "cut at the end of a turn",
    "cut_within_turn": "cut within a turn",
    "untrained": "without a trained token",
    "untrained_pieces": "parts of split rows without one",
}


@dataclass(frozen=True)
class SourceRow:
    colour: str
    name: str
    rows: str
    tokens: str
    declared: str
    by_trained: str
    by_tokens: str
    by_rows: str
    epochs: str
    notes: str


@dataclass(frozen=True)
class PreviewRow:
    """parts: [(name, [(text, trained)])]."""

    source: str
    where: str
    parts: tuple[tuple[str, tuple[tuple[str, bool], ...]], ...]
    cut: bool


@dataclass(frozen=True)
class HitRow:
    """A row that shares words with an eval, and how many of that eval there are."""

    eval: str
    count: str
    row: str
    problem: str
    words: str


@dataclass(frozen=True)
class DataSection:
    title: str
    basis: str
    facts: tuple[tuple[str, str], ...]
    sources: tuple[SourceRow, ...]
    shares: Markup
    lengths: Markup
    quantiles: str
    contamination: tuple[HitRow, ...]
    preview: tuple[PreviewRow, ...]
    notes: tuple[str, ...]


def data_sections(run: Run) -> list[DataSection]:
    return [_section(view) for view in run.of_kind("prepare") if view.state == "done"]


def _section(view: JobView) -> DataSection:
    stats = read_object(view.out / "stats.json")
    # The largest first: where there are more sources than colours, the small ones share one.
    sources = sorted(objects(stats.get("sources")), key=lambda s: -(number(s.get("tokens")) or 0.0))
    held = view.job.held_source if isinstance(view.job, PrepareJob) else None
    mixed = [s for s in sources if s.get("name") != held]
    return DataSection(
        title=label(view.entry.stage or view.id),
        basis=str(stats.get("basis") or "tokens"),
        facts=tuple(_facts(stats)),
        sources=tuple(_source_row(i, s, sources, view.job) for i, s in enumerate(sources)),
        shares=_shares(mixed, stats.get("basis") == "trained") if len(mixed) > 1 else Markup(""),
        lengths=_lengths(stats),
        quantiles=_quantiles(stats, sources),
        preview=tuple(_preview(read_json(view.out / "preview.json"))),
        contamination=tuple(_hits(stats)),
        notes=tuple(_notes(stats, sources)),
    )


def _notes(stats: dict[str, Any], sources: list[dict[str, Any]]) -> Iterator[str]:
    notes = stats.get("notes")
    for note in notes if isinstance(notes, list) else ():
        yield label(str(note))
    for source in sources:
        shown = source.get("bad_shown")
        for bad in shown if isinstance(shown, list) else ():
            yield label(f"left out: {bad}")
        repeated = number(source.get("repeated"))
        if repeated and not number(source.get("duplicates_dropped")):
            yield label(
                f"{source.get('name')}: {count(repeated)} rows repeat earlier ones (dedup = exact leaves them out)"
            )


def _hits(stats: dict[str, Any]) -> Iterator[HitRow]:
    evals = (
        (stats.get("contamination") or {}).get("evals")
        if isinstance(stats.get("contamination"), dict)
        else None
    )
    for name, about in evals.items() if isinstance(evals, dict) else ():
        for hit in objects(about.get("shown"))[:MOST_HITS] if isinstance(about, dict) else ():
            texts = (label(str(hit.get(key))) for key in ("row", "eval", "words"))
            yield HitRow(label(str(name)), count(number(about.get("rows")) or 0), *texts)


def _facts(stats: dict[str, Any]) -> list[tuple[str, str]]:
    facts = []
    for key, name in (("rows", "rows"), ("tokens", "tokens"), ("validation_rows", "held out")):
        if (value := number(stats.get(key))) is not None:
            facts.append((name, count(value)))
    tokens, trained = number(stats.get("tokens")), number(stats.get("trained_tokens"))
    if tokens and trained is not None:
        facts.insert(2, ("of them trained", f"{count(trained)} ({percent(trained / tokens, 0)})"))
    if (fill := number(stats.get("fill"))) is not None:
        facts.append(("packed full", percent(fill)))
    return facts


def _source_row(index: int, source: dict[str, Any], every: list[dict[str, Any]], job: Any) -> SourceRow:
    def share(key: str) -> str:
        whole = sum(number(s.get(key)) or 0.0 for s in every)
        return percent((number(source.get(key)) or 0.0) / whole) if whole else "–"

    name = str(source.get("name"))
    happened = [
        f"{count(value)} {said}"
        for key, said in LOSSES.items()
        if (value := number(source.get(key))) is not None and value
    ]
    epochs = number(source.get("epochs"))
    return SourceRow(
        colour=f"c{index}" if index < COLOURS - 1 else "rest",
        name=label(name),
        rows=count(number(source.get("rows")) or 0),
        tokens=count(number(source.get("tokens")) or 0),
        declared=declared(name, source, job),
        by_trained=share("trained_tokens"),
        by_tokens=share("tokens"),
        by_rows=share("rows"),
        epochs="–" if epochs is None else f"{epochs:.3g}",
        notes=", ".join(happened),
    )


def declared(name: str, source: dict[str, Any], job: Any) -> str:
    """`10%` of the mixture, or how much of the source."""
    share = number(source.get("declared_share"))
    if share is not None:
        return percent(share)
    if isinstance(job, PrepareJob) and job.held_source == name:
        return "held out"
    weight = (
        next((s.weight for s in job.sources if s.name == name), None) if isinstance(job, PrepareJob) else None
    )
    if isinstance(weight, Share):
        return percent(weight.share)
    if isinstance(weight, Take):
        if weight.fraction is not None:
            return f"{percent(weight.fraction, 0)} of it"
        return (
            f"{count(weight.tokens)} tokens"
            if weight.tokens is not None
            else f"{count(weight.rows or 0)} rows"
        )
    if isinstance(weight, All) and weight.at_most_tokens is not None:
        return f"up to {count(weight.at_most_tokens)} tokens"
    if isinstance(weight, All) and weight.at_most_rows is not None:
        return f"up to {count(weight.at_most_rows)} rows"
    return "all of it"


def _shares(sources: list[dict[str, Any]], trained: bool) -> Markup:
    asked = [number(s.get("declared_share")) for s in sources]
    bars = []
    if all(d is not None for d in asked):
        bars.append(("declared", [d or 0.0 for d in asked]))
    counted = [("trained_tokens", "trained")] if trained else []
    for key, name in (*counted, ("tokens", "tokens"), ("rows", "examples")):
        bars.append((name, [number(s.get(key)) or 0.0 for s in sources]))
    names = [str(s.get("name")) for s in sources]
    rows = [(name, list(zip(names, values, strict=True))) for name, values in bars]
    return share_bars(rows, "shares of the sources, declared and realised")


def _lengths(stats: dict[str, Any]) -> Markup:
    lengths = stats.get("lengths")
    if not isinstance(lengths, dict):
        return Markup("")
    edges = [v for e in lengths.get("edges") or [] if (v := number(e)) is not None]
    counts = [v for c in lengths.get("counts") or [] if (v := number(c)) is not None]
    if len(edges) != len(counts) + 1 or not counts or any(b <= a for a, b in pairwise(edges)):
        return Markup("")
    longest = number(stats.get("length"))
    mark = None if longest is None else (longest, f"length {count(longest)}")
    return histogram(edges, counts, "tokens in a row", "rows", mark=mark, about="lengths of the rows")


def _quantiles(stats: dict[str, Any], sources: list[dict[str, Any]]) -> str:
    """What half, 90% and 99% of the rows fit into, the longest, and how many were over the length."""
    lengths = stats.get("lengths")
    if not isinstance(lengths, dict):
        return ""
    names = (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p100", "longest"))
    said = [
        f"{name} {count(value)}" for key, name in names if (value := number(lengths.get(key))) is not None
    ]
    if (longest := number(stats.get("length"))) is not None:
        over = sum(number(source.get("overlong")) or 0.0 for source in sources)
        said.append(f"{count(over)} over {count(longest)}")
    return ", ".join(said)


def _preview(rows: Any) -> list[PreviewRow]:
    """Rows as `tokens` or as `prompt`, `chosen` and so on, each a list of [text, trained]."""
    found = []
    for row in objects(rows)[:MOST_ROWS]:
        parts = []
        for name, value in row.items():
            pieces = _pieces(value)
            if pieces:
                parts.append(("" if name in ("tokens", "pieces") else label(name), pieces))
        source, where = label(str(row.get("source", ""))), label(setting(row.get("where", "")))
        if parts:
            found.append(PreviewRow(source, shorten(where, 80), tuple(parts), row.get("cut") is True))
    return found


def _pieces(value: Any) -> tuple[tuple[str, bool], ...]:
    """Neighbours with the same fate are joined."""
    if not isinstance(value, list):
        return ()
    pieces: list[tuple[str, bool]] = []
    for piece in value[:MOST_PIECES]:
        if isinstance(piece, dict):
            text, trained = piece.get("text"), piece.get("trained")
        elif isinstance(piece, list) and len(piece) == 2:
            text, trained = piece
        else:
            continue
        text = clean(str(text)[:4000], lines=True)
        if pieces and pieces[-1][1] == bool(trained):
            pieces[-1] = (pieces[-1][0] + text, bool(trained))
        else:
            pieces.append((text, bool(trained)))
    return tuple(pieces)
