"""Problems of so few words that parts of them are everywhere: found where each of their texts, the question and what is
expected, is a whole message of one row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smolc.runtime.data.grams import bare_words


class Whole:
    """Such problems, by number. Picklable."""

    def __init__(self, problems: Iterable[tuple[int, Sequence[str]]]) -> None:
        """A problem's texts, of which the first is asked."""
        self._asked: dict[bytes, list[tuple[int, frozenset[bytes]]]] = {}
        self.compared: set[int] = set()
        for number, texts in problems:
            said = [key for key in map(_key, texts) if key]
            if said:
                self.compared.add(number)
                self._asked.setdefault(said[0], []).append((number, frozenset(said)))

    def matches(self, messages: Sequence[str]) -> list[tuple[int, int]]:
        """Of one row: message and problem."""
        if not self._asked:
            return []
        keys = [_key(message) for message in messages]
        here = frozenset(keys)
        return [
            (at, number)
            for at, key in enumerate(keys)
            for number, wanted in self._asked.get(key, ())
            if wanted <= here
        ]


def _key(text: str) -> bytes:
    return b" ".join(bare_words(text))
