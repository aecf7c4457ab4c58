"""What was left out, and why: counted, and listed in `dropped.jsonl`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from smolc.runtime.jobs.errors import JobError

LISTED = 100_000
"""Lines of the list; what is beyond is only counted."""
SHOWN = 5
BEGINS = 200
"""Characters of a text that are shown."""


@dataclass
class Drops:
    """counts: by reason. bad: those of them that the recipe's tolerance counts."""

    counts: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(
        self, why: str, sources: Sequence[str], place: str, said: str = "", times: int = 1, bad: bool = False
    ) -> None:
        """said: the beginning of it is shown."""
        self.counts[why] += times
        if bad:
            self.bad[why] += times
        shown = self.examples.setdefault(why, [])
        begins = " ".join(said.split())[:BEGINS]
        if len(shown) < SHOWN:
            shown.append(f"{place}: {begins!r}" if begins else place)
        if len(self.lines) < LISTED:
            line = {"why": why, "from": list(sources), "place": place, "said": begins}
            self.lines.append(json.dumps(line, ensure_ascii=False) + "\n")

    def tolerate(self, part: float, of: int) -> None:
        """Raises JobError if more than `part` of so many answers were dropped for what is wrong with them."""
        total = sum(self.bad.values())
        if total <= part * of:
            return
        allowed = f"at most {part:.3g}".replace("at most 0", "none") if not part else f"at most {part:.2%}"
        lines = [f"{total:,} of {of:,} answers cannot be used, and {allowed} may be dropped"]
        for why, count in self.bad.most_common():
            lines.append(f"{why}: {count:,}, such as {self.examples[why][0]}")
        raise JobError(
            "\n  ".join(lines), help="mend what makes them, or say bad_pairs = drop(at_most = ...)"
        )

    def told(self) -> str:
        return ", ".join(f"{count:,} {why}" for why, count in self.counts.most_common())
