"""Which rows are trained on: without duplicates, without what the evals ask, without those held out for validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from smolc.runtime.data import dedup
from smolc.runtime.data.decontaminate import Hit, Index, report
from smolc.runtime.data.holdout import groups_of, hold_out
from smolc.runtime.data.judgements import contrary_of, drop_contrary
from smolc.runtime.data.store import Tokens
from smolc.runtime.data.tokens import Array
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import PrepareJob


@dataclass
class Selection:
    """For each source: numbers of the rows to train on and of those held out (ascending), and how many were left out,
    and why. contamination: what the report says of hits. first_of: where duplicates are left out, for each row of all
    sources together the one that it repeats, or -1; contrary: the one that says the opposite of the same answers."""

    train: list[Array]
    held: list[Array]
    repeats: list[int]
    duplicates: list[int]
    contaminated: list[int]
    contradicted: list[int]
    contamination: dict[str, Any] | None
    first_of: Array | None
    contrary: Array


def select(
    sources: list[Tokens], limits: list[int | None], index: Index | None, job: PrepareJob
) -> Selection:
    """limits: only the first so many rows of a source, or all. Raises JobError for hits, and for answers that are judged
    both ways, where the recipe says that there may be none."""
    names = [source.name for source in sources]
    keep = [np.ones(len(source), dtype=bool) for source in sources]
    for kept, limit in zip(keep, limits, strict=True):
        if limit is not None:
            kept[limit:] = False
    contamination, contaminated = None, [0] * len(sources)
    if job.decontaminate is not None and index is not None:
        contamination, hit = _hits(sources, index)
        contaminated = [int((kept & rows).sum()) for kept, rows in zip(keep, hit, strict=True)]
        if any(contaminated) and job.decontaminate.action == "error":
            raise JobError(
                f"{sum(contaminated)} rows share {job.decontaminate.ngram} words in a row with what the evals ask or "
                f"expect\n  " + "\n  ".join(_examples(contamination)),
                help="take those rows out, or say decontaminate = ngram(..., action = drop)",
            )
        for kept, rows in zip(keep, hit, strict=True):
            kept &= ~rows
    contrary = contrary_of(sources, keep)
    contradicted = drop_contrary(sources, list(job.sources), keep, contrary)
    first_of = _first_of(sources, keep, job)
    first = np.split(first_of < 0, np.cumsum([len(k) for k in keep])[:-1])
    repeats = [int((kept & ~rows).sum()) for kept, rows in zip(keep, first, strict=True)]
    duplicates = [0] * len(sources)
    if job.dedup is not None:
        duplicates = repeats
        keep = [kept & rows for kept, rows in zip(keep, first, strict=True)]
    train = [np.flatnonzero(kept) for kept in keep]
    held = [np.zeros(0, dtype=np.int64) for _ in sources]
    if job.held_source is not None:
        beside = names.index(job.held_source)
        train[beside], held[beside] = held[beside], train[beside]
    elif job.holdout is not None:
        groups = groups_of([source.keys for source in sources])
        out = hold_out([g[rows] for g, rows in zip(groups, train, strict=True)], names, job.holdout, job.seed)
        held = [rows[o] for rows, o in zip(train, out, strict=True)]
        train = [rows[~o] for rows, o in zip(train, out, strict=True)]
    repeated = first_of if job.dedup is not None else None
    return Selection(
        train, held, repeats, duplicates, contaminated, contradicted, contamination, repeated, contrary
    )


def _first_of(sources: list[Tokens], keep: list[Array], job: PrepareJob) -> Array:
    """For each row of all sources the first of those that are the same, -1 if that is itself; rows that are out anyhow
    are not looked at."""
    kept = np.concatenate(keep)
    numbers = np.flatnonzero(kept)
    if job.dedup is not None and job.dedup.type == "near":
        assert job.dedup.threshold is not None
        blocks = [block for source in sources for block in source.signatures]
        cuts = np.split(kept, np.cumsum([len(block) for block in blocks])[:-1])
        # A block that is used whole stays mapped; only of others a copy is made.
        used = [b if rows.all() else b[rows] for b, rows in zip(blocks, cuts, strict=True)]
        first_of = dedup.near(used, job.dedup.threshold)
    else:
        first_of = dedup.exact(np.concatenate([source.row_keys for source in sources])[numbers])
    first = np.full(len(kept), -1, dtype=np.int64)
    again = first_of != np.arange(len(numbers))
    first[numbers[again]] = numbers[first_of[again]]
    return first


def _hits(sources: list[Tokens], index: Index) -> tuple[dict[str, Any], list[Array]]:
    """What is told of the hits, and for each source whether a row has one."""
    hit = [np.zeros(len(source), dtype=bool) for source in sources]

    def each() -> Iterator[tuple[str, Hit]]:
        for source, rows in zip(sources, hit, strict=True):
            for row, *found in source.hits():
                rows[row] = True
                yield source.place(row), Hit(*found)

    return report(index, each()), hit


def _examples(contamination: dict[str, Any]) -> list[str]:
    shown = []
    for name, about in contamination["evals"].items():
        for hit in about["shown"][:3]:
            shown.append(f"{hit['row']} and {name} ({hit['eval']}): {hit['words']!r}")
    return shown[:5]
