"""Known scores that come out, or do not, and what is said to look at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smolc.runtime.evaluate.replicate import run
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import ReplicateJob
from smolc.runtime.jobs.manifest import Cluster, Manifest

CLUSTER = Cluster(name="here", device="cpu", nodes=1, processes=1, parallel_jobs=1)
MANIFEST = Manifest(smolc="0", edition=1, recipe="r", about="", hash="h", root=".", cluster=CLUSTER, jobs=())
RESULTS: dict[str, Any] = {
    "decode": {"temperature": 0.0, "top_p": 1.0, "max_new": 1024},
    "templates": {"smol": {"template": "the model's own", "hash": "0123456789abcdef"}},
    "subsets": {},
}


def row(task: str, value: float | None, low: float | None, high: float | None, **more: Any) -> dict[str, Any]:
    metric = more.pop("metric", "exact_match")
    about = {"model": "smol", "task": task, "metric": metric, "value": value, "low": low, "high": high}
    return {**about, "n": 200, "k": 1, "no_answer": 0, "unterminated": 0, **more}


def replicate(
    folder: Path, rows: list[dict[str, Any]], *known: tuple[str, float, float], **results: Any
) -> Context:
    (folder / "out" / "check-known").mkdir(parents=True)
    text = json.dumps({**RESULTS, "rows": rows, **results})
    (folder / "out" / "check-known" / "results.json").write_text(text)
    published = [
        {"model": "smol", "task": task, "score": score, "tolerance": tolerance}
        for task, score, tolerance in known
    ]
    job = {"id": "check-replicated", "title": "t", "stage": "check", "needs": ["check-known"], "seed": 1}
    job |= {"device": "cpu", "kind": "replicate", "scores": "check-known", "published": published}
    return Context(folder, MANIFEST, ReplicateJob.model_validate(job))


def result(context: Context) -> dict[str, Any]:
    return dict(json.loads((context.out / "result.json").read_text()))


@pytest.mark.parametrize(
    ("value", "score", "tolerance", "holds"),
    [
        (0.30, 0.30, 0.0, True),
        (0.1 + 0.2, 0.28, 0.02, True),  # but for the arithmetic, the tolerance itself
        (0.26, 0.28, 0.02, True),
        (0.33, 0.30, 0.02, False),
        (0.27, 0.30, 0.02, False),
        (5.6, 5.4, 0.3, True),
        (4.9, 5.4, 0.3, False),
        (None, 0.3, 0.02, False),
    ],
)
def test_the_tolerance_is_absolute(
    tmp_path: Path, value: float | None, score: float, tolerance: float, holds: bool
) -> None:
    context = replicate(tmp_path, [row("ifeval", value, None, None)], ("ifeval", score, tolerance))
    if holds:
        run(context)
    else:
        with pytest.raises(JobError, match="a known score does not come out"):
            run(context)
    assert result(context)["holds"] is holds


def test_what_comes_out_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(replicate(tmp_path, [row("ifeval", 0.29, 0.25, 0.33)], ("ifeval", 0.3, 0.02)))
    said = capsys.readouterr().out.strip()
    assert said == "✓ smol.ifeval: 0.2900 [0.2500, 0.3300] (n = 200), published 0.3000 ± 0.0200"


def test_each_that_does_not_says_where_to_look(tmp_path: Path) -> None:
    rows = [
        row("ifeval", 0.1, 0.07, 0.14, no_answer=30, unterminated=4),
        row("gsm8k", 0.5, 0.4, 0.6),
        row("humaneval_pass8", 0.2, 0.1, 0.3, k=8, metric="pass@8"),
    ]
    known = (("ifeval", 0.3, 0.02), ("gsm8k", 0.5, 0.1), ("humaneval_pass8", 0.4, 0.1))
    context = replicate(tmp_path, rows, *known, subsets={"humaneval": 50})
    with pytest.raises(JobError) as caught:
        run(context)
    assert caught.value.message.splitlines() == [
        "2 known scores do not come out, so that what this eval says is not to be trusted:",
        "  ✗ smol.ifeval: 0.1000 [0.0700, 0.1400] (n = 200), published 0.3000 ± 0.0200",
        "    answers: 30 of 200 without an answer, 4 of 200 thought without end",
        "    template: the model's own (0123456789ab)",
        "    decoding: greedy, at most 1024 tokens",
        "    problems: all 200, 1 answer each",
        "    metric: exact_match",
        "  ✗ smol.humaneval_pass8: 0.2000 [0.1000, 0.3000] (n = 200, avg@8), published 0.4000 ± 0.1000",
        "    template: the model's own (0123456789ab)",
        "    decoding: greedy, at most 1024 tokens",
        "    problems: 50 drawn, 8 answers each",
        "    metric: pass@8",
    ]
    assert [one["holds"] for one in result(context)["replicated"]] == [False, True, False]


@pytest.mark.parametrize(
    ("results", "told"),
    [
        ({}, False),  # all problems, greedily: the same each time
        ({"subsets": {"ifeval": 200}}, True),
        ({"decode": {"temperature": 0.6, "top_p": 0.95, "max_new": 9}}, True),
    ],
)
def test_a_draw_too_small_to_tell_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], results: dict[str, Any], told: bool
) -> None:
    context = replicate(tmp_path, [row("ifeval", 0.27, 0.21, 0.34)], ("ifeval", 0.3, 0.02), **results)
    with pytest.raises(JobError) as caught:
        run(context)
    assert ("too few problems to tell" in capsys.readouterr().out) is told
    assert ("chance: the published score lies in the interval" in caught.value.message) is told


def test_a_draw_too_small_is_told_also_when_it_comes_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row("ifeval", 0.3, 0.2, 0.4)]
    run(replicate(tmp_path, rows, ("ifeval", 0.3, 0.02), subsets={"ifeval": 200}))
    assert "too few problems to tell" in capsys.readouterr().out


def test_another_scale_is_told(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"write shares as 29\.9%"):
        run(replicate(tmp_path, [row("ifeval", 0.299, 0.2, 0.4)], ("ifeval", 29.9, 1.0)))


@pytest.mark.parametrize("rows", [[], [row("ifeval", None, None, None)], [row("gsm8k", 0.3, 0.2, 0.4)]])
def test_what_was_not_scored_is_not_replicated(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(JobError, match=r"left no scores|smol\.ifeval: no score"):
        run(replicate(tmp_path, rows, ("ifeval", 0.3, 0.02)))
