"""Verifiers: exact answers, and programs with their tests in the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from paired import answered, made, pairs_in, result_of, rows, write

from smolc.runtime.execute.outcome import in_short
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.manifest import Entry

NUMBER = {"type": "last_number", "marker": None}


def exact(*problems: dict[str, Any], extract: dict[str, Any] = NUMBER) -> dict[str, Any]:
    return {"type": "exact", "extract": extract, "problems": list(problems)}


def test_right_answers_over_wrong_ones(tmp_path: Path) -> None:
    write(
        tmp_path,
        "problems",
        [{"question": q, "answer": f"#### {n}"} for q, n in (("a", 7), ("b", 1_000), ("c", 3))],
    )
    said = {
        "a": ["it is 7.", "it is 8.", "no idea"],
        "b": ["1,000", "$1000.00"],
        "c": ["4", "5"],
        "d": ["6", "7"],
    }
    context = made(tmp_path, [answered(tmp_path, "tries", said)], exact(rows("problems")), at_most=2)
    assert sorted(pairs_in(context)) == [("a", "it is 7.", "it is 8."), ("a", "it is 7.", "no idea")]
    result = result_of(context)
    assert result["by"]["answers"] == {
        "right": 3, "wrong": 3, "no answer": 1, "without a problem": 2,
    }  # fmt: skip
    assert result["dropped"] == {
        "as good, or nearer than the margin": 3,
        "answers to a prompt that no problem has": 2,
    }


def test_what_stands_in_a_thought_is_no_answer(tmp_path: Path) -> None:
    write(tmp_path, "problems", [{"question": "a", "answer": "7"}])
    write(tmp_path, "old", [{"question": "a", "answer": said} for said in ("<t>8?</t>7", "<t>7?</t>8")])
    old = {"type": "rows", **rows("old")}
    context = made(tmp_path, [old], exact(rows("problems")), thinking=["<t>", "</t>"])
    assert pairs_in(context) == [("a", "<t>8?</t>7", "<t>7?</t>8")]


def test_rows_that_are_left_out_are_counted_and_listed(tmp_path: Path) -> None:
    """Of answers, of problems, and of problems that do not say what is right, whose answers are told apart from others'."""
    write(
        tmp_path, "problems", [{"question": q, "answer": n} for q, n in (("a", "1"), ("b", "?"), ("", "2"))]
    )
    write(
        tmp_path,
        "old",
        [{"question": q, "answer": n} for q, n in (("a", "1"), ("a", "2"), ("b", "3"), ("c", None))],
    )
    old = {"type": "rows", **rows("old", bad_rows=0.5)}
    context = made(tmp_path, [old], exact(rows("problems", bad_rows=0.7)))
    assert pairs_in(context) == [("a", "1", "2")]
    dropped = result_of(context)["dropped"]
    assert dropped["a row that cannot be read"] >= 2
    assert dropped["answers to a problem whose row does not say what is right"] == 1
    listed = (context.out / "dropped.jsonl").read_text(encoding="utf-8")
    assert "old.jsonl:4" in listed and "problems.jsonl:2" in listed


def test_problems_that_disagree_or_say_nothing(tmp_path: Path) -> None:
    tries = answered(tmp_path, "tries", {"a": ["1", "2"], "b": ["1", "2"]})
    write(
        tmp_path, "problems", [{"question": q, "answer": n} for q, n in (("a", "1"), ("a", "2"), ("b", "1"))]
    )
    context = made(tmp_path, [tries], exact(rows("problems")))
    assert pairs_in(context) == [("b", "1", "2")]
    entry = Entry(id="taste", kind="pairs", title="t", stage=None, needs=(), hash="h")
    assert in_short(tmp_path, entry) == "1 pair from 4 answers; of 2 no problem says what is right"
    assert result_of(context)["dropped"] == {"two problems with this prompt and different answers": 2}
    write(tmp_path, "problems", [{"question": "a", "answer": "who knows"}])
    with pytest.raises(JobError, match=r"problems.jsonl:1: expected an answer to compare with, found none"):
        made(tmp_path, [tries], exact(rows("problems")))


GOOD = "```python\ndef twice(x):\n    return 2 * x\n```"
PROGRAMS = {
    "wrong": "```python\ndef twice(x):\n    return x\n```",
    "hangs": "```python\ndef twice(x):\n    while True:\n        pass\n```",
    "forks": "```python\nimport os\ndef twice(x):\n    while True:\n        os.fork()\n```",
    "eats memory": "```python\ndef twice(x):\n    return bytearray(2**40)\n```",
    "ends itself": "```python\nimport os\ndef twice(x):\n    os._exit(0)\n```",
    "is prose": "I would multiply it by two.",
}


def mbpp(*problems: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tests", "dialect": "mbpp", "problems": list(problems)}


@pytest.mark.slow
def test_programs_that_pass_over_those_that_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that hangs, forks or eats memory is ended within its limits, and loses."""
    from smolc.runtime.evaluate.sandbox import Limits
    from smolc.runtime.evaluate.tasks import code

    monkeypatch.setattr(code, "LIMITS", Limits(seconds=0.5))
    problem = {"text": "Double.", "code": "def twice(x): return x + x", "test_list": ["assert twice(3) == 6"]}
    write(tmp_path, "problems", [{**problem, "question": q, "answer": "see tests"} for q in PROGRAMS])
    tries = answered(tmp_path, "tries", {q: [program, GOOD] for q, program in PROGRAMS.items()})
    context = made(tmp_path, [tries], mbpp(rows("problems")), run_code=True)
    assert pairs_in(context) == [(q, GOOD, program) for q, program in PROGRAMS.items()]
    counted = result_of(context)["by"]["programs"]
    assert counted["passed"] == len(PROGRAMS) and counted["timed out"] == 1 and counted["no program"] == 1
    assert counted["failed"] == 3 and counted["out of memory"] == 1


def test_programs_are_not_run_unless_the_recipe_says_so(tmp_path: Path) -> None:
    tries = answered(tmp_path, "tries", {"a": [GOOD, "none"]})
    with pytest.raises(JobError, match="its programs may not be run"):
        made(tmp_path, [tries], mbpp())
