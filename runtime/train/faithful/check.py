"""Makes the table once, on the batches of the first step."""

from __future__ import annotations

from typing import Any

from smolc.runtime.train.faithful import batch, loss, model, optimizer, precision, spread
from smolc.runtime.train.faithful.seen import Asked, Seen
from smolc.runtime.train.faithful.table import Row, demand, lines

GROUPS = (spread, precision, batch, optimizer, loss, model)


def table(seen: Seen) -> list[Row]:
    return [row for group in GROUPS for row in group.rows(seen)]


class Check:
    """Called by the trainer with what its loader gave for the first step, on every process."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.rows: list[Row] = []

    def __call__(self, trainer: Any, batches: list[Any], items: Any) -> None:
        """Raises JobError, on every process alike, if anything that was built is not what the job asks for."""
        seen = Seen(self.asked, trainer, batches, items)
        self.rows = table(seen)
        demand(self.rows)
        if trainer.accelerator.is_main_process:
            print("\n".join(lines(self.rows)), flush=True)

    def result(self) -> list[list[str]]:
        """For `result.json`: what, asked, built."""
        return [[row.what, row.asked, row.built] for row in self.rows]

    def spread(self) -> dict[str, str]:
        """How it was spread over processes, as built."""
        names = ("processes", "distribution", "offload", "sharded over", "computed in")
        return {row.what: row.built for row in self.rows if row.what in names}
