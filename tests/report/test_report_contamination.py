"""What of the evals is in the training data, in the report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from smolc.runtime.jobs.manifest import Entry, Manifest
from smolc.runtime.report.collect import JobView, Run
from smolc.runtime.report.contamination import contamination

LEAKED = {"id": "t:1", "row": "train.jsonl:7", "problem": "t:1", "verbatim": 1.0, "near": 0.9}
OVERLAP = {
    "evals": [
        {"eval": "final", "task": "maths", "compared": 4, "why": None},
        {"eval": "final", "task": "gone", "compared": 0, "why": "no such <file>"},
    ],
    "data": [
        {
            "name": "train", "by": ["tune"], "used": "trained", "rows": 1000, "why": None,
            "tasks": [
                {"eval": "final", "task": "maths", "leaked": 1, "of": 4, "removed": 2,
                 "shown": [{**LEAKED, "said": "How many?", "asked": "How many ..."}]},
                {"eval": "final", "task": "other", "leaked": 0, "of": 4, "removed": 0, "shown": []},
            ],
        }
    ],
    "leaked": {"final": {"maths": ["t:1"], "other": []}},
}  # fmt: skip


def view(folder: Path, id: str, kind: str, stage: str | None) -> JobView:
    entry = Entry(id=id, kind=kind, title="", stage=stage, needs=(), hash="h")
    (folder / id).mkdir()
    return JobView(entry, None, "done", 1.0, {}, (), folder / id)


def folder(path: Path) -> Run:
    cluster = {"name": "local", "device": "cpu", "nodes": 1, "processes": 1, "parallel_jobs": 1}
    manifest = Manifest(
        smolc="0", edition=1, recipe="r", about="", hash="h", root=".", cluster=cluster, jobs=()
    )
    found = Run(
        path,
        manifest,
        (view(path, "contamination", "contamination", None), view(path, "final", "evaluate", "final")),
    )
    (path / "contamination" / "overlap.json").write_text(json.dumps(OVERLAP))
    lines = [
        {"model": "sft", "task": "maths", "id": f"t:{i}", "score": score}
        for i, scores in enumerate([(0, 0), (1, 1), (1, 0), (0, 0)])
        for score in scores
    ]
    (path / "final" / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return found


def test_leaks_are_told_with_what_was_not_compared(tmp_path: Path) -> None:
    told = contamination(folder(tmp_path))
    assert told is not None and told.found
    assert told.said == "4 problems of the evals were looked for in 1,000 rows of data"
    (leak,) = told.leaks
    assert (leak.data, leak.used, leak.task) == ("train", "trained on in tune", "final.maths")
    assert (leak.problems, leak.removed) == ("1 of 4 (25.0%)", "2")
    assert [(one.row, one.problem) for one in leak.examples] == [("train.jsonl:7", "t:1")]
    assert told.missing == ("final.gone: no such <file>",)


def test_scores_are_told_without_the_problems_that_leaked(tmp_path: Path) -> None:
    """Of 0, 1, 0.5 and 0 the 1 was in the data."""
    told = contamination(folder(tmp_path))
    assert told is not None
    (score,) = told.scores
    assert (score.model, score.task, score.n) == ("sft", "final.maths", "3 of 4")
    assert (score.whole, score.without) == ("37.5%", "16.7%")


def test_nothing_is_told_where_nothing_was_compared(tmp_path: Path) -> None:
    run = folder(tmp_path)
    assert contamination(replace(run, jobs=run.jobs[1:])) is None
    (tmp_path / "contamination" / "overlap.json").write_text("{")
    assert contamination(run) is None
