"""`dropped.jsonl`: each row that was left out for what it is, and why.

Rows that are not as their format says are shown, not all of them: the first few of each chunk.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from smolc.runtime.data.judgements import place_of
from smolc.runtime.data.rows import LISTED
from smolc.runtime.data.select import Selection
from smolc.runtime.data.store import Tokens
from smolc.runtime.data.tokens import Array
from smolc.runtime.jobs.files import write_atomically


def write_dropped(path: Path, sources: list[Tokens], selection: Selection, decontaminated: bool) -> int:
    """Lines of `{"source", "row", "why", ...}`, at most LISTED. Returns how many; without any there is no file."""
    lines = list(islice(_each(sources, selection, decontaminated), LISTED))
    if lines:
        write_atomically(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    else:
        path.unlink(missing_ok=True)
    return len(lines)


def _each(sources: list[Tokens], selection: Selection, decontaminated: bool) -> Iterator[dict[str, Any]]:
    for source in sources:
        for part in source.parts:
            for shown in part.about["bad_shown"]:
                row, _, what = shown.partition(": ")
                yield {"source": source.name, "row": row, "why": "bad row", "what": what}
    if decontaminated:
        for source in sources:
            for row, name, place, words in source.hits():
                yield {
                    "source": source.name, "row": source.place(row), "why": "an eval has the same words",
                    "eval": name, "problem": place, "words": words,
                }  # fmt: skip
    yield from _others(sources, selection.contrary, "the same answers are judged the other way")
    if selection.first_of is not None:
        yield from _others(sources, selection.first_of, "a duplicate")


def _others(sources: list[Tokens], other: Array, why: str) -> Iterator[dict[str, Any]]:
    """other: for each row of all sources the one because of which it is left out, or -1."""
    for number in np.flatnonzero(other >= 0).tolist():
        (source, row), (of_source, of) = place_of(sources, number), place_of(sources, int(other[number]))
        yield {"source": source, "row": row, "why": why, "of": of, "of_source": of_source}
