"""What `result.json` says of the pairs that were made.

{"pairs", "answers", "prompts", "prompts_paired", "dropped": {why: count}, "bad": {why: count}, "gap",
 "lengths": {"characters", "tokens": {"chosen", "rejected", "ratio"}}, "longer_chosen",
 "sources": {name: {"chosen", "rejected"}},
 "by": what is known of who compared}

lengths: medians, and that of chosen over rejected; tokens only where all answers were generated. longer_chosen: share of
pairs whose chosen answer is the longer one, those of one length left out. sources: shares of each side. gap: the median.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any

from smolc.runtime.pairs.candidates import Group
from smolc.runtime.pairs.couples import Couple


def counts(pairs: Sequence[tuple[Group, Couple]]) -> dict[str, Any]:
    couples = [couple for _, couple in pairs]
    tokens = [(c.better.tokens, c.worse.tokens) for c in couples]
    counted = [(a, b) for a, b in tokens if a is not None and b is not None]
    characters = [(len(c.better.text), len(c.worse.text)) for c in couples]
    # Tokens are what the trainer sees; characters where there are none.
    sized = counted if len(counted) == len(couples) else characters
    longer = [a > b for a, b in sized if a != b]
    return {
        "pairs": len(couples),
        "prompts_paired": len({group.key for group, _ in pairs}),
        "lengths": {
            "characters": _lengths(characters),
            "tokens": _lengths(counted) if len(counted) == len(couples) else None,
        },
        "longer_chosen": round(sum(longer) / len(longer), 4) if longer else None,
        "sources": _sources(couples),
        "gap": round(median(c.gap for c in couples), 4),
    }


def _lengths(sizes: Sequence[tuple[int, int]]) -> dict[str, float]:
    chosen, rejected = median(a for a, _ in sizes), median(b for _, b in sizes)
    return {
        "chosen": chosen,
        "rejected": rejected,
        "ratio": round(chosen / rejected, 4) if rejected else 0.0,
    }


def _sources(couples: Sequence[Couple]) -> dict[str, dict[str, float]]:
    better = Counter(c.better.source for c in couples)
    worse = Counter(c.worse.source for c in couples)
    return {
        name: {
            "chosen": round(better[name] / len(couples), 4),
            "rejected": round(worse[name] / len(couples), 4),
        }
        for name in sorted({*better, *worse})
    }
