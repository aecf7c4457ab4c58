"""What the report says about the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from smolc.runtime.data.encode import Answered, Encoded
from smolc.runtime.data.pieces import pieces

Item = Encoded | Answered
PREVIEW_ROWS = 4
PREVIEW_TOKENS = 400


def length_summary(lengths: ArrayLike) -> dict[str, Any]:
    """p50, p90, p99, p100, and a histogram. lengths: tokens a row, all at least 1, and at least one row.

    `counts[i]` are the rows longer than `edges[i]` (the first: at least as long) and no longer than `edges[i + 1]`. Edges
    are powers of two and steps of one ratio between them, a dozen or more: lengths spread over ratios.
    """
    values = np.asarray(lengths, dtype=np.int64)
    quantiles = np.percentile(values, (50, 90, 99, 100), method="higher")
    edges = _edges(int(values.min()), int(values.max()))
    place = np.searchsorted(edges, values, side="left") - 1
    counts = np.bincount(place.clip(min=0), minlength=len(edges) - 1)
    named = {f"p{q}": int(n) for q, n in zip((50, 90, 99, 100), quantiles, strict=True)}
    return {**named, "counts": counts.tolist(), "edges": edges}


def _edges(low: int, high: int) -> list[int]:
    """Ascending; from the last edge within `low` to the first beyond or at `high`."""
    every: list[int] = []
    for parts in (2, 4, 8, 16):
        octaves = range(low.bit_length() - 1, high.bit_length())
        every = sorted({round(2 ** (n + i / parts)) for n in octaves for i in range(parts + 1)})
        first = max(i for i, edge in enumerate(every) if edge <= low)
        last = next(i for i, edge in enumerate(every) if edge >= high and i > first)
        every = every[first : last + 1]
        if len(every) > 12:
            break
    return every


def preview(tokenizer: Any, rows: list[tuple[str, str, Item]]) -> list[dict[str, Any]]:
    """Rows as `[text, trained]` pieces; a piece is one token, or the few that make one character together."""
    shown = []
    for source, where, item in rows:
        if isinstance(item, Encoded):
            parts = {"tokens": (item.ids, item.mask())}
        else:
            names = ["chosen", "rejected"] if len(item.answers) == 2 else ["completion"]
            parts = {"prompt": (item.prompt, np.zeros(len(item.prompt), dtype=bool))}
            for name, answer in zip(names, item.answers, strict=True):
                parts[name] = (answer, np.ones(len(answer), dtype=bool))
        entry: dict[str, Any] = {"source": source, "where": where}
        for name, (ids, trained) in parts.items():
            entry[name] = _pieces(tokenizer, ids[:PREVIEW_TOKENS].tolist(), trained.tolist())
        entry["cut"] = any(len(ids) > PREVIEW_TOKENS for ids, _ in parts.values())
        shown.append(entry)
    return shown


def texts_of(shown: list[dict[str, Any]]) -> list[str]:
    """Of what `preview` made, each sequence as text."""
    parts = [part for entry in shown for part in entry.values() if isinstance(part, list)]
    return ["".join(text for text, _ in part) for part in parts]


def _pieces(tokenizer: Any, ids: list[int], trained: list[bool]) -> list[list[Any]]:
    made: list[list[Any]] = []
    at = 0
    for text, tokens in pieces(tokenizer, ids):
        at += tokens
        made.append([text, trained[at - 1]])
    return made
