"""Rows that are the same as an earlier one, or nearly: which of them is the first.

Nearly the same: the Jaccard similarity of their five-word shingles, estimated from MinHash signatures (rensa's, made in
the workers), is at least a threshold. A row is compared with the earlier ones that share a band of its signature and are
kept, so that no dropped row stands for another: of A ~ B ~ C with A and C unlike, A and C are kept.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from smolc.runtime.data.formats import Chat, Example, Judged, Message, Pair, Text
from smolc.runtime.data.holdout import caseless, key_of

Array = np.ndarray[Any, Any]

# Scripts that put no spaces between words: each character is a word (Thai and Lao, kana, Han).
_UNSPACED = re.compile(
    r"([\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])"
)

SHINGLE = 5  # words
HASHES = 128  # in a signature: the estimate's standard error is sqrt(J (1 - J) / 128), 0.035 at J = 0.8
FOUND = 0.99  # of pairs at the threshold, at least so many share a band
CANDIDATES = 256  # earlier rows of one band that a row is compared with, the latest ones: bounds the time

ROWS = 4096  # hashed at once

_MULTIPLIERS = np.random.default_rng(20).integers(1, 2**63, HASHES, dtype=np.uint64) * np.uint64(
    2
) + np.uint64(1)


def folded(text: str) -> str:
    """In one case and one form of each character (NFKC), with one space between words."""
    return " ".join(_UNSPACED.sub(r" \1 ", caseless(text)).split())


def words(text: str) -> list[bytes]:
    """In one case and form; punctuation stays where it is."""
    return (text.lower() if text.isascii() else folded(text)).encode("utf-8", "surrogatepass").split()


def key(example: Example) -> bytes:
    """16 bytes, equal for rows that differ only in case, spaces and forms of the same character. Unlike
    `holdout.key_of`, which tells prompts apart, this tells all of a row apart: its answers and its label, too."""
    if isinstance(example, Text | Chat):
        return key_of(example)
    parts = [_key(example.prompt)]
    if isinstance(example, Pair):
        parts += [_key(example.chosen), _key(example.rejected)]
    else:
        parts += [_key(example.completion), b"good" if example.label else b"bad"]
    return hashlib.blake2b(b"".join(parts), digest_size=16).digest()


def _key(messages: list[Message]) -> bytes:
    return key_of(Chat(messages, 0, None, {}))


def text_of(example: Example) -> str:
    """All that is said in a row: a document; a conversation; a prompt and its answers. Roles are not told."""
    if isinstance(example, Text):
        return example.text
    if isinstance(example, Chat):
        return _said(example.messages)
    if isinstance(example, Pair):
        return _said([*example.prompt, *example.chosen, *example.rejected])
    return _said([*example.prompt, *example.completion])


def _said(messages: list[Message]) -> str:
    parts = []
    for message in messages:
        parts.append(message["content"])
        if "tool_calls" in message:
            parts.append(json.dumps(message["tool_calls"], sort_keys=True, default=str))
    return "\n".join(parts)


def signature_of(example: Example) -> Array:
    """MinHash of a row, HASHES numbers of uint16 (the low halves of the library's: a quarter of a kilobyte a row).

    A good and a bad answer to one prompt are never nearly the same.
    """
    apart = b"bad " if isinstance(example, Judged) and not example.label else b""
    return signature(text_of(example), apart)


def signature(text: str, apart: bytes = b"") -> Array:
    """As signature_of. Of fewer than five words, the text as a whole is the only shingle.

    apart: texts with another one share nothing.
    """
    import rensa

    said = words(text)
    parts = [apart + b" ".join(shingle) for shingle in zip(*(said[k:] for k in range(SHINGLE)), strict=False)]
    made = rensa.RMinHash(num_perm=HASHES, seed=1)
    made.update(parts or [apart + b" ".join(said)])
    return np.array(made.digest(), dtype=np.uint32).astype(np.uint16)


def exact(keys: Array) -> Array:
    """For each row the first one with the same key: (rows, 16) of uint8 to int64; a first row has its own number."""
    halves = np.ascontiguousarray(keys).view(np.uint64)
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    ordered = halves[order]
    return _firsts(order, (ordered[1:] == ordered[:-1]).all(axis=1))


def _firsts(order: Array, same: Array) -> Array:
    """order: rows, equal ones beside one another and ascending; same: whether each but the first is as the one
    before it."""
    first = np.empty(len(order), dtype=np.int64)
    if len(order):
        starts = np.flatnonzero(np.concatenate([[True], ~same]))
        lengths = np.diff(np.append(starts, len(order)))
        first[order] = np.repeat(order[starts], lengths)
    return first


def near(signatures: Sequence[Array], threshold: float) -> Array:
    """For each row a kept earlier one that it is nearly the same as, the first found; its own number if it is kept.

    signatures: blocks of (rows, HASHES), one after the other, which may be mapped files; one at a time is read. Memory
    beside them: about 4 bytes for each row and band (84 MB for a million rows at 0.8). Returns int64.
    """
    blocks = _Blocks(signatures)
    whole = blocks.hashes(0, HASHES)
    order = np.argsort(whole, kind="stable")
    first_of = _firsts(order, whole[order[1:]] == whole[order[:-1]])
    # Equal signatures are all as their first row is: only those are compared.
    distinct = np.flatnonzero(first_of == np.arange(len(first_of)))
    bands, width = bands_for(threshold)
    table, count = _buckets(blocks, distinct, bands, width)
    head = np.full(count, -1, dtype=np.int32)
    stands_for = np.arange(len(distinct))
    for row in np.flatnonzero((table >= 0).any(axis=1)).tolist():
        mine = table[row].tolist()
        candidates = {
            c for band, bucket in enumerate(mine) if bucket >= 0 for c in _earlier(head, table, band, bucket)
        }
        if candidates:
            compared = np.array(sorted(candidates))
            equal = blocks.take(distinct[compared]) == blocks.take(distinct[row : row + 1])
            alike = equal.sum(axis=1) >= threshold * HASHES
            if alike.any():
                stands_for[row] = compared[alike.argmax()]
                continue
        # The row is kept. Its cell of a band is not needed any more: it now says which row came before in the bucket.
        for band, bucket in enumerate(mine):
            if bucket >= 0:
                table[row, band] = head[bucket]
                head[bucket] = row
    result = distinct[stands_for]
    first_of[distinct] = result
    return first_of[first_of]


def _earlier(head: Array, table: Array, band: int, bucket: int) -> list[int]:
    found: list[int] = []
    row = int(head[bucket])
    while row >= 0 and len(found) < CANDIDATES:
        found.append(row)
        row = int(table[row, band])
    return found


def bands_for(threshold: float) -> tuple[int, int]:
    """How many bands, of how many hashes: the widest of which FOUND of the pairs at the threshold share one."""
    for width in range(HASHES, 1, -1):
        bands = HASHES // width
        if 1 - (1 - threshold**width) ** bands >= FOUND:
            return bands, width
    return HASHES, 1


def _buckets(blocks: _Blocks, distinct: Array, bands: int, width: int) -> tuple[Array, int]:
    """(distinct rows, bands) of int32: the number of the bucket a row is in, -1 where it is alone; and how many
    buckets there are."""
    table = np.full((len(distinct), bands), -1, dtype=np.int32)
    count = 0
    for band in range(bands):
        hashes = blocks.hashes(band * width, (band + 1) * width)[distinct]
        order = np.argsort(hashes, kind="stable")
        same = hashes[order[1:]] == hashes[order[:-1]]
        shared = np.zeros(len(order), dtype=bool)
        shared[1:] |= same
        shared[:-1] |= same
        opens = np.ones(len(order), dtype=bool)
        opens[1:] = ~same
        numbers = np.cumsum((opens & shared)[shared]) - 1
        table[order[shared], band] = numbers + count
        count += int(numbers[-1]) + 1 if len(numbers) else 0
    return table, count


class _Blocks:
    def __init__(self, blocks: Sequence[Array]) -> None:
        self.blocks = [block for block in blocks if len(block)]
        self.starts = np.cumsum([0, *map(len, self.blocks)])

    def hashes(self, start: int, end: int) -> Array:
        """Of some columns of all rows: uint64."""
        made = np.zeros(self.starts[-1], dtype=np.uint64)
        for block, first in zip(self.blocks, self.starts.tolist(), strict=False):
            # Few rows at once: they are widened to 64 bits.
            for at in range(0, len(block), ROWS):
                part = block[at : at + ROWS, start:end]
                made[first + at : first + at + len(part)] = part @ _MULTIPLIERS[start:end]
        return made

    def take(self, rows: Array) -> Array:
        of = np.searchsorted(self.starts, rows, side="right") - 1
        at = rows - self.starts[of]
        return np.stack([self.blocks[b][i] for b, i in zip(of.tolist(), at.tolist(), strict=True)])
