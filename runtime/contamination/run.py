"""The job: all data against all evals, what is told of it, and whether the run may go on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from smolc.runtime.contamination.compare import Comparison, Found, compare
from smolc.runtime.contamination.overlap import Overlap
from smolc.runtime.contamination.problems import Problem, problems_of
from smolc.runtime.contamination.short import Whole
from smolc.runtime.data.decontaminate import Index
from smolc.runtime.jobs.contamination import ContaminationJob, Data, Measured
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import AnyTask
from smolc.runtime.jobs.files import write_atomically

SHOWN = 20  # problems of a task that are shown, the worst ones
EXAMPLES = 3  # of them on the console
WIDTH = 160  # characters of a text there


@dataclass
class Part:
    """A task of an eval, and its problems: numbers `start` and on."""

    measured: Measured
    task: AnyTask
    problems: list[Problem]
    start: int
    why: str | None
    compared: int = 0

    @property
    def name(self) -> str:
        return f"{self.measured.eval}.{self.task.name}"

    @property
    def must_not_leak(self) -> bool:
        """Not so where nothing is scored."""
        return self.measured.action == "error" and self.task.type != "vibe"


@dataclass
class Leak:
    """A problem in some data: the row that has most of it, and how many rows have it."""

    worst: Found
    rows: int = 0
    dropped: int = 0

    def add(self, found: Found) -> None:
        self.dropped += found.dropped
        self.rows += not found.dropped
        if (self.worst.dropped, found.verbatim, found.near) > (found.dropped, *_size(self.worst)):
            self.worst = found


@dataclass
class Compared:
    """Data, and the problems (by number) that are in it."""

    data: Data
    rows: int = 0
    bad: int = 0
    why: str | None = None
    leaks: dict[int, Leak] = field(default_factory=dict)

    def leaked(self, part: Part) -> dict[int, Leak]:
        """Those of a task, the worst first; not those whose rows are all dropped."""
        mine = {n: self.leaks[n] for n in self._of(part) if self.leaks[n].rows}
        return dict(sorted(mine.items(), key=lambda item: (*(-x for x in _size(item[1].worst)), item[0])))

    def removed(self, part: Part) -> int:
        return sum(1 for n in self._of(part) if not self.leaks[n].rows)

    def _of(self, part: Part) -> list[int]:
        return [n for n in self.leaks if part.start <= n < part.start + len(part.problems)]


def _size(found: Found) -> tuple[float, float]:
    return found.verbatim, found.near


def run(context: Context) -> None:
    """Writes `overlap.json`. Raises JobError if problems are trained on that must not be."""
    job = context.job
    assert isinstance(job, ContaminationJob)
    parts = _parts(context, job)
    numbered = [(part.start + i, one.texts) for part in parts for i, one in enumerate(part.problems)]
    task_of = [number for number, part in enumerate(parts) for _ in part.problems]
    overlap = Overlap(((task_of[n], n, text) for n, texts in numbered for text in texts), job.ngram)
    whole = Whole((n, texts) for n, texts in numbered if n not in overlap.compared)
    for part in parts:
        numbers = range(part.start, part.start + len(part.problems))
        part.compared = sum(n in overlap.compared or n in whole.compared for n in numbers)
    indices: dict[int, Index] = {}
    compared = [
        _compared(context, Comparison(data, overlap, whole, _index(parts, data, indices)))
        for data in job.data
    ]
    write_atomically(
        context.out / "overlap.json",
        json.dumps(_told(job, parts, compared), indent=1, ensure_ascii=False) + "\n",
    )
    for line in _lines(parts, compared):
        print(line, flush=True)
    _judge(parts, compared, overlap.compared)
    leaked = len({n for one in compared for part in parts for n in one.leaked(part)})
    context.write_result({"problems": sum(part.compared for part in parts), "leaked": leaked})


def _parts(context: Context, job: ContaminationJob) -> list[Part]:
    asked = [(measured, task) for measured in job.evals for task in measured.tasks]
    print(f"reading the problems of {', '.join(dict.fromkeys(t.name for _, t in asked))}", flush=True)
    # A task that several evals have is read once.
    distinct = {task.model_dump_json(): task for _, task in asked}
    read = dict(zip(distinct, problems_of(context, list(distinct.values())), strict=True))
    parts: list[Part] = []
    start = 0
    for measured, task in asked:
        found = read[task.model_dump_json()]
        parts.append(Part(measured, task, found.problems, start, found.why))
        start += len(found.problems)
    return parts


def _index(parts: list[Part], data: Data, made: dict[int, Index]) -> Index | None:
    """What the mixture's decontamination looks for; made once."""
    n = data.decontaminate
    if n is None:
        return None
    if n not in made:
        entries = ((p.task.name, one.place, text) for p in parts for one in p.problems for text in one.texts)
        made[n] = Index.build(entries, n)
    return made[n]


def _compared(context: Context, comparison: Comparison) -> Compared:
    data = comparison.data
    made = Compared(data)
    try:
        for read in compare(
            context,
            comparison,
            lambda rows: context.progress(rows, 0, "row", data.name),
        ):
            made.rows += read.rows
            made.bad += read.bad
            for found in read.found:
                made.leaks.setdefault(found.problem, Leak(found)).add(found)
    except JobError as error:
        made.why = error.message
    return made


def _told(job: ContaminationJob, parts: list[Part], compared: list[Compared]) -> dict[str, Any]:
    leaked: dict[str, dict[str, list[str]]] = {}
    for part in parts:
        ids = {part.problems[n - part.start].id for one in compared for n in one.leaked(part)}
        leaked.setdefault(part.measured.eval, {})[part.task.name] = sorted(ids)
    evals = [
        {
            "eval": part.measured.eval,
            "task": part.task.name,
            "role": part.measured.role,
            "action": part.measured.action,
            "problems": len(part.problems),
            "compared": part.compared,
            "why": part.why,
        }
        for part in parts
    ]
    data = [
        {
            "name": one.data.name,
            "by": list(one.data.by),
            "used": one.data.used,
            "rows": one.rows,
            "bad": one.bad,
            "why": one.why,
            "tasks": [_of_task(part, one) for part in parts if part.why is None and one.why is None],
        }
        for one in compared
    ]
    return {"ngram": job.ngram, "evals": evals, "data": data, "leaked": leaked}


def _of_task(part: Part, one: Compared) -> dict[str, Any]:
    found = one.leaked(part)
    problems: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    for number, leak in found.items():
        problem, worst = part.problems[number - part.start], leak.worst
        shares = {"verbatim": round(worst.verbatim, 4), "near": round(worst.near, 4)}
        problems.append({"id": problem.id, "rows": leak.rows, **shares})
        if len(shown) < SHOWN:
            texts = {"said": worst.said, "asked": problem.texts[0][: len(worst.said) + WIDTH]}
            shown.append({"id": problem.id, "row": worst.place, "problem": problem.place, **shares, **texts})
    return {
        "eval": part.measured.eval,
        "task": part.task.name,
        "leaked": len(found),
        "of": len(part.problems),
        "share": round(len(found) / len(part.problems), 6) if part.problems else 0.0,
        "removed": one.removed(part),
        "problems": problems,
        "shown": shown,
    }


def _lines(parts: list[Part], compared: list[Compared]) -> Iterator[str]:
    for part in parts:
        if part.why is not None:
            yield f"{part.name}: not compared: {part.why}"
        elif part.compared < len(part.problems):
            few = len(part.problems) - part.compared
            yield f"{part.name}: {few:,} of {len(part.problems):,} problems have nothing of their own to be looked for"
    for one in compared:
        if one.why is not None:
            yield f"{one.data.name}: not compared: {one.why}"
            continue
        leaking = [part for part in parts if one.leaked(part) or one.removed(part)]
        rows = f"{one.data.name} ({one.rows:,} rows)" + (f", {one.bad:,} bad" if one.bad else "")
        if not leaking:
            yield f"{rows}: nothing of the evals"
        for part in leaking:
            yield f"{rows}: {_leaked(part, one)}"
            for number, leak in list(one.leaked(part).items())[:EXAMPLES]:
                problem = part.problems[number - part.start]
                yield f"  {leak.worst.place} has {problem.place}: {_cut(problem.texts[0])!r}"


def _leaked(part: Part, one: Compared) -> str:
    said = f"{len(one.leaked(part)):,} of {len(part.problems):,} problems of {part.name}"
    dropped = one.removed(part)
    return said + (f"; {dropped:,} more are dropped by decontaminate" if dropped else "")


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}..."


def _judge(parts: list[Part], compared: list[Compared], long: frozenset[int]) -> None:
    """long: problems of more than a few words. Shorter ones meet by chance, and decontamination leaves them: they are only
    told."""
    wrong = []
    for one in compared:
        for part in parts:
            count = len(long & one.leaked(part).keys())
            if one.data.used == "trained" and part.must_not_leak and count:
                where = f"{one.data.name} (in {', '.join(one.data.by)})"
                wrong.append(f"{where}: {count:,} of {len(part.problems):,} problems of {part.name}")
    if wrong:
        raise JobError(
            "what is trained on has problems of evals that must not be in it\n  " + "\n  ".join(wrong),
            help="take those rows out (decontaminate = ngram(13) in the mixture drops those that are not reworded), or say "
            "contamination = warn in the eval; out/contamination/overlap.json has them all",
        )
