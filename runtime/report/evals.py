"""Scores, gates and samples, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from smolc.runtime.jobs.evaluate import EvaluateJob
from smolc.runtime.report.collect import JobView, Run
from smolc.runtime.report.outputs import mapping, number, objects, read_lines, read_object
from smolc.runtime.report.text import clean, count, decimal, label, percent, setting, shorten

# What a page can hold: prompts shown of each task, characters of one text, lines of samples.jsonl that are
# looked at.
PROMPTS, LONGEST, MOST_SAMPLES = 12, 1500, 200_000


@dataclass(frozen=True)
class Cell:
    """One model on one task. delta: the difference to base as text; better, worse or same: by more than the
    two standard errors together make likely."""

    value: str
    stderr: str
    delta: str
    verdict: str


@dataclass(frozen=True)
class TaskRow:
    task: str
    metric: str
    n: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class EvalTable:
    """One eval: tasks x models, the base first."""

    id: str
    role: str
    models: tuple[str, ...]
    rows: tuple[TaskRow, ...]
    decode: str
    state: str


def eval_tables(run: Run) -> list[EvalTable]:
    """The evals that a reader came for; those that only picked a winner are told with their stage."""
    picks = run.scores_of_picks()
    return [eval_table(run, view) for view in run.of_kind("evaluate") if view.id not in picks]


def eval_table(run: Run, view: JobView) -> EvalTable:
    results = read_object(view.out / "results.json") if view.state == "done" else {}
    rows = objects(results.get("rows"))
    models = _models(run, view, rows)
    tasks: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in rows:
        key = (str(row.get("task")), str(row.get("metric")))
        tasks.setdefault(key, {}).setdefault(str(row.get("model")), row)
    table = tuple(_task_row(task, metric, models, by) for (task, metric), by in tasks.items())
    role = view.job.role if isinstance(view.job, EvaluateJob) else str(results.get("role", ""))
    decode = _decode(mapping(results.get("decode")))
    return EvalTable(label(view.id), role, tuple(map(label, models)), table, decode, view.state)


def _models(run: Run, view: JobView, rows: list[dict[str, Any]]) -> list[str]:
    """In the recipe's order, but models that nothing trained come first: they are what the others are
    compared with."""
    if not isinstance(view.job, EvaluateJob):
        return list(dict.fromkeys(str(r.get("model")) for r in rows))

    def trained(job_id: str) -> bool:
        maker = run.find(job_id)
        return maker is None or maker.kind != "model"

    subjects = sorted(view.job.subjects, key=lambda s: trained(s.job))
    return [s.name for s in subjects]


def _task_row(task: str, metric: str, models: list[str], by_model: dict[str, dict[str, Any]]) -> TaskRow:
    values = [number(row.get("value")) for row in by_model.values()]
    as_percent = (
        all(v is None or 0 <= v <= 1 for v in values) and "perplexity" not in metric and "loss" not in metric
    )
    base = by_model.get(models[0]) if models else None
    lower = "loss" in metric or "perplexity" in metric
    cells = tuple(
        _cell(by_model[m], None if m == models[0] else base, as_percent, lower) if m in by_model else None
        for m in models
    )
    sizes = sorted({int(n) for row in by_model.values() if (n := number(row.get("n"))) is not None})
    repeats = max((int(k) for row in by_model.values() if (k := number(row.get("k"))) is not None), default=1)
    size = " / ".join(count(s) for s in sizes) + (f" × {repeats}" if repeats > 1 else "")
    return TaskRow(label(task), label(metric).replace("_", " "), size, cells)


def _cell(row: dict[str, Any], base: dict[str, Any] | None, as_percent: bool, lower: bool) -> Cell:
    value, error = number(row.get("value")), number(row.get("stderr"))
    before = number(base.get("value")) if base else None
    shown = percent(value) if as_percent else decimal(value)
    stderr = "" if error is None else f"{100 * error:.1f}" if as_percent else decimal(error)
    if value is None or before is None or base is None:
        return Cell(shown, stderr, "", "")
    change = value - before
    delta = f"{100 * change:+.1f}" if as_percent else f"{change:+.4g}"
    noise = 2 * ((error or 0.0) ** 2 + (number(base.get("stderr")) or 0.0) ** 2) ** 0.5
    verdict = "same" if abs(change) <= noise else "better" if (change < 0) == lower else "worse"
    return Cell(shown, stderr, delta.replace("-", "−"), verdict)


def _decode(decode: dict[str, Any]) -> str:
    temperature = number(decode.get("temperature"))
    if temperature is None:
        return ""
    how = (
        "greedy"
        if temperature == 0
        else f"temperature {setting(temperature)}, top-p {setting(decode.get('top_p'))}"
    )
    longest = number(decode.get("max_new"))
    return how + (f", at most {count(longest)} new tokens" if longest else "")


@dataclass(frozen=True)
class GateLine:
    eval: str
    text: str
    holds: bool
    numbers: str


def gates(run: Run) -> list[GateLine]:
    lines = []
    for view in run.of_kind("gate"):
        for check in objects(view.result.get("checks")):
            left, right = number(check.get("left")), number(check.get("right"))
            numbers = (
                "no score" if left is None or right is None else f"{decimal(left)} against {decimal(right)}"
            )
            lines.append(
                GateLine(label(view.id), label(str(check.get("text"))), check.get("holds") is True, numbers)
            )
    return lines


@dataclass
class Sample:
    """One prompt. answers: model -> (what it said, its score)."""

    prompt: str
    gold: str
    answers: dict[str, tuple[str, float | None]] = field(default_factory=dict)

    def rank(self, models: tuple[str, ...]) -> tuple[float, ...]:
        """Smaller first: what the last model got wrong, then what the one before it got wrong, and so on."""
        scores = (self.answers.get(m, ("", None))[1] for m in reversed(models))
        return tuple(2.0 if s is None else s for s in scores)


@dataclass(frozen=True)
class Samples:
    """Of one task: the `shown` prompts, the wrong ones first, and how many there were (wrong: by the last
    model)."""

    eval: str
    task: str
    models: tuple[str, ...]
    shown: tuple[Sample, ...]
    total: int
    wrong: int


def samples(run: Run) -> list[Samples]:
    found = []
    picks = run.scores_of_picks()
    for view in run.of_kind("evaluate"):
        if view.state != "done" or view.id in picks:
            continue
        models = eval_table(run, view).models
        tasks: dict[str, dict[str, Sample]] = {}
        for index, row in enumerate(read_lines(view.out / "samples.jsonl")):
            if index >= MOST_SAMPLES:
                break
            task = label(str(row.get("task")))
            # The same problem may be put to models in different templates: it is known by its number, if it
            # has one.
            problem = (
                f"{row.get('subtask')} {row['index']}" if "index" in row else str(row.get("prompt"))[:20_000]
            )
            # Of a prompt that was asked several times, the first answer is shown.
            sample = tasks.setdefault(task, {}).setdefault(
                problem, Sample(_shown(row.get("prompt")), _shown(row.get("gold")))
            )
            said = row.get("answer")
            if row.get("stopped") is False and isinstance(said, str):
                said += " … (cut off: it did not stop)"
            answer = (_shown(said), number(row.get("score")))
            sample.answers.setdefault(label(str(row.get("model"))), answer)
        for task, by_prompt in tasks.items():
            ordered = sorted(by_prompt.values(), key=lambda s: s.rank(models))
            last = models[-1] if models else ""
            wrong = sum(
                1 for s in ordered if (got := s.answers.get(last, ("", None))[1]) is not None and got < 1
            )
            found.append(
                Samples(label(view.id), task, models, _some(ordered, wrong), total=len(ordered), wrong=wrong)
            )
    return found


def _some(ordered: list[Sample], wrong: int) -> tuple[Sample, ...]:
    """Failures first, but not failures only: at most two thirds, so that a reader sees what right looks
    like."""
    bad = min(wrong, max(PROMPTS - (len(ordered) - wrong), PROMPTS * 2 // 3))
    return tuple(ordered[:bad] + ordered[wrong : wrong + PROMPTS - bad])


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else "" if value is None else setting(value)
    return shorten(clean(text[: 20 * LONGEST], lines=True), LONGEST)
