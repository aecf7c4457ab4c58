"""Answers and pairs in the report: what was counted, whatever a model said, and whatever a job left."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fake_jobs import FakeFolder

from smolc.runtime.report.run import render

RUNNING = {
    "engine": "auto", "batch": None, "processes": 1, "precision": "fp32", "trust_remote_code": False,
    "thinking": None,
}  # fmt: skip
ROWS = {
    "name": "words", "location": {"type": "files", "paths": ["w.jsonl"]}, "where": None, "system": None,
    "format": {"type": "prompt_completion", "prompt": "q", "completion": "a"}, "bad_rows": 0.0,
}  # fmt: skip
EVIL = "<script>alert(1)</script>"
RESULT = {
    "pairs": 12, "answers": 1200, "prompts": 400, "prompts_paired": 11, "longer_chosen": 0.75, "gap": 1.0,
    "lengths": {"characters": {"chosen": 30.0, "rejected": 20.0, "ratio": 1.5}, "tokens": None},
    "sources": {"tries": {"chosen": 0.25, "rejected": 1.0}},
    "dropped": {"an empty answer": 8, "as good, or nearer than the margin": 1380}, "bad": {"an empty answer": 8},
    "by": {"type": "exact", "answers": {"right": 20, "wrong": 1180}},
}  # fmt: skip


def folder(path: Path, **changes: Any) -> FakeFolder:
    made = FakeFolder(path, "", [])
    made.job(
        "tries", "tries: sft answers words 3 times", "tries", (), kind="generate", **RUNNING,
        subject={"name": "sft", "job": "sft", "template": None, "tokenizer": None}, checkpoint=None, subset=None,
        prompts=[{**ROWS, "weight": {"type": "all"}}], samples=3,
        decode={"temperature": 1.0, "top_p": 1.0, "max_new": 9},
    )  # fmt: skip
    made.job(
        "taste", "taste: pairs of tries, by exact", "taste", ("tries",), kind="pairs", **RUNNING,
        answers=[{"type": "generated", "name": "tries", "job": "tries"}], at_most=1, ties="drop",
        by={"type": "exact", "extract": {"type": "whole", "marker": None}, "problems": [ROWS]},
        unfinished="drop", bad_pairs=0.05, run_code=False,
    )  # fmt: skip
    made.job("contamination", "", None, (), kind="contamination", ngram=13, data=[], evals=[])
    tokens = {"median": 4, "p90": 9, "total": 5000}
    made.out("tries", "result.json", {"prompts": 400, "answers": 1200, "unfinished": 7, "tokens": tokens})
    made.out("taste", "result.json", {**RESULT, **changes})
    said = [{"content": EVIL}]
    pair = {"prompt": said, "chosen": said, "rejected": said, "scores": [1.0, 0.0]}
    made.out("taste", "pairs.jsonl", [pair, {"prompt": 3}, []])
    task = {"eval": "final", "task": "reversed", "leaked": 3, "of": 200}
    made.out("contamination", "overlap.json", {"evals": [], "data": [{"name": "words", "tasks": [task]}]})
    made.write()
    made.finish()
    return made


def section(path: Path) -> str:
    page = render(path)
    found = re.search(r'<section id="pairs">.*?</section>', page, re.DOTALL)
    assert found is not None
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]))


def test_what_was_counted(tmp_path: Path) -> None:
    folder(tmp_path)
    said = section(tmp_path)
    for words in (
        "tries sft answers words 3 times 400 1,200 4 (90%: up to 9) 7 cut off",
        "12 pairs from 1,200 answers; 11 of 400 prompts have one",
        "median length in characters 30 chosen, 20 rejected (1.5 times as long)",
        "the longer answer is chosen in 75.0% of the pairs whose lengths differ",
        "answers 20 right, 1,180 wrong",
        "final.reversed in words 3 of 200 problems",
        "tries 25.0% 100.0%",
        "an empty answer 8",
        "as good, or nearer than the margin 1,380",
        "chosen scores 1 and 0",
    ):
        assert words in said, words
    assert EVIL not in render(tmp_path) and "&lt;script&gt;" in render(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [dict.fromkeys(RESULT, broken) for broken in (None, "text", [], {"tokens": 3}, float("nan"))],
    ids=str,
)
def test_whatever_a_job_left(changes: dict[str, Any], tmp_path: Path) -> None:
    folder(tmp_path, **changes)
    assert "taste" in section(tmp_path)
