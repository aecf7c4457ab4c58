"""What a finished `prepare` job counted, read from its stats.json. All but the counts may be missing there, or broken."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from smolc.compiler.plan.outputs import Unreadable, read_object

BLOCKS = " ▁▂▃▄▅▆▇█"
MOST_BINS = 64
MOST = 10**15
QUANTILES = ("p50", "p90", "p99", "p100")


@dataclass(frozen=True)
class Lengths:
    """Of the examples, in tokens. `counts[i]` are those over `edges[i]` and up to `edges[i + 1]`.

    quantiles: what half, 90%, 99% and all of them fit into. over: examples longer than the stage's length, which were
    dropped, cut or split.
    """

    quantiles: tuple[int, ...]
    counts: tuple[int, ...]
    edges: tuple[int, ...]
    over: int


@dataclass(frozen=True)
class Source:
    """Its part of the mixture as declared (None: not as a share) and as it came out, and how often it was gone through."""

    name: str
    declared: float | None
    realised: float
    epochs: float | None


@dataclass(frozen=True)
class Prepared:
    """Of a stage's prepared data. rows: examples. bins: rows as trained, packed or not. tokens: those of all rows.

    length: the longest row there may be, also where it was fitted. fill: part of the packed rows that is no padding.
    """

    rows: int
    bins: int
    tokens: int
    length: int | None
    fill: float | None
    lengths: Lengths | None
    sources: tuple[Source, ...]


def prepared(folder: Path, job: str) -> Prepared | None:
    """None if the job left nothing that can be read."""
    try:
        stats = read_object(folder / "out" / job / "stats.json") or {}
    except Unreadable:
        return None
    rows, bins, tokens = (_count(stats.get(key)) for key in ("rows", "bins", "tokens"))
    if not rows or not bins or not tokens:
        return None
    listed = stats.get("sources")
    sources = [s for s in listed if isinstance(s, dict)] if isinstance(listed, list) else []
    over = sum(_count(source.get("overlong")) or 0 for source in sources)
    return Prepared(
        rows,
        bins,
        tokens,
        _count(stats.get("length")) or None,
        _part(stats.get("fill")),
        _lengths(stats.get("lengths"), over),
        tuple(made for source in sources if (made := _source(source)) is not None),
    )


def _lengths(said: Any, over: int) -> Lengths | None:
    if not isinstance(said, dict):
        return None
    quantiles = _counts([said.get(key) for key in QUANTILES])
    counts, edges = _counts(said.get("counts")), _counts(said.get("edges"))
    if len(quantiles) != len(QUANTILES) or not 1 <= len(counts) <= MOST_BINS or len(edges) != len(counts) + 1:
        return None
    if any(a >= b for a, b in pairwise(edges)):
        return None
    return Lengths(quantiles, counts, edges, over)


def _counts(values: Any) -> tuple[int, ...]:
    """Nothing if one of them is no count."""
    found = [_count(value) for value in values] if isinstance(values, list) else []
    return tuple(n for n in found if n is not None) if None not in found else ()


def _source(said: dict[str, Any]) -> Source | None:
    name, realised = said.get("name"), _part(said.get("realised_share"))
    if not isinstance(name, str) or realised is None:
        return None
    return Source(name, _part(said.get("declared_share")), realised, _number(said.get("epochs")))


def _count(value: Any) -> int | None:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST
    return int(value) if good else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < MOST:
        return None
    return float(value)


def _part(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and number <= 1 else None


def bars(lengths: Lengths, length: int | None) -> str:
    """The histogram as one line of blocks, with a bar where the stage's length is. No block is no example."""
    most = max(lengths.counts) or 1
    # The least there is shows: half a percent is seen as one eighth.
    drawn = [BLOCKS[math.ceil(n / most * (len(BLOCKS) - 1))] for n in lengths.counts]
    if length is not None and lengths.edges[0] < length < lengths.edges[-1]:
        within = next(i for i, edge in enumerate(lengths.edges) if edge >= length)
        drawn.insert(within, "|")
    return "".join(drawn)


def as_json(counted: Prepared) -> dict[str, Any]:
    lengths = counted.lengths
    return {
        "rows": counted.rows,
        "bins": counted.bins,
        "tokens": counted.tokens,
        "length": counted.length,
        "fill": counted.fill,
        "lengths": None
        if lengths is None
        else {
            **dict(zip(QUANTILES, lengths.quantiles, strict=True)),
            "counts": list(lengths.counts),
            "edges": list(lengths.edges),
            "over": lengths.over,
        },
        "sources": [
            {"name": s.name, "declared": s.declared, "realised": s.realised, "epochs": s.epochs}
            for s in counted.sources
        ],
    }
