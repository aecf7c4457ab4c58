"""Which rows are kept out of training for the validation loss."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import Any

import numpy as np

from smolc.runtime.data.formats import Chat, Example, Text
from smolc.runtime.data.shuffle import permutation
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import Holdout

Array = np.ndarray[Any, Any]

# UTF-8's ASCII in one pass: lower case, and what `str.split` takes for space as a space.
_ASCII = bytes(i if i > 127 else 32 if chr(i).isspace() else ord(chr(i).lower()) for i in range(256))
_SPACES = "\x85\u1680\u2028\u2029"  # the others are ASCII, or NFKC makes them so


def key_of(example: Example) -> bytes:
    """16 bytes, equal for conversations that differ only in case, spaces and forms of the same character (NFKC). Of
    pairs and judged answers it is the prompt's, so that no prompt is on both sides."""
    if isinstance(example, Text):
        return hashlib.blake2b(_plain(example.text), digest_size=16).digest()
    parts = []
    for message in example.messages if isinstance(example, Chat) else example.prompt:
        # The separators are spaces, which no plain text has: other conversations are never the same bytes.
        parts += [b"\x1e", message["role"].encode(), b"\x1f", _plain(message["content"])]
        if "tool_calls" in message:
            calls = json.dumps(message["tool_calls"], sort_keys=True, default=str)
            parts += [b"\x1d", calls.encode()]
    return hashlib.blake2b(b"".join(parts), digest_size=16).digest()


def caseless(text: str) -> str:
    """In one case and one form of each character (NFKC)."""
    # Once more after folding, which may leave what NFKC composes.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _plain(text: str) -> bytes:
    if not text.isascii():
        text = caseless(text)
        for space in _SPACES:
            text = text.replace(space, " ")
    plain = text.encode("utf-8", "surrogatepass").translate(_ASCII)
    while b"  " in plain:
        plain = plain.replace(b"  ", b" ")
    return plain.strip(b" ")


def groups_of(keys: list[Array]) -> list[Array]:
    """Keys of each source's rows (rows, 16; uint8) as numbers: equal ones for equal keys, in all sources."""
    whole = np.concatenate(keys)
    _, numbers = np.unique(np.ascontiguousarray(whole).view("V16").reshape(-1), return_inverse=True)
    return np.split(numbers, np.cumsum([len(rows) for rows in keys])[:-1])


def hold_out(groups: list[Array], names: list[str], holdout: Holdout, seed: int) -> list[Array]:
    """For each source and row, whether it is kept out; rows of one group are on the same side in all sources.

    As many rows as asked for, from each source in proportion to its size; fewer where whole groups of
    equal rows do not fit. Raises JobError if that would be none or all.
    """
    total = sum(len(rows) for rows in groups)
    wanted = holdout.rows if holdout.rows is not None else round((holdout.fraction or 0.0) * total)
    if wanted >= total:
        raise JobError(f"a holdout of {wanted} rows leaves nothing to train on: there are {total} rows")
    sizes = np.bincount(np.concatenate(groups))
    held = np.zeros(len(sizes), dtype=bool)
    before = 0
    for rows, name in zip(groups, names, strict=True):
        # Rounded from the running total, so that the parts add up to what was asked for.
        upto = before + len(rows)
        quota = round(wanted * upto / total) - round(wanted * before / total)
        before = upto
        quota -= int(held[rows].sum())
        for group in rows[permutation(len(rows), seed, "holdout", name)].tolist():
            if quota <= 0:
                break
            if not held[group] and sizes[group] <= quota:
                held[group] = True
                quota -= int(sizes[group])
    if not held.any():
        raise JobError(
            f"the holdout of {wanted} of {total} rows is empty",
            help="ask for more rows: a group of identical conversations is held out as a whole or not at all",
        )
    return [held[rows] for rows in groups]
