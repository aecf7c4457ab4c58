"""What training data and evals have in common, and what the scores are without it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from smolc.runtime.contamination.leaked import leaked_in
from smolc.runtime.report.collect import Run
from smolc.runtime.report.outputs import number, objects, read_lines, read_object
from smolc.runtime.report.text import clean, count, label, percent, shorten

EXAMPLES, LONGEST = 5, 300  # of a task, and characters of a text


@dataclass(frozen=True)
class Example:
    row: str
    problem: str
    shares: str
    said: str
    asked: str


@dataclass(frozen=True)
class Leak:
    """Of a task in some data. found: whether there is any that decontamination does not drop."""

    data: str
    used: str
    task: str
    problems: str
    removed: str
    found: bool
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class CleanScore:
    """The mean over problems, over all of them and over those that are in no data."""

    model: str
    task: str
    whole: str
    without: str
    n: str


@dataclass(frozen=True)
class Contamination:
    """said: in a sentence. missing: what was not compared, and why."""

    said: str
    found: bool
    leaks: tuple[Leak, ...]
    missing: tuple[str, ...]
    scores: tuple[CleanScore, ...]


def contamination(run: Run) -> Contamination | None:
    """None where nothing was compared."""
    view = next((v for v in run.of_kind("contamination") if v.state != "not run"), None)
    overlap = read_object(view.out / "overlap.json") if view is not None else {}
    data, evals = objects(overlap.get("data")), objects(overlap.get("evals"))
    if not evals:
        return None
    leaks = tuple(
        _leak(one, task)
        for one in data
        for task in objects(one.get("tasks"))
        if number(task.get("leaked")) or number(task.get("removed"))
    )
    missing = [(f"{one.get('eval')}.{one.get('task')}", one.get("why")) for one in evals]
    missing += [(str(one.get("name")), one.get("why")) for one in data]
    rows = sum(number(one.get("rows")) or 0 for one in data)
    problems = sum(number(one.get("compared")) or 0 for one in evals)
    return Contamination(
        f"{count(problems)} problems of the evals were looked for in {count(rows)} rows of data",
        any(leak.found for leak in leaks),
        leaks,
        tuple(f"{label(name)}: {label(str(why))}" for name, why in missing if why),
        tuple(_scores(run, overlap)),
    )


def _leak(one: dict[str, Any], task: dict[str, Any]) -> Leak:
    leaked, of, removed = (number(task.get(key)) or 0 for key in ("leaked", "of", "removed"))
    by = one.get("by")
    names = ", ".join(map(str, by)) if isinstance(by, list) else ""
    used = "trained on in" if one.get("used") == "trained" else "known to have been trained on by"
    return Leak(
        label(str(one.get("name"))),
        label(f"{used} {names}"),
        label(f"{task.get('eval')}.{task.get('task')}"),
        f"{count(leaked)} of {count(of)} ({percent(leaked / of if of else 0)})",
        count(removed) if removed else "",
        leaked > 0,
        tuple(_example(shown) for shown in objects(task.get("shown"))[:EXAMPLES]),
    )


def _example(shown: dict[str, Any]) -> Example:
    verbatim, near = number(shown.get("verbatim")), number(shown.get("near"))
    return Example(
        label(str(shown.get("row"))),
        label(str(shown.get("problem"))),
        f"{percent(verbatim)} verbatim, {percent(near)} nearly",
        _shown(shown.get("said")),
        _shown(shown.get("asked")),
    )


def _shown(value: object) -> str:
    return shorten(clean(str(value or "")[: 4 * LONGEST], lines=True), LONGEST)


def _scores(run: Run, overlap: dict[str, Any]) -> list[CleanScore]:
    """Of the tasks that have leaked problems."""
    found = []
    for view in run.of_kind("evaluate"):
        # An eval's own jobs, and not those that pick a grid's winner, which are a stage's.
        tasks = leaked_in(overlap, str(view.entry.stage))
        if view.state != "done" or not tasks:
            continue
        by: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for line in read_lines(view.out / "samples.jsonl"):
            score = number(line.get("score"))
            if score is not None and line.get("task") in tasks:
                by[str(line.get("model")), str(line["task"])][str(line.get("id"))].append(score)
        for (model, task), problems in by.items():
            means = {id: sum(scores) / len(scores) for id, scores in problems.items()}
            rest = [mean for id, mean in means.items() if id not in tasks[task]]
            whole = sum(means.values()) / len(means)
            as_share = 0 <= whole <= 1
            found.append(
                CleanScore(
                    label(model),
                    label(f"{view.entry.stage}.{task}"),
                    _score(whole, as_share),
                    _score(sum(rest) / len(rest), as_share) if rest else "–",
                    f"{count(len(rest))} of {count(len(means))}",
                )
            )
    return found


def _score(value: float, as_share: bool) -> str:
    return percent(value) if as_share else f"{value:.3g}"
