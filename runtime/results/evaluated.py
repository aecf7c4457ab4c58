"""What an eval job wrote. Damaged or missing parts are absences, as in the report: this has to tell about runs that
failed half way."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from smolc.runtime.jobs.evaluate import EvaluateJob, Task
from smolc.runtime.report.collect import JobView, Run
from smolc.runtime.report.outputs import mapping, number, objects, read_lines, read_object

ByProblem = dict[str, list[float]]


@dataclass(frozen=True)
class Score:
    """A row of results.json. value is None where nothing is scored. counts: answers by what was odd about them."""

    model: str
    task: str
    metric: str
    value: float | None
    stderr: float | None
    low: float | None
    high: float | None
    n: int | None
    k: int
    raw: dict[str, Any]

    @property
    def lower_is_better(self) -> bool:
        return "loss" in self.metric or "perplexity" in self.metric

    @property
    def is_share(self) -> bool:
        """Whether it is told in percent."""
        known = [x for x in (self.value, self.low, self.high) if x is not None]
        return not self.lower_is_better and all(0 <= x <= 1 for x in known)


@dataclass(frozen=True, eq=False)
class Evaluated:
    """An eval job with what it wrote; nothing of one that is not done but the samples that are there already."""

    view: JobView

    @property
    def id(self) -> str:
        return self.view.id

    @property
    def job(self) -> EvaluateJob | None:
        return self.view.job if isinstance(self.view.job, EvaluateJob) else None

    @cached_property
    def results(self) -> dict[str, Any]:
        return read_object(self.view.out / "results.json") if self.view.state == "done" else {}

    @cached_property
    def scores(self) -> tuple[Score, ...]:
        return tuple(_score(row) for row in objects(self.results.get("rows")))

    @property
    def decode(self) -> dict[str, Any]:
        return mapping(self.results.get("decode"))

    @property
    def judge(self) -> dict[str, Any]:
        return mapping(self.results.get("judge"))

    def template(self, model: str) -> dict[str, Any]:
        return mapping(mapping(self.results.get("templates")).get(model))

    def task(self, name: str) -> Task | None:
        """The task that gave the scores `name`: its own, those of pass@k, or the loss of its references."""
        tasks = {task.name: task for task in self.job.tasks} if self.job else {}
        return tasks.get(name) or tasks.get(name.rpartition("_")[0])

    @property
    def by_problem(self) -> dict[tuple[str, str], ByProblem]:
        """By model and task: the scores of each problem, by its id, in the order of its samples."""
        return self._samples[0]

    @property
    def asked(self) -> dict[tuple[str, str], dict[str, tuple[str, str]]]:
        """By model and task: of each problem, by its id, digests of what is expected and of the first prompt."""
        return self._samples[1]

    @cached_property
    def _samples(self) -> tuple[dict[Any, ByProblem], dict[Any, dict[str, tuple[str, str]]]]:
        """In one pass: the file may be large."""
        scores: dict[Any, ByProblem] = defaultdict(lambda: defaultdict(list))
        asked: dict[Any, dict[str, tuple[str, str]]] = defaultdict(dict)
        for sample in read_lines(self.view.out / "samples.jsonl") if self.view.state == "done" else ():
            key = str(sample.get("model")), str(sample.get("task"))
            problem = str(sample.get("id"))
            if problem not in asked[key]:
                turns = sample.get("turns")
                # Later prompts hold what the model said before.
                first = mapping(turns[0]) if isinstance(turns, list) and turns else sample
                asked[key][problem] = _digest(sample.get("gold")), _digest(first.get("prompt"))
            if (score := number(sample.get("score"))) is not None:
                scores[key][problem].append(score)
        return {key: dict(problems) for key, problems in scores.items()}, dict(asked)


def _digest(value: object) -> str:
    return hashlib.sha256(str(value).encode(errors="replace")).hexdigest()[:16]


def evaluated(run: Run, picks: bool = True) -> list[Evaluated]:
    """The evals of a run; picks: also those that only served to pick the winner of a grid."""
    left_out = set() if picks else run.scores_of_picks()
    return [Evaluated(view) for view in run.of_kind("evaluate") if view.id not in left_out]


def _score(row: dict[str, Any]) -> Score:
    n, k = number(row.get("n")), number(row.get("k"))
    return Score(
        model=str(row.get("model")),
        task=str(row.get("task")),
        metric=str(row.get("metric")),
        value=number(row.get("value")),
        stderr=number(row.get("stderr")),
        low=number(row.get("low")),
        high=number(row.get("high")),
        n=None if n is None else int(n),
        k=1 if k is None else int(k),
        raw=row,
    )
