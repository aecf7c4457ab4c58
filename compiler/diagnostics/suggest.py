"""Did you mean ...?"""

from __future__ import annotations

from collections.abc import Iterable


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` most likely stands for, or None if none is near.

    Near means: equal but for case, `_` and `-`; or at most one edit (insertion, deletion, substitution, swap
    of neighbours) for every three letters; or the one candidate that `word` (three letters or more) begins.
    """
    wanted = _plain(word)
    if not wanted:
        return None
    allowed = max(1, len(wanted) // 3) if len(wanted) > 2 else 0
    best: tuple[int, int, str] | None = None
    longer = []
    for order, candidate in enumerate(dict.fromkeys(candidates)):
        plain = _plain(candidate)
        if len(wanted) > 2 and plain.startswith(wanted):
            longer.append(candidate)
        if abs(len(plain) - len(wanted)) > allowed:
            continue
        away = distance(wanted, plain, allowed)
        if (
            away <= allowed
            and away < max(len(plain), len(wanted)) / 2
            and (best is None or (away, order) < best[:2])
        ):
            best = (away, order, candidate)
    if best is not None:
        return best[2]
    return longer[0] if len(longer) == 1 else None


def distance(a: str, b: str, most: int) -> int:
    """Damerau-Levenshtein distance (swaps of neighbours count one); `most + 1` if it is more than `most`."""
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
        before, last = last, row
    return last[-1]


def _plain(word: str) -> str:
    return word.casefold().replace("-", "").replace("_", "")
