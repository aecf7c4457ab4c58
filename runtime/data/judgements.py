"""What is said of the same answers in two rows: a pair whose sides are chosen the other way round, an answer that is good in
one row and bad in another. Neither of the two can be learnt from."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from smolc.runtime.data.formats import Judged, Message, Pair
from smolc.runtime.data.store import Tokens
from smolc.runtime.data.tokens import Array
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import SourceSpec

SHOWN = 5


def judged_key(example: Pair | Judged) -> tuple[bytes, int]:
    """16 bytes, equal for the same prompt and answers, to the letter; and how they are judged, 0 or 1."""
    prompt = _exact(example.prompt)
    if isinstance(example, Judged):
        return _short(prompt + _exact(example.completion)), int(example.label)
    chosen, rejected = _exact(example.chosen), _exact(example.rejected)
    return _short(prompt + min(chosen, rejected) + max(chosen, rejected)), int(chosen > rejected)


def _exact(messages: list[Message]) -> bytes:
    said = [[m["role"], m["content"], m.get("tool_calls")] for m in messages]
    return _short(json.dumps(said, sort_keys=True, default=str).encode())


def _short(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def contrary_of(sources: list[Tokens], keep: list[Array]) -> Array:
    """For each row of all sources the first that says the opposite, -1 if none does. keep: whether a row counts."""
    kept = np.concatenate(keep)
    found = np.full(len(kept), -1, dtype=np.int64)
    numbers = np.flatnonzero(kept)
    if not len(numbers) or not any(source.answered for source in sources):
        return found
    keys = np.ascontiguousarray(np.concatenate([s.judged_keys for s in sources])[numbers])
    _, group = np.unique(keys.view("V16").reshape(-1), return_inverse=True)
    judged = np.concatenate([s.judged for s in sources])[numbers]
    # Of each group the first row that is judged so and the first that is judged otherwise.
    first = np.full((2, int(group.max()) + 1), -1, dtype=np.int64)
    for way in (0, 1):
        mine = np.flatnonzero(judged == way)[::-1]
        first[way, group[mine]] = numbers[mine]
    found[numbers] = first[1 - judged, group]
    return found


def drop_contrary(
    sources: list[Tokens], specs: list[SourceSpec], keep: list[Array], contrary: Array
) -> list[int]:
    """Takes such rows out of `keep`, as far as the recipe lets bad rows go. Returns how many of each source. Raises
    JobError."""
    parts = np.split(contrary, np.cumsum([len(rows) for rows in keep])[:-1])
    dropped = []
    for source, spec, kept, said in zip(sources, specs, keep, parts, strict=True):
        rows = np.flatnonzero(kept & (said >= 0))
        allowed = spec.bad_rows * source.total("read")
        if len(rows) and source.total("bad") + len(rows) > allowed:
            raise _refused(sources, source, spec, rows, said)
        dropped.append(len(rows))
    for kept, said in zip(keep, parts, strict=True):
        kept &= said < 0
    return dropped


def _refused(
    sources: list[Tokens], source: Tokens, spec: SourceSpec, rows: Array, contrary: Array
) -> JobError:
    noun = "row" if len(rows) == 1 else "rows"
    lines = [
        f"{source.name}: in {len(rows):,} {noun} the same answers are judged the other way than in others",
        *(f"{source.place(n)} and {place_of(sources, int(contrary[n]))[1]}" for n in rows[:SHOWN].tolist()),
    ]
    if len(rows) > SHOWN:
        lines.append(f"... and {len(rows) - SHOWN:,} more")
    allowed = (
        f"; at most {spec.bad_rows:.2%} bad rows may be dropped ({spec.tolerance})" if spec.bad_rows else ""
    )
    return JobError(
        "\n  ".join(lines),
        help="decide which of them is right"
        + (allowed or f", or say {spec.tolerance} = drop(at_most = ...): both then go"),
    )


def place_of(sources: list[Tokens], number: int) -> tuple[str, str]:
    """Source, and place in it, of a row of all sources together."""
    bounds = np.cumsum([0, *map(len, sources)])
    source = int(np.searchsorted(bounds, number, side="right")) - 1
    return sources[source].name, sources[source].place(number - int(bounds[source]))


def both_kinds(sources: list[Tokens], source: Array, row: Array, held: int) -> str:
    """How many of some rows, given by source and number, are good answers and how many bad ones. held: rows that were held
    out before. Raises JobError if all are one."""
    labels = [s.labels for s in sources]
    good = sum(int(labels[n][row[source == n]].sum()) for n in range(len(sources)))
    bad = len(row) - good
    if not good or not bad:
        one, other = ("good", "bad") if good else ("bad", "good")
        raise JobError(
            f"all {len(row):,} answers are {one} ones, and kto learns to tell good from bad",
            help=f"add rows with {other} answers, or look at the column that `label` names"
            + ("; good answers alone are what sft learns from" if good else "")
            + (f"; {held:,} rows are held out of training, and may be those" if held else ""),
        )
    return f"{good:,} good and {bad:,} bad answers"
