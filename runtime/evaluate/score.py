"""One model on one task, through lm-eval's `evaluate`: rows of results, and the samples."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from lm_eval.api.metrics import mean
from lm_eval.evaluator import evaluate

from smolc.runtime.evaluate.answers import thinks
from smolc.runtime.evaluate.asked import UNTERMINATED, Said
from smolc.runtime.evaluate.generate import Answer, ChatModel
from smolc.runtime.evaluate.metrics import clustered, interval, pass_at
from smolc.runtime.evaluate.repeat import repeated
from smolc.runtime.evaluate.suite import indices, metric_key
from smolc.runtime.evaluate.tasks.base import Questions
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import SuiteTask, Task

Row = dict[str, Any]
DRAWS = 1000  # of the bootstrap, for lm-eval's metrics that are no means


def rows_of(task: Task, questions: Questions, said: Sequence[Said]) -> list[Row]:
    """The mean over problems with its standard error and 95% interval, and pass@k. What has no score is left out;
    value None if nothing has one."""
    by_problem: dict[str, list[float]] = defaultdict(list)
    for one in said:
        if one.verdict.score is not None:
            by_problem[one.question.id].append(one.verdict.score)
    counts = {
        **_counts([answer for one in said for answer in one.answers[-1:]]),
        "no_answer": sum(one.verdict.no_answer for one in said),
    }
    problems = len({one.question.id for one in said})
    scores = list(by_problem.values())
    row = _row(task.name, questions.metric, scores, problems, task.avg, counts, questions.bounds)
    return [row, *_passes(task, scores, problems, task.avg)]


def _row(
    name: str,
    metric: str,
    scores: list[list[float]],
    n: int,
    k: int,
    counts: Row,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Row:
    value, stderr = clustered(scores) if scores else (None, None)
    low, high = _interval(scores, bounds) if scores else (None, None)
    return {
        "task": name,
        "metric": metric,
        "value": value,
        "stderr": stderr,
        "low": low,
        "high": high,
        "n": len(scores) if scores else n,
        "k": k,
        **counts,
    }


def _interval(
    scores: Sequence[Sequence[float]], bounds: tuple[float, float]
) -> tuple[float | None, float | None]:
    """Between other bounds than 0 and 1 as between these."""
    start, size = bounds[0], bounds[1] - bounds[0]
    low, high = interval([[(score - start) / size for score in samples] for samples in scores])
    return (None, None) if low is None or high is None else (start + size * low, start + size * high)


def _counts(answers: Sequence[Answer]) -> Row:
    """How the answers ended; `stopped` is None where nothing was generated."""
    return {
        "no_answer": 0,
        "unterminated": sum(a.unterminated for a in answers),
        "stopped": sum(a.stopped for a in answers) / len(answers) if answers else None,
        "tokens": sum(a.tokens for a in answers),
        "thinking_scored": sum(thinks(a) for a in answers),
    }


def sample_of(one: Said) -> Row:
    """A line of samples.jsonl; `turns` where the user spoke more than once."""
    last, verdict, question = one.answers[-1], one.verdict, one.question
    turns = {}
    if len(one.answers) > 1:
        pairs = zip(one.prompts, one.answers, strict=True)
        turns = {"turns": [{"prompt": p, "answer": a.raw} for p, a in pairs]}
    return {
        "id": question.id,
        "sample": one.sample,
        "place": question.place,
        "stratum": question.stratum,
        "prompt": one.prompts[-1],
        **turns,
        "answer": last.raw,
        "extracted": verdict.extracted,
        "gold": question.gold,
        "score": verdict.score,
        "note": verdict.note,
        **_ending(last),
        **verdict.more,
    }


def _ending(answer: Answer) -> Row:
    return {"tokens": answer.tokens, "stopped": answer.stopped, "unterminated": answer.unterminated}


def score_suite(lm: ChatModel, task: SuiteTask, loaded: Row, seed: int) -> tuple[list[Row], list[Row]]:
    """lm-eval's metric; where it is a mean, with the unterminated counted as wrong and a standard error over
    problems. Raises JobError."""
    tasks = loaded["tasks"]
    # Log-likelihoods come out the same each time.
    k = task.avg if all(t.OUTPUT_TYPE == "generate_until" for t in tasks.values()) else 1
    chosen = indices(loaded, task, seed)
    tasks = {name: one for name, one in tasks.items() if chosen[name]}
    with repeated(tasks, chosen, k):
        found = evaluate(
            lm,
            {**loaded, "tasks": tasks},
            bootstrap_iters=DRAWS,
            apply_chat_template=lm.template is not None,
            log_samples=True,
        )
    whole = found["results"][task.task if task.task in loaded["groups"] else next(iter(tasks))]
    key = metric_key(task, whole)
    metric, _, filter_name = key.partition(",")
    scores: dict[str, list[float]] = defaultdict(list)
    samples, answers = [], []
    for name, said in found["samples"].items():
        for sample in said:
            if sample["filter"] != filter_name:
                continue
            index, repeat = divmod(int(sample["doc_id"]), k)
            line = _suite_sample(name, chosen[name][index], repeat, sample, metric)
            if isinstance(line["score"], float):
                scores[line["id"]].append(line["score"])
            if isinstance(answer := sample["resps"][0][0], Answer):
                answers.append(answer)
            samples.append(line)
    shown = key if filter_name != "none" else metric
    n = len({line["id"] for line in samples})
    if len(tasks) == 1 and _is_mean(next(iter(tasks.values())), metric) and scores:
        row = _row(task.name, shown, list(scores.values()), n, k, _counts(answers))
    else:
        error = whole.get(f"{metric}_stderr,{filter_name}") if k == 1 else None
        row = _aggregated(task, shown, whole[key], error, n, k, _counts(answers))
    return [row, *_passes(task, list(scores.values()), n, k)], samples


def _aggregated(
    task: SuiteTask, metric: str, value: object, stderr: object, n: int, k: int, counts: Row
) -> Row:
    """A score that lm-eval made of many, in a way of its own. Raises JobError if it is no number."""
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise JobError(f"task {task.task}: {metric} came out as {value}", help="evaluate more rows")
    error = float(stderr) if isinstance(stderr, (int, float)) and math.isfinite(stderr) else None
    return {
        "task": task.name,
        "metric": metric,
        "value": float(value),
        "stderr": error,
        "low": None if error is None else value - 1.96 * error,
        "high": None if error is None else value + 1.96 * error,
        "n": n,
        "k": k,
        **counts,
    }


def _passes(task: Task, scores: Sequence[Sequence[float]], n: int, k: int) -> list[Row]:
    """A row for each pass@k of scores by problem."""
    rows = []
    for at in task.pass_at:
        found = [[pass_at(len(s), sum(x == 1 for x in s), at)] for s in scores if len(s) >= at]
        if found:
            rows.append(_row(f"{task.name}_pass{at}", f"pass@{at}", found, n, k, _counts([])))
    return rows


def _is_mean(task: Any, metric: str) -> bool:
    return task.aggregation().get(metric) is mean


def _suite_sample(name: str, document: int, repeat: int, sample: Row, metric: str) -> Row:
    answer = sample["resps"][0][0]
    said = isinstance(answer, Answer)
    thoughtless = said and answer.unterminated
    found = 0.0 if thoughtless else sample.get(metric)
    # Booleans are numbers here: right or wrong.
    score = float(found) if isinstance(found, (bool, int, float)) else str(found)
    return {
        "id": f"{name} {document}",
        "subtask": name,
        "sample": repeat,
        "place": f"{name} row {document + 1}",
        "stratum": name,
        "prompt": str(sample["arguments"][0][0]),
        "answer": answer.raw if said else [str(response[0]) for response in sample["resps"]],
        "extracted": str(sample["filtered_resps"][0]) if said else None,
        "gold": str(sample["target"]),
        "score": score,
        "note": UNTERMINATED if thoughtless else None,
        **(_ending(answer) if said else dict.fromkeys(("tokens", "stopped", "unterminated"))),
    }
