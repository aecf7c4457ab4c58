"""What a card tells, collected from a compiled folder: where a model comes from, on what it was trained, how it scored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from smolc.runtime.jobs.model import HubModel, ModelJob
from smolc.runtime.jobs.prepare import HubData, PrepareJob
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.report.collect import JobView, Run, collect
from smolc.runtime.report.grid import runs_of
from smolc.runtime.report.outputs import mapping, number, objects, read_object
from smolc.runtime.results.evaluated import Evaluated, Score, evaluated

LONGEST = 200_000
"""Characters of a recipe that a card shows."""


@dataclass(frozen=True)
class Source:
    """Rows that were trained on. share: of the tokens of the stage, 0..1. hub: id there, if it is from there."""

    stage: str
    name: str
    where: str
    hub: str | None
    license: str | None
    share: float | None
    tokens: float | None
    rows: float | None


@dataclass(frozen=True)
class Measured:
    """A score of the model, and that of what it started from."""

    one: Evaluated
    score: Score
    start: Score | None


class Folder:
    """A compiled folder, read once for all of its cards. Raises BrokenFolder if there is no manifest."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run: Run = collect(path)
        self.about = read_object(path / "card.json")
        self.evaluated = evaluated(self.run)

    @cached_property
    def recipe(self) -> str:
        """Its text, without secrets; empty if the folder was built without one."""
        try:
            text = (self.path / "recipe.txt").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n# ... the rest is left out"

    @property
    def publishes(self) -> dict[str, dict[str, Any]]:
        found = mapping(self.about.get("publish"))
        return {name: one for name, one in found.items() if isinstance(one, dict)}

    def license(self, kind: str, name: str) -> str | None:
        """kind: `models` or `sources`."""
        found = mapping(self.about.get(kind)).get(name)
        said = found.get("license") if isinstance(found, dict) else found
        return said if isinstance(said, str) and said else None

    def model_of(self, job_id: str) -> Any:
        """Where a job's model is; two jobs with the same have one model."""
        view = self.run.find(job_id)
        return view.result.get("model") if view else None

    def maker(self, job_id: str) -> JobView | None:
        """The job that made the model with which a job ended: of a pick, the winner's."""
        where = mapping(self.model_of(job_id)).get("out")
        found = self.run.find(str(where).partition("/")[0]) if where else None
        return found or self.run.find(job_id)

    def before(self, view: JobView) -> list[JobView]:
        """What a model was made from, start models first and itself last."""
        seen: dict[str, JobView] = {}

        def visit(one: JobView) -> None:
            if one.id in seen:
                return
            seen[one.id] = one
            needed = [one.job.init] if isinstance(one.job, TrainJob) else one.entry.needs
            for need in needed:
                made = self.maker(need)
                if made is not None and mapping(made.result.get("model")):
                    visit(made)

        visit(view)
        return [one for one in self.run.jobs if one.id in seen]

    def by_hand(self, view: JobView) -> list[JobView]:
        """The jobs behind a model, with those of its data, whose files were edited since they were built."""
        behind = self.before(view)
        data = {one.job.data for one in behind if isinstance(one.job, TrainJob)}
        ids = {one.id for one in behind} | data
        return [one for one in self.run.jobs if one.id in ids and one.edited]

    def trained(self, view: JobView) -> dict[str, Any]:
        """The result of a training run, of all jobs that it was trained in: one of a halved grid has several."""
        return runs_of(self.run, [view]).results.get(view.id, view.result)

    def starts(self, view: JobView) -> list[JobView]:
        return [one for one in self.before(view) if isinstance(one.job, ModelJob)]

    def hub_starts(self, view: JobView) -> list[str]:
        """Hub ids of the start models."""
        jobs = (one.job for one in self.starts(view))
        return [j.source.id for j in jobs if isinstance(j, ModelJob) and isinstance(j.source, HubModel)]

    def sources(self, view: JobView) -> list[Source]:
        found = []
        for one in self.before(view):
            if isinstance(one.job, TrainJob) and (prepared := self.run.find(one.job.data)) is not None:
                found += self._sources(one, prepared)
        return found

    def _sources(self, trained: JobView, prepared: JobView) -> list[Source]:
        stats = objects(read_object(prepared.out / "stats.json").get("sources"))
        by_name = {str(s.get("name")): s for s in stats}
        whole = sum(number(s.get("tokens")) or 0.0 for s in stats)
        job = prepared.job if isinstance(prepared.job, PrepareJob) else None
        # What is held out is looked at, and not trained on.
        specs = [one for one in job.sources if one.name != job.held_source] if job is not None else []
        found = []
        for spec in specs:
            seen = by_name.get(spec.name, {})
            tokens = number(seen.get("tokens"))
            place = spec.location
            hub = place.id if isinstance(place, HubData) else None
            found.append(
                Source(
                    stage=trained.entry.stage or trained.id,
                    name=spec.name,
                    where=_where(place),
                    hub=hub,
                    license=self.license("sources", spec.name),
                    share=tokens / whole if tokens is not None and whole else None,
                    tokens=tokens,
                    rows=number(seen.get("rows")),
                )
            )
        return found

    def measured(self, view: JobView) -> list[Measured]:
        """Scores of the model in all evals that are done, also those that only picked it."""
        mine, starts = view.result.get("model"), [one.id for one in self.starts(view)]
        found = []
        for one in self.evaluated:
            subjects = one.job.subjects if one.job else ()
            own = next((s.name for s in subjects if self.model_of(s.job) == mine), None)
            start = next((s.name for s in subjects if s.job in starts), None)
            for score in one.scores:
                if score.model == own and score.value is not None:
                    same = (score.task, score.metric)
                    other = (s for s in one.scores if s.model == start and (s.task, s.metric) == same)
                    found.append(Measured(one, score, next(other, None)))
        return found

    def leaked(self) -> list[tuple[str, str, int]]:
        """Eval, task, and how many of its problems are in the recipe's data."""
        found = []
        for one in self.run.of_kind("contamination"):
            for name, tasks in mapping(read_object(one.out / "overlap.json").get("leaked")).items():
                for task, ids in mapping(tasks).items():
                    if isinstance(ids, list) and ids:
                        found.append((str(name), str(task), len(ids)))
        return found

    def unmeasured(self, view: JobView) -> list[str]:
        """Evals that name the model and were not run, or failed."""
        mine = view.result.get("model")
        return [
            one.id
            for one in self.evaluated
            if one.view.state != "done"
            and one.job
            and any(self.model_of(s.job) == mine for s in one.job.subjects)
        ]


def _where(place: Any) -> str:
    """Without the machine's folders: a path is only as long as the recipe has it."""
    if isinstance(place, HubData):
        parts = [place.id, *(p for p in (place.config, place.split) if p)]
        return ", ".join(parts) + (f" @ {place.revision[:12]}" if place.revision else "")
    paths = getattr(place, "paths", ())
    return ", ".join(paths) if paths else str(getattr(place, "type", ""))
