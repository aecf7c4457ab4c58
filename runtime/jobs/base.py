"""What all job files share."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Device = Literal["auto", "cpu", "cuda"]


class Strict(BaseModel):
    """Frozen, and every key must be known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Job(Strict):
    """Fields of every job.

    id: folder name under `jobs/` and `out/`; letters, digits, `.`, `_`, `-` only.
    title: one line for people.
    stage: the recipe's stage or eval that the job belongs to, if any.
    needs: ids of the jobs whose outputs are read.
    """

    id: str
    title: str
    stage: str | None
    needs: tuple[str, ...]
    seed: int
    device: Device
