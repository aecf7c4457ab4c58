"""Progress over all models and tasks of an eval."""

from __future__ import annotations

import time
from collections.abc import Callable

from smolc.runtime.jobs.context import Context


class Meter:
    """Counts tasks, and within one the answers; at most two lines a second."""

    def __init__(self, context: Context, parts: int) -> None:
        self.context, self.parts = context, parts
        self.finished, self.last = 0, 0.0

    def start(self, note: str, answers: int) -> Callable[[int], None]:
        """What is given the number of answers done so far."""
        began = time.monotonic()

        def tell(done: int) -> None:
            now = time.monotonic()
            if now - self.last >= 0.5:
                self.last = now
                part = min(1.0, done / max(1, answers))
                rate = done / max(now - began, 1e-9)
                self.context.progress(
                    round(self.finished + part, 3),
                    self.parts,
                    "task",
                    f"{note}: {done} of {answers} ({rate:.3g} a second)",
                )

        self.last = 0.0
        return tell

    def finish(self) -> None:
        self.finished += 1
        self.context.progress(self.finished, self.parts, "task")
