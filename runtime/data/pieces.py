"""Tokens as text that a person can read: one piece is one token, or the few that make one character together."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

MOST = 4  # tokens of one character: a byte of UTF-8 each


def pieces(tokenizer: Any, ids: list[int], breaks: Collection[int] = ()) -> list[tuple[str, int]]:
    """Texts and how many tokens each has; joined they are the decoded text. breaks: no piece goes across these places
    (numbers of tokens)."""
    made: list[tuple[str, int]] = []
    before = start = 0  # of the last piece, and of this one
    for stop in range(1, len(ids) + 1):
        text = _added(tokenizer, ids[before:start], ids[before:stop])
        if text.endswith("\ufffd") and stop - start < MOST and stop < len(ids) and stop not in breaks:
            continue
        made.append((text, stop - start))
        before = start if not text.endswith("\ufffd") else stop  # half a character would join what follows
        start = stop
    return made


def _added(tokenizer: Any, known: list[int], ids: list[int]) -> str:
    """What the tokens after `known` add. Decoded alone, some tokenizers' tokens lose the space before them."""
    whole, first = _decode(tokenizer, ids), _decode(tokenizer, known) if known else ""
    return whole[len(first) :] if whole.startswith(first) else _decode(tokenizer, ids[len(known) :])


def _decode(tokenizer: Any, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))
