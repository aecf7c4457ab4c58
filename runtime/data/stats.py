"""What the report says about the data."""

from __future__ import annotations

from typing import Any

import numpy as np

from smolc.runtime.data.encode import Answered, Encoded

Item = Encoded | Answered
PREVIEW_ROWS = 4
PREVIEW_TOKENS = 400


def tokens_of(item: Item) -> int:
    """Tokens that the model reads for a row; a prompt counts once for each of its answers."""
    if isinstance(item, Encoded):
        return len(item.ids)
    return sum(len(item.prompt) + len(answer) for answer in item.answers)


def trained_of(item: Item) -> int:
    if isinstance(item, Encoded):
        return int(item.trained.sum())
    return sum(len(answer) for answer in item.answers)


def longest_of(item: Item) -> int:
    """Length of the row's longest sequence."""
    if isinstance(item, Encoded):
        return len(item.ids)
    return len(item.prompt) + max(len(answer) for answer in item.answers)


def length_summary(lengths: list[int]) -> dict[str, Any]:
    """Quantiles, and a histogram of 24 bins: `edges` has one more entry than `counts`."""
    values = np.asarray(lengths)
    counts, edges = np.histogram(values, bins=24, range=(0, max(int(values.max()), 24)))
    quantiles = {f"p{q}": int(np.percentile(values, q, method="higher")) for q in (50, 90, 99, 100)}
    return {**quantiles, "counts": counts.tolist(), "edges": [round(float(e), 2) for e in edges]}


def preview(tokenizer: Any, rows: list[tuple[str, str, Item]]) -> list[dict[str, Any]]:
    """Rows as `[text, trained]` pieces; a piece is one token, or the few that make one character together."""
    shown = []
    for source, where, item in rows:
        if isinstance(item, Encoded):
            parts = {"tokens": (item.ids, item.trained)}
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


def _pieces(tokenizer: Any, ids: list[int], trained: list[bool]) -> list[list[Any]]:
    pieces: list[list[Any]] = []
    start = 0
    for stop in range(1, len(ids) + 1):
        text = tokenizer.decode(
            ids[start:stop], skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        if text.endswith("\ufffd") and stop - start < 4 and stop < len(ids):
            continue
        pieces.append([text, bool(trained[stop - 1])])
        start = stop
    return pieces
