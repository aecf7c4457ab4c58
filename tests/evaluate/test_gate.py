from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smolc.runtime.evaluate.gate import compare, doubts_of, run
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import GateJob
from smolc.runtime.jobs.manifest import Cluster, Manifest

CLUSTER = Cluster(name="here", device="cpu", nodes=1, processes=1, parallel_jobs=1)
MANIFEST = Manifest(smolc="0", edition=1, recipe="r", about="", hash="h", root=".", cluster=CLUSTER, jobs=())


def gate(folder: Path, *checks: tuple[str, str, str, list[tuple[int, Any]]]) -> Context:
    rows = [
        {"model": "base", "task": "words", "value": 0.1},
        {"model": "sft", "task": "words", "value": 0.6},
        {"model": "v1.5", "task": "gsm8k.main", "value": float("nan")},
    ]
    (folder / "out" / "final").mkdir(parents=True, exist_ok=True)
    (folder / "out" / "final" / "results.json").write_text(json.dumps({"role": "test", "rows": rows}))
    said = [{"text": t, "left": left, "operator": o, "terms": terms} for t, left, o, terms in checks]
    job = {
        "id": "final.expect",
        "title": "t",
        "stage": "final",
        "needs": ["final"],
        "seed": 1,
        "device": "cpu",
    }
    whole = {**job, "kind": "gate", "scores": "final", "checks": said}
    return Context(folder, MANIFEST, GateJob.model_validate(whole))


def test_checks_that_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    context = gate(
        tmp_path,
        ("sft.words >= 60%", "sft.words", ">=", [(1, 0.6)]),
        ("sft.words >= base.words + 50%", "sft.words", ">=", [(1, "base.words"), (1, 0.5)]),
        ("sft.words > base.words - 1%", "sft.words", ">", [(1, "base.words"), (-1, 0.01)]),
    )
    run(context)
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "✓ sft.words >= base.words + 50%   (0.6000 against 0.6000)"
    assert said[2] == "✓ sft.words > base.words - 1%   (0.6000 against 0.0900)"
    assert json.loads((context.out / "result.json").read_text())["holds"] is True


def test_checks_that_do_not_hold_are_all_listed(tmp_path: Path) -> None:
    context = gate(
        tmp_path,
        ("sft.words >= 90%", "sft.words", ">=", [(1, 0.9)]),
        ("base.words < 50%", "base.words", "<", [(1, 0.5)]),
        ("v1.5.gsm8k.main > 0", "v1.5.gsm8k.main", ">", [(1, 0.0)]),
    )
    with pytest.raises(JobError) as caught:
        run(context)
    assert caught.value.message.splitlines() == [
        "2 expectations of this eval do not hold:",
        "  ✗ sft.words >= 90%   (0.6000 against 0.9000)",
        "  ✗ v1.5.gsm8k.main > 0   (no score: v1.5.gsm8k.main)",
    ]
    result = json.loads((context.out / "result.json").read_text())
    assert [c["holds"] for c in result["checks"]] == [False, True, False]


def test_no_scores_is_an_error(tmp_path: Path) -> None:
    context = gate(tmp_path)
    (tmp_path / "out" / "final" / "results.json").unlink()
    with pytest.raises(JobError, match="left no scores"):
        run(context)


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [
        ("==", False, True, False),
        ("!=", True, False, True),
        ("<", True, False, False),
        ("<=", True, True, False),
        (">", False, False, True),
        (">=", False, True, True),
    ],
)
def test_operators(operator: str, below: bool, equal: bool, above: bool) -> None:
    third = 0.1 + 0.2
    assert [compare(x, operator, 0.3) for x in (0.2, third, 0.4)] == [below, equal, above]


ANSWERS: dict[str, Any] = {
    "model": "sft",
    "task": "words",
    "metric": "exact_match",
    "value": 0.7,
    "n": 100,
    "k": 2,
}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"no_answer": 20}, None),
        ({"no_answer": 21}, "21 of 200 without an answer"),
        ({"unterminated": 60, "no_answer": 30}, "30 of 200 without an answer, 60 of 200 thought without end"),
        ({"n": 60, "k": 1, "unjudged": 40}, "40 of 100 without a verdict of the judge"),
        ({"value": None, "n": 10, "k": 1, "unjudged": 10}, "10 of 10 without a verdict of the judge"),
    ],
)
def test_many_answers_without_a_score_are_told(row: dict[str, Any], said: str | None) -> None:
    doubts = doubts_of({"rows": [{**ANSWERS, **row}]})
    assert doubts == ({} if said is None else {"sft.words": said})


def test_a_check_tells_what_is_doubtful_about_its_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    context = gate(tmp_path, ("sft.words_pass8 >= 60%", "sft.words_pass8", ">=", [(1, 0.6)]))
    rows = [{**ANSWERS, "no_answer": 50}, {**ANSWERS, "task": "words_pass8", "metric": "pass@8"}]
    (context.out_of("final") / "results.json").write_text(json.dumps({"rows": rows}))
    run(context)
    assert capsys.readouterr().out.strip() == (
        "✓ sft.words_pass8 >= 60%   (0.7000 against 0.6000; sft.words_pass8: 50 of 200 without an answer)"
    )


def test_what_is_not_scored_has_no_score(tmp_path: Path) -> None:
    context = gate(tmp_path, ("sft.taste >= 60%", "sft.taste", ">=", [(1, 0.6)]))
    rows = [{**ANSWERS, "task": "taste", "value": None}]
    (context.out_of("final") / "results.json").write_text(json.dumps({"rows": rows}))
    with pytest.raises(JobError, match=r"no score: sft\.taste"):
        run(context)
