"""When a run counts as diverged: its loss, held-out loss, gradient or weights are no numbers, or its loss has gone far up
and stays there.

The bound is relative to the run itself, so that it fits every loss: half as much again as the lowest loss so far, and
1.5 on top (nats, for cross entropy). The lowest is of medians over a window, and of the first loss, which is the start
model's; a run diverges when every loss that is written down in a whole window lies above the bound. A window is a tenth
of the run, at least 10 and at most 500 steps, and at least three written losses. So a spike that recovers within it is
none, a run that only learns badly is none, and one that explodes late is found though it is still below its first loss.
Losses are watched where they are written down (`log_every`, and the last step): that costs nothing, and every process sees
the same ones.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Any

from smolc.runtime.jobs.errors import JobError

FACTOR, MARGIN = 0.5, 1.5
PART, SHORTEST, LONGEST, FEWEST = 0.1, 10, 500, 3
HELP = "lower the learning rate, lengthen the warm-up, or look for broken rows in the data job's preview"
BROKEN_FROM_THE_START = (
    "look for weights of the start model that are no numbers, or for broken rows in the data job's preview"
)


class Diverged(JobError):
    """step: the step at which the run was stopped. loss: the last one that is a number, if any."""

    def __init__(self, message: str, step: int, loss: float | None = None, help: str = HELP) -> None:
        super().__init__(message, help)
        self.step = step
        self.loss = loss

    def result(self) -> dict[str, Any]:
        """`result.json` of a run that lost."""
        why = {"diverged": True, "why": self.message}
        return {**why, "steps": self.step, "train_loss": self.loss, "eval_loss": None}


class Divergence:
    """Watches the losses of one run of `steps` steps, of which the first `warmup` never count as diverged.

    bounded: whether a loss above the bound ends the run, or only one that is no number.
    """

    def __init__(self, steps: int, warmup: int, bounded: bool) -> None:
        self.steps = steps
        self.warmup = warmup
        self.bounded = bounded
        self.window = min(max(SHORTEST, math.ceil(PART * steps)), LONGEST)
        self.first: float | None = None
        self.lowest = math.inf
        self._recent: deque[tuple[int, float]] = deque()

    def past(self, history: list[dict[str, Any]]) -> None:
        """Take in what was written down before a checkpoint: rows with `step` and `loss`."""
        for row in history:
            if "loss" in row:
                self._take(int(row["step"]), float(row["loss"]))

    def check(self, step: int, loss: float) -> None:
        """Raises Diverged. loss: the mean over the steps since the one before; a finite number."""
        if not self._take(step, loss) or not self.bounded:
            return
        bound = self.bound
        if all(value > bound and at > self.warmup for at, value in self._recent):
            low = f"its lowest was {self.lowest:.4g}, the first {self.first:.4g}"
            since = self._recent[0][0]
            raise Diverged(
                f"the loss went up to {loss:.4g} by step {step} of {self.steps} and does not come down: it has been "
                f"above {bound:.4g} since step {since} ({low})",
                step,
                loss,
            )

    @property
    def bound(self) -> float:
        return self.lowest + FACTOR * abs(self.lowest) + MARGIN

    def _take(self, step: int, loss: float) -> bool:
        """Whether the losses at hand fill a window."""
        if self.first is None:
            self.first = self.lowest = loss
        self._recent.append((step, loss))
        while len(self._recent) > FEWEST and step - self._recent[1][0] >= self.window - 1:
            self._recent.popleft()
        full = len(self._recent) >= FEWEST and step - self._recent[0][0] >= self.window - 1
        if full:
            self.lowest = min(self.lowest, median(value for _, value in self._recent))
        return full
