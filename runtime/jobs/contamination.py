"""`kind: contamination`: what the recipe's data has in common with what its evals ask and expect, before training.

Outputs in `out/<id>/`: `overlap.json`:

    {"ngram", "evals": [{"eval", "task", "role", "action", "problems", "compared", "why"}],
     "data": [{"name", "by", "used", "rows", "bad", "why",
               "tasks": [{"eval", "task", "leaked", "of", "share", "removed", "problems", "shown"}]}],
     "leaked": {eval: {task: [ids]}}}

why: why it was not compared, else null. compared: problems long enough to be found. leaked, of: problems, and `share` of
them; removed: found only in rows that the mixture's `decontaminate` drops. problems: `{"id", "rows", "verbatim", "near"}` of
each that leaked, with the number of rows that have it and the largest shares (0 to 1). shown: the worst, `{"id", "row",
"problem", "verbatim", "near", "said", "asked"}` (places and beginnings of texts). ids: those of `samples.jsonl`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from smolc.runtime.jobs.base import Job, Strict
from smolc.runtime.jobs.evaluate import AnyTask
from smolc.runtime.jobs.prepare import FileData, Filter, Format, HubData


class Data(Strict):
    """Rows that are compared: what the mixtures `by` are made of (trained), or what the models `by` are known to have been
    trained on (declared). decontaminate: rows that share so many words in a row with an eval are dropped in preparation."""

    name: str
    used: Literal["trained", "declared"]
    by: tuple[str, ...]
    location: Annotated[FileData | HubData, Field(discriminator="type")]
    format: Format
    where: Filter | None
    system: str | None
    decontaminate: int | None


class Measured(Strict):
    """An eval's tasks. action: whether problems that are trained on end the run, or are only told; of what a base is
    known to have been trained on they are only told."""

    eval: str
    role: Literal["validation", "test"]
    action: Literal["error", "warn"]
    tasks: tuple[AnyTask, ...]


class ContaminationJob(Job):
    """ngram: words in a row, of which a problem that is in the data has most."""

    kind: Literal["contamination"]
    ngram: int
    data: tuple[Data, ...]
    evals: tuple[Measured, ...]
