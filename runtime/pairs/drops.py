"""What was left out, and why: counted, and listed in `dropped.jsonl`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from smolc.runtime.data.rows import LISTED, Problems
from smolc.runtime.jobs.errors import JobError

BAD_ROW = "a row that cannot be read"
SHOWN = 5
BEGINS = 200
"""Characters of a text that are shown."""


@dataclass
class Drops:
    """counts: by reason. bad, bad_couples: those of them that the recipe's tolerance counts, of answers and of couples
    of answers, which are more than there are answers."""

    counts: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    bad_couples: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(
        self, why: str, sources: Sequence[str], place: str, said: str = "", times: int = 1, bad: bool = False
    ) -> None:
        """sources: of an answer, or of both of a couple. said: the beginning of it is shown."""
        self.counts[why] += times
        if bad:
            (self.bad if len(sources) == 1 else self.bad_couples)[why] += times
        shown = self.examples.setdefault(why, [])
        begins = " ".join(said.split())[:BEGINS]
        if len(shown) < SHOWN:
            shown.append(f"{place}: {begins!r}" if begins else place)
        if len(self.lines) < LISTED:
            line = {"why": why, "from": list(sources), "place": place, "said": begins}
            self.lines.append(json.dumps(line, ensure_ascii=False) + "\n")

    def rows(self, problems: Problems) -> None:
        """Rows that a source's own tolerance leaves out."""
        for line in problems.shown:
            self.add(BAD_ROW, [problems.source], line)
        if more := problems.count - len(problems.shown):
            self.counts[BAD_ROW] += more

    def tolerate(self, part: float, answers: int, couples: int) -> None:
        """Raises JobError if more than `part` of so many answers, or of the couples that were compared, were dropped for
        what is wrong with them."""
        for bad, of, what in (
            (self.bad, answers, "answers"),
            (self.bad_couples, couples, "couples of answers"),
        ):
            total = sum(bad.values())
            if total <= part * of:
                continue
            allowed = f"at most {part:.2%}" if part else "none"
            lines = [f"{total:,} of {of:,} {what} cannot be used, and {allowed} may be dropped"]
            for why, count in bad.most_common():
                lines.append(f"{why}: {count:,}, such as {self.examples[why][0]}")
            raise JobError(
                "\n  ".join(lines), help="mend what makes them, or say bad_pairs = drop(at_most = ...)"
            )

    def told(self) -> str:
        return ", ".join(f"{count:,} {why}" for why, count in self.counts.most_common())
