"""What all job files share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Device = Literal["auto", "cpu", "cuda"]

# Bounds as those of the recipe, for who edits a job by hand.
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """Frozen; every key must be known, and every number be one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
