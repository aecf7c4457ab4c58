"""One model on one task, through lm-eval's `evaluate`: a row of results, and the samples."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

from lm_eval.api.metrics import mean
from lm_eval.evaluator import evaluate

from smolc.runtime.evaluate.answers import extract
from smolc.runtime.evaluate.generate import Answer, ChatModel
from smolc.runtime.evaluate.metrics import clustered
from smolc.runtime.evaluate.own import OwnRows, Problem, render, repeat_documents
from smolc.runtime.evaluate.suite import metric_key
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import OwnTask, SuiteTask

Row = dict[str, Any]
DRAWS = 1000  # of the bootstrap, for lm-eval's metrics that are no means


def score_own(lm: ChatModel, task: OwnTask, problems: list[Problem]) -> tuple[Row, list[Row]]:
    """The share of right answers, with a standard error over problems."""
    rows = [(render(problem, lm.template), problem.gold) for problem in problems]
    own = OwnRows(task.name, task.extract, rows, task.avg)
    found = evaluate(lm, {"tasks": {task.name: own}}, bootstrap_iters=0)
    scores: dict[int, list[float]] = defaultdict(list)
    samples, answers = [], []
    for sample in sorted(found["samples"][task.name], key=lambda s: int(s["doc_id"])):
        index, repeat = divmod(int(sample["doc_id"]), task.avg)
        answer: Answer = sample["resps"][0][0]
        scores[index].append(sample["exact_match"])
        answers.append(answer)
        samples.append(
            {
                "index": index,
                "sample": repeat,
                "place": problems[index].place,
                "prompt": rows[index][0],
                "answer": answer.raw,
                "extracted": extract(answer, task.extract),
                "gold": rows[index][1],
                "score": sample["exact_match"],
                "tokens": answer.tokens,
                "stopped": answer.stopped,
                "unterminated": answer.unterminated,
            }
        )
    value, stderr = clustered([scores[i] for i in sorted(scores)])
    row = {
        "metric": "exact_match",
        "value": value,
        "stderr": stderr,
        "n": len(problems),
        "k": task.avg,
        **_counts(answers),
        "no_answer": sum(s["extracted"] is None and not s["unterminated"] for s in samples),
    }
    return row, samples


def _counts(answers: list[Answer]) -> Row:
    """How the answers ended; `stopped` is None where nothing was generated."""
    return {
        "no_answer": 0,
        "unterminated": sum(a.unterminated for a in answers),
        "stopped": sum(a.stopped for a in answers) / len(answers) if answers else None,
        "tokens": sum(a.tokens for a in answers),
    }


def score_suite(lm: ChatModel, task: SuiteTask, loaded: Row) -> tuple[Row, list[Row]]:
    """lm-eval's metric; where it is a mean, with the unterminated counted as wrong and a standard error over
    problems. Raises JobError."""
    generated = all(t.OUTPUT_TYPE == "generate_until" for t in loaded["tasks"].values())
    # Log-likelihoods come out the same each time.
    k = task.avg if generated else 1
    originals = {name: one.doc_iterator for name, one in loaded["tasks"].items()}
    for one in loaded["tasks"].values():
        repeat_documents(one, task.rows, k)
    try:
        found = evaluate(
            lm, loaded, bootstrap_iters=DRAWS, apply_chat_template=lm.template is not None, log_samples=True
        )
    finally:
        for name, one in loaded["tasks"].items():
            one.doc_iterator = originals[name]
    whole = found["results"][task.task if task.task in loaded["groups"] else next(iter(loaded["tasks"]))]
    key = metric_key(task, whole)
    metric, _, filter_name = key.partition(",")
    value, stderr = whole[key], whole.get(f"{metric}_stderr,{filter_name}")
    scores: dict[tuple[str, int], list[float]] = defaultdict(list)
    samples, answers = [], []
    for name, said in found["samples"].items():
        for sample in said:
            if sample["filter"] != filter_name:
                continue
            index, repeat = divmod(int(sample["doc_id"]), k)
            answer = sample["resps"][0][0]
            thoughtless = isinstance(answer, Answer) and answer.unterminated
            score = 0.0 if thoughtless else sample.get(metric)
            if isinstance(score, (int, float)):
                scores[name, index].append(float(score))
            if isinstance(answer, Answer):
                answers.append(answer)
            samples.append(_suite_sample(name, index, repeat, sample, answer, score))
    if len(loaded["tasks"]) == 1 and _is_mean(next(iter(loaded["tasks"].values())), metric) and scores:
        value, stderr = clustered(list(scores.values()))
    elif k > 1:
        stderr = None
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise JobError(f"task {task.task}: {key} came out as {value}", help="evaluate more rows")
    row = {
        "metric": key if filter_name != "none" else metric,
        "value": float(value),
        "stderr": float(stderr) if isinstance(stderr, (int, float)) and math.isfinite(stderr) else None,
        "n": len({(s["subtask"], s["index"]) for s in samples}),
        "k": k,
        **_counts(answers),
    }
    return row, samples


def _is_mean(task: Any, metric: str) -> bool:
    return task.aggregation().get(metric) is mean


def _suite_sample(name: str, index: int, repeat: int, sample: Row, answer: Any, score: Any) -> Row:
    filtered = sample["filtered_resps"][0]
    said = isinstance(answer, Answer)
    return {
        "subtask": name,
        "index": index,
        "sample": repeat,
        "prompt": str(sample["arguments"][0][0]),
        "answer": answer.raw if said else [str(response[0]) for response in sample["resps"]],
        "extracted": str(filtered) if said else None,
        "gold": str(sample["target"]),
        "score": score if isinstance(score, (int, float)) else str(score),
        "tokens": answer.tokens if said else None,
        "stopped": answer.stopped if said else None,
        "unterminated": answer.unterminated if said else None,
    }
