"""Texts to tokens, and from places in a text to tokens.

Byte-level tokenizers write each byte of a text into exactly one token, so that the lengths of the tokens say where
each of them stands, for a whole batch at once. Others tell their offsets one by one, which is slower.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from smolc.runtime.data.words import words_of

Array = np.ndarray[Any, Any]


@dataclass
class Batch:
    """Tokens of several texts. ids: int32, text after text; text n has ids[bounds[n] : bounds[n + 1]].

    ends: for each token the number of units of its text up to its end; units are bytes where `in_bytes` says so of a
    text, else characters. starts: as ends, to the token's start; they differ from the end of the token before where a
    tokenizer leaves out spaces.
    """

    ids: Array
    bounds: Array
    starts: Array
    ends: Array
    in_bytes: list[bool]

    def of(self, n: int) -> Array:
        return self.ids[self.bounds[n] : self.bounds[n + 1]]

    def places(self, n: int, text: str, characters: list[int]) -> tuple[list[int], list[bool]]:
        """For ascending places in text n, the first token that starts there or later, counted from the text's first;
        and whether no token goes across the place."""
        if self.in_bytes[n] and not text.isascii():
            units, at, before = [], 0, 0
            for place in characters:
                at += len(text[before:place].encode())
                before = place
                units.append(at)
            characters = units
        a, b = int(self.bounds[n]), int(self.bounds[n + 1])
        found = np.searchsorted(self.starts[a:b], characters, side="left").tolist()
        clean = [
            token == 0 or int(self.ends[a + token - 1]) <= place
            for token, place in zip(found, characters, strict=True)
        ]
        return found, clean


class Tokenization:
    """tokenizer: a fast one of transformers. sha256: of all that it is made of."""

    def __init__(self, tokenizer: Any) -> None:
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        state = self._backend.to_str()
        self.sha256 = hashlib.sha256(state.encode()).hexdigest()
        described = json.loads(state)
        self._bytes = _bytes_of_tokens(described)
        self._words = words_of(self._backend, described) if self._bytes is not None else None

    def ids(self, texts: list[str], *, special: bool = False) -> list[Array]:
        """special: with what the tokenizer puts around a document."""
        if self._words is not None and not special:
            return self._words.ids(texts)
        encodings = self._backend.encode_batch_fast(texts, add_special_tokens=special)
        return [np.asarray(encoding.ids, dtype=np.int32) for encoding in encodings]

    def batch(self, texts: list[str]) -> Batch:
        if self._bytes is None:
            return _with_offsets(self._backend.encode_batch(texts, add_special_tokens=False))
        parts = self.ids(texts)
        ids, bounds = joined(parts)
        ends = np.cumsum(self._bytes[ids])
        before = np.concatenate([[0], ends])[bounds]
        sizes = [len(text) if text.isascii() else len(text.encode()) for text in texts]
        odd = np.flatnonzero(np.diff(before) != sizes).tolist()
        ends -= np.repeat(before[:-1], np.diff(bounds))
        starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
        starts[bounds[:-1][np.diff(bounds) > 0]] = 0
        batch = Batch(ids, bounds, starts, ends, [True] * len(texts))
        if odd:  # the tokenizer changes the text first (NFC), or leaves spaces out beside special tokens
            slow = _with_offsets(
                self._backend.encode_batch([texts[n] for n in odd], add_special_tokens=False)
            )
            for at, n in enumerate(odd):
                a, b, c, d = bounds[n], bounds[n + 1], slow.bounds[at], slow.bounds[at + 1]
                batch.starts[a:b], batch.ends[a:b] = slow.starts[c:d], slow.ends[c:d]
                batch.in_bytes[n] = False
        return batch


def joined(parts: list[Array]) -> tuple[Array, Array]:
    """Arrays one after another, and their bounds (int64, one more than there are arrays)."""
    bounds = np.zeros(len(parts) + 1, dtype=np.int64)
    np.cumsum([len(part) for part in parts], out=bounds[1:])
    return (np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)), bounds


def _with_offsets(encodings: list[Any]) -> Batch:
    ids, bounds = joined([np.asarray(e.ids, dtype=np.int32) for e in encodings])
    offsets = [np.asarray(e.offsets, dtype=np.int64).reshape(-1, 2) for e in encodings]
    flat = np.concatenate(offsets) if offsets else np.zeros((0, 2), dtype=np.int64)
    return Batch(
        ids,
        bounds,
        np.ascontiguousarray(flat[:, 0]),
        np.ascontiguousarray(flat[:, 1]),
        [False] * len(encodings),
    )


def _bytes_of_tokens(state: dict[str, Any]) -> Array | None:
    """Bytes that each token stands for, by id; None if the tokenizer is not byte-level throughout.

    Tokens that a text cannot hold have any number: where one turns up, the sum is wrong and offsets are used.
    """
    decoder = state.get("decoder") or {}
    decoders = decoder.get("decoders", [decoder])
    vocabulary = state["model"].get("vocab")
    if [d.get("type") for d in decoders] != ["ByteLevel"] or not isinstance(vocabulary, dict):
        return None
    if state["model"].get("byte_fallback"):
        return None
    added = {token["id"]: len(token["content"].encode()) for token in state.get("added_tokens", [])}
    numbers = np.fromiter(vocabulary.values(), dtype=np.int64, count=len(vocabulary))
    lengths = np.zeros(max(int(numbers.max(initial=0)), *added, 0) + 1, dtype=np.int64)
    lengths[numbers] = np.fromiter(map(len, vocabulary), dtype=np.int64, count=len(vocabulary))
    lengths[list(added)] = list(added.values())
    return lengths
