"""What a job says when the user has to do something."""

from __future__ import annotations

import sys


class JobError(Exception):
    """A mistake of the user's, found while a job ran. Shown as `error: message` and `help: ...`, never as a traceback."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help

    def __reduce__(self) -> tuple[type[JobError], tuple[str, str | None]]:
        return JobError, (self.message, self.help)  # it comes out of worker processes, too

    def tell(self) -> None:
        """For a person, on standard error."""
        print(f"error: {self.message}", file=sys.stderr)
        if self.help:
            print(f"help: {self.help}", file=sys.stderr)


def run_first(job: str) -> str:
    """Help where what another job leaves is missing. That may have gone later: then it counts as done, and is not run."""
    return f"smolc run makes it; where that says `{job}: already done`: smolc run RECIPE --fresh {job}"
