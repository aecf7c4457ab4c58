"""Tokens of words that were seen before.

A byte-level tokenizer cuts a text into words by a regular expression, and then each word into tokens, whatever stands
beside it. A text has few different words. So texts are cut here: before spaces first, where the expression cuts in any
case, which is tried out before; parts that are new by the tokenizer's own expression; and only words that are new go
through the library. On chats that takes a third of the time. What the two might cut differently goes through the
library whole, and some of the texts are compared.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import chain, product
from typing import Any

import numpy as np
import regex

from smolc.runtime.jobs.errors import JobError

Array = np.ndarray[Any, Any]

# What `tokenizers` calls ByteLevel with `use_regex`: GPT-2's.
_GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# White space to one engine only, letters that fold to ASCII's, and scripts that are not in all versions of Unicode.
_ODD = re.compile(
    "[\x1c-\x1f\x85\u0130\u0131\u017f\u180e\u212a\u0870-\u08ff\u0c5d\u0cdd\u1ae0-\u1aff\u1c80-\u1c8f\u2c2f\u2c5f"
    "\ua7c0-\ua7ff\U00010000-\U0001efff\U0001fbf0-\U000e0fff]"
)
# A space between two words. Python's white space is Unicode's and some more: what is none here is none anywhere.
_SPACE = re.compile(r"(?<=\S)(?= \S)")
_NONE: list[str] = []
_RUNS = ("  ", "\n ", " \n", "\t", "\r", "\v", "\f", "\0")
# fmt: off
_LEFT = (
    "a", "Z", "don't", "I'll", "é", "я", "字", "5", "123", "1234", ".", "...",
    '"', "'", "_", "(", "\u0301", "🙂", "\u200b", "\n\na", "\t.",
)
_RIGHT = (*_LEFT[:-2], "'s", "'RE", "-x", "$5", ",a", "a\n\n", "5\t")
# fmt: on
WORDS = 200_000  # remembered, of parts and of words; about 40 MB each
LONGEST = 48  # characters; longer ones hardly come again
CHECKED_FIRST, CHECKED_EACH = 16, 256  # texts that are compared with the library


class Words:
    """backend: a tokenizers.Tokenizer; cuts: expressions that are applied one after the other; composed: whether texts
    are brought to NFC; special: ids of added tokens, which are found before all else."""

    def __init__(self, backend: Any, cuts: list[str], composed: bool, special: dict[str, int]) -> None:
        self._backend = backend
        self._cut, *self._cuts = (regex.compile(cut).findall for cut in cuts)
        self._composed = composed
        self._special = {text: _ids([number]) for text, number in special.items()}
        either = "|".join(map(re.escape, sorted(special, key=len, reverse=True)))  # the longest first
        self._marks = re.compile(f"({either})") if special else re.compile("(?!)")
        self._firsts = {text[0] for text in special}
        self._model = backend.model
        self._words = dict(self._special)
        self._parts: dict[str, bytes] = {}
        self._texts = 0

    @property
    def fits(self) -> bool:
        """Whether the expressions cut before a space between two words, whatever these are, and lose nothing."""
        if any(" " in text for text in self._special):
            return False
        for left, right in product(_LEFT, _RIGHT):
            for text in (f"{left} {right}", f"x {left} {right} y"):
                words = self._words_of(text)
                if words != [word for part in _SPACE.split(text) for word in self._words_of(part)]:
                    return False
                if "".join(words) != text:
                    return False
        return True

    def ids(self, texts: list[str]) -> list[Array]:
        """As `encode_batch` with nothing put around the texts: int32, read-only. Raises JobError should they differ."""
        if len(self._parts) > WORDS:
            self._parts.clear()
        if len(self._words) > WORDS:
            self._words = dict(self._special)
        cut = [None if self._is_odd(text) else _parts_of(text) for text in texts]
        long = self._learn(cut)
        lookup = self._parts.__getitem__
        made = [
            np.frombuffer(b"".join(map(lookup, parts)), dtype=np.int32)
            if parts is not None
            else self._slowly(text)
            for parts, text in zip(cut, texts, strict=True)
        ]
        for part in long:
            del self._parts[part]
        self._check(texts, made)
        return made

    def _learn(self, cut: list[list[str] | None]) -> list[str]:
        """The tokens of all parts. Returns those that are too long to be remembered."""
        known, words = self._parts, self._words
        new = {part: _NONE for parts in cut if parts is not None for part in parts if part not in known}
        for part in new:
            new[part] = self._words_of(part)
        for word in set(chain.from_iterable(new.values())) - words.keys():
            spelled = word.encode().decode("latin-1").translate(_SPELLED)
            words[word] = _ids([token.id for token in self._model.tokenize(spelled)])
        for part, of in new.items():
            known[part] = words[of[0]] if len(of) == 1 else b"".join(map(words.__getitem__, of))
        long = [part for part in new if len(part) > LONGEST]
        for part in long:
            for word in new[part]:
                if len(word) > LONGEST and word not in self._special:
                    words.pop(word, None)
        return long

    def _words_of(self, part: str) -> list[str]:
        for first in self._firsts:
            if first in part:
                break
        else:
            return self._cut(part) if not self._cuts else self._plain(part)
        words: list[str] = []
        for piece in self._marks.split(part):
            words += [piece] if piece in self._special else self._plain(piece)
        return words

    def _plain(self, text: str) -> list[str]:
        words: list[str] = self._cut(text)
        for cut in self._cuts:
            words = [shorter for word in words for shorter in cut(word)]
        return words

    def _is_odd(self, text: str) -> bool:
        if _ODD.search(text):
            return True
        return self._composed and not text.isascii() and not unicodedata.is_normalized("NFC", text)

    def _slowly(self, text: str) -> Array:
        return np.asarray(self._backend.encode(text, add_special_tokens=False).ids, dtype=np.int32)

    def _check(self, texts: list[str], made: list[Array]) -> None:
        for text, ids in zip(texts, made, strict=True):
            self._texts += 1
            if self._texts > CHECKED_FIRST and self._texts % CHECKED_EACH:
                continue
            if not np.array_equal(self._slowly(text), ids):
                raise JobError(
                    f"word by word the tokenizer makes other tokens than of a whole text, which begins {text[:60]!r}",
                    help="this is a mistake of smolc's: please report it with the name of the model",
                )


def _parts_of(text: str) -> list[str]:
    """As `_SPACE` splits, which takes twice the time; it need not be looked at what else is beside the spaces if the
    text has no other white space than single spaces and lines."""
    if not text.isascii() or text.endswith(" ") or any(run in text for run in _RUNS):
        return _SPACE.split(text)
    return text.replace(" ", "\0 ").split("\0")


def words_of(backend: Any, state: dict[str, Any]) -> Words | None:
    """None for a tokenizer that does not cut words in a way that is known here. state: of its tokenizer.json."""
    normalizer = state.get("normalizer")
    splitter = state.get("pre_tokenizer") or {}
    steps = splitter.get("pretokenizers", [splitter])
    added = state.get("added_tokens", [])
    cuts = [_cut_of(step) for step in steps]
    if (
        state["model"].get("type") != "BPE"
        or (normalizer is not None and normalizer.get("type") != "NFC")
        or None in cuts
        or not any(cuts)
        or any(token["lstrip"] or token["rstrip"] or token["single_word"] for token in added)
        or any(token["normalized"] and not token["content"].isascii() for token in added)
    ):
        return None
    used = [cut for cut in cuts if cut]
    words = Words(backend, used, normalizer is not None, {token["content"]: token["id"] for token in added})
    return words if words.fits else None


def _cut_of(step: dict[str, Any]) -> str | None:
    """The expression whose matches a step parts; "" if it parts nothing, None if that is not known."""
    kind = step.get("type")
    if kind == "ByteLevel" and not step.get("add_prefix_space"):
        return _GPT2 if step.get("use_regex", True) else ""
    if kind == "Digits":
        return r"\p{N}|[^\p{N}]+" if step.get("individual_digits") else r"\p{N}+|[^\p{N}]+"
    if kind == "Split" and step.get("behavior") == "Isolated" and not step.get("invert"):
        pattern = step.get("pattern", {}).get("Regex")
        try:
            return pattern if pattern and regex.compile(pattern).groups == 0 else None
        except regex.error:
            return None
    return None


def _spelling() -> dict[int, str]:
    """How byte-level models write bytes: those that can be seen as they are, the others from U+0100 on."""
    seen = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = (byte for byte in range(256) if byte not in seen)
    return {byte: chr(byte) for byte in seen} | {byte: chr(256 + n) for n, byte in enumerate(others)}


_SPELLED = _spelling()


def _ids(ids: list[int]) -> bytes:
    return np.asarray(ids, dtype=np.int32).tobytes()
