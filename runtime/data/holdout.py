"""Which rows are kept out of training for the validation loss."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

from smolc.runtime.data.formats import Chat, Example, Text
from smolc.runtime.data.shuffle import permutation
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import Holdout


def key_of(example: Example) -> bytes:
    """Equal for conversations that differ only in case and spaces. Of pairs and judged answers it is the
    prompt's, so that no prompt is on both sides."""
    if isinstance(example, Text):
        content: object = _plain(example.text)
    else:
        messages = example.messages if isinstance(example, Chat) else example.prompt
        content = [(m["role"], _plain(str(m["content"])), m.get("tool_calls")) for m in messages]
    return hashlib.blake2b(json.dumps(content, default=str).encode(), digest_size=16).digest()


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def hold_out(keys: list[list[bytes]], names: list[str], holdout: Holdout, seed: int) -> list[list[bool]]:
    """For each source and row, whether it is kept out; equal keys are on the same side in all sources.


    As many rows as asked for, from each source in proportion to its size; fewer where whole groups of
    equal rows do not fit. Raises JobError if that would be none or all.
    """
    total = sum(len(rows) for rows in keys)
    wanted = holdout.rows if holdout.rows is not None else round((holdout.fraction or 0.0) * total)
    if wanted >= total:
        raise JobError(f"a holdout of {wanted} rows leaves nothing to train on: there are {total} rows")
    held: set[bytes] = set()
    everywhere = Counter(key for rows in keys for key in rows)
    before = 0
    for rows, name in zip(keys, names, strict=True):
        # Rounded from the running total, so that the parts add up to what was asked for.
        upto = before + len(rows)
        quota = round(wanted * upto / total) - round(wanted * before / total)
        before = upto
        quota -= sum(key in held for key in rows)
        for index in permutation(len(rows), seed, "holdout", name).tolist():
            if quota <= 0:
                break
            key = rows[index]
            if key not in held and everywhere[key] <= quota:
                held.add(key)
                quota -= everywhere[key]
    if not held:
        raise JobError(
            f"the holdout of {wanted} of {total} rows is empty",
            help="ask for more rows: a group of identical conversations is held out as a whole or not at all",
        )
    return [[key in held for key in rows] for rows in keys]
