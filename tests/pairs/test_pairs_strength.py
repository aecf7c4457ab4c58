"""Strong over weak, and what every way of making pairs has in common: ties, duplicates, opposite labels, tolerance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from paired import STRENGTH, answered, dropped, made, pairs_in, result_of, rows, write

from smolc.runtime.jobs.errors import JobError


def test_strong_over_weak(tmp_path: Path) -> None:
    strong = answered(tmp_path, "strong", {"a": ["good one"], "b": ["good"], "c": ["same"]})
    weak = answered(tmp_path, "weak", {"b": ["bad"], "a": ["very bad one"], "c": ["same"], "d": ["alone"]})
    context = made(tmp_path, [strong, weak])
    assert pairs_in(context) == [("a", "good one", "very bad one"), ("b", "good", "bad")]
    result = result_of(context)
    assert result["dropped"] == {
        "the same answer on both sides": 1,
        "prompts that one side only answered": 1,
    }
    assert (result["pairs"], result["answers"], result["prompts"], result["prompts_paired"]) == (2, 7, 4, 2)
    assert result["lengths"] == {
        "characters": {"chosen": 6.0, "rejected": 7.5, "ratio": 0.8},
        "tokens": {"chosen": 1.5, "rejected": 2.0, "ratio": 0.75},
    }
    assert result["longer_chosen"] == 0.0  # of the one pair whose answers differ in tokens
    assert result["sources"] == {
        "strong": {"chosen": 1.0, "rejected": 0.0},
        "weak": {"chosen": 0.0, "rejected": 1.0},
    }
    assert [line["why"] for line in dropped(tmp_path)] == [
        "prompts that one side only answered",
        "the same answer on both sides",
    ]


def test_columns_of_a_dataset_are_answers(tmp_path: Path) -> None:
    write(tmp_path, "both", [{"question": "a", "good": "yes", "bad": "no"}])
    sides = [
        {
            "type": "rows",
            **rows(name := "both"),
            "name": side,
            "format": {**rows(name)["format"], "completion": column},
        }
        for side, column in (("strong", "good"), ("weak", "bad"))
    ]
    context = made(tmp_path, sides)
    assert pairs_in(context) == [("a", "yes", "no")]
    assert result_of(context)["lengths"]["tokens"] is None


@pytest.mark.parametrize(("at_most", "pairs"), [(1, 1), (2, 2), (9, 4)])
def test_at_most_so_many_of_a_prompt_and_each_answer_before_any_twice(
    at_most: int, pairs: int, tmp_path: Path
) -> None:
    strong = answered(tmp_path, "strong", {"a": ["s1", "s2", "s1"]})
    weak = answered(tmp_path, "weak", {"a": ["w1", "w2"]})
    context = made(tmp_path, [strong, weak], at_most=at_most)
    found = pairs_in(context)
    assert len(found) == len(set(found)) == pairs
    if pairs == 2:
        assert {said for pair in found for said in pair[1:]} == {"s1", "s2", "w1", "w2"}
    assert result_of(context)["dropped"]["the same answer from there before"] == 1
    assert result_of(context)["dropped"].get("more pairs of a prompt than wanted", 0) == 4 - pairs


def test_answers_that_differ_in_spaces_around_them_are_the_same(tmp_path: Path) -> None:
    strong = answered(tmp_path, "strong", {"a": ["b"], "c": ["x", " y", "x\n"]})
    weak = answered(tmp_path, "weak", {"a": ["b "], "c": ["y", "z"]})
    context = made(tmp_path, [strong, weak], at_most=9)
    assert sorted(pairs_in(context)) == [("c", " y", "z"), ("c", "x", "y"), ("c", "x", "z")]
    assert result_of(context)["dropped"] == {
        "the same answer from there before": 1,
        "the same answer on both sides": 2,
    }


def test_the_same_seed_makes_the_same_pairs(tmp_path: Path) -> None:
    found = []
    for number, seed in enumerate((1, 1, 2)):
        folder = tmp_path / str(number)
        strong = answered(folder, "strong", {q: [f"{q} s{i}" for i in range(4)] for q in "abcdef"})
        weak = answered(folder, "weak", {q: [f"{q} w{i}" for i in range(4)] for q in "abcdef"})
        found.append(pairs_in(made(folder, [strong, weak], seed=seed)))
    assert found[0] == found[1] != found[2]


def test_opposite_labels_of_the_same_two_answers(tmp_path: Path) -> None:
    said = {q: ["fine", f"{q} good"] for q in "abcdefgh"}
    strong = answered(tmp_path, "strong", {**said, "z": ["x", "y"]})
    weak = answered(tmp_path, "weak", {**{q: [f"{q} bad"] for q in said}, "z": ["y", "x"]})
    context = made(tmp_path, [strong, weak], bad_pairs=0.1)
    assert all(question != "z" for question, _, _ in pairs_in(context))
    result = result_of(context)
    assert result["bad"] == {"the same two answers with opposite labels": 2}
    assert result["dropped"]["the same answer on both sides"] == 2
    with pytest.raises(
        JobError, match=r"2 of 20 couples of answers cannot be used, and at most 5.00% may be dropped"
    ) as error:
        made(tmp_path, [strong, weak], bad_pairs=0.05)
    assert "the same two answers with opposite labels: 2, such as" in error.value.message
    assert "bad_pairs = drop" in (error.value.help or "")


@pytest.mark.parametrize(
    ("weak", "why"),
    [
        ({"a": [" \n"]}, "an empty answer: 1, such as weak, problems.jsonl:1 (answer 1)"),
        ({"a": [""]}, "an empty answer"),
    ],
)
def test_an_empty_side_is_an_error_beyond_the_tolerance(
    weak: dict[str, list[str]], why: str, tmp_path: Path
) -> None:
    sets = [answered(tmp_path, "strong", {"a": ["good"]}), answered(tmp_path, "weak", weak)]
    with pytest.raises(JobError) as error:
        made(tmp_path, sets, bad_pairs=0.0)
    assert why in error.value.message and "none may be dropped" in error.value.message


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"stopped": False}, "cut off before its end"),
        ({"unterminated": True}, "thought without end"),
    ],
)
def test_answers_that_did_not_end(more: dict[str, Any], why: str, tmp_path: Path) -> None:
    strong = answered(tmp_path, "strong", {"a": ["good"], "b": ["good"]})
    weak = answered(tmp_path, "weak", {"a": ["bad"]}, **more)
    other = answered(tmp_path, "other", {"b": ["bad"]})
    by = {**STRENGTH, "rejected": ["weak", "other"]}
    context = made(tmp_path, [strong, weak, other], by, bad_pairs=0.5)
    assert pairs_in(context) == [("b", "good", "bad")]
    assert result_of(context)["dropped"][why] == 1
    if "stopped" in more:
        assert len(pairs_in(made(tmp_path, [strong, weak, other], by, unfinished="keep"))) == 2


def test_no_pairs_are_an_error_that_says_why(tmp_path: Path) -> None:
    sets = [answered(tmp_path, name, {"a": ["same"]}) for name in ("strong", "weak")]
    with pytest.raises(JobError, match="no pairs came out of 2 answers: 1 the same answer on both sides"):
        made(tmp_path, sets)
    with pytest.raises(JobError, match="1 couple of answers has no better one, and ties = error"):
        made(tmp_path, sets, ties="error")


def test_a_prompt_that_is_no_conversation(tmp_path: Path) -> None:
    write(tmp_path, "strong", [{"text": "just text"}])
    text = {"type": "rows", **rows("strong", format={"type": "text", "column": "text"})}
    with pytest.raises(JobError, match="running text has no prompts"):
        made(tmp_path, [text])


def test_rows_that_the_format_cannot_read(tmp_path: Path) -> None:
    write(tmp_path, "strong", [{"question": "a"}])
    with pytest.raises(JobError, match=r"strong: 1 bad row\n  strong.jsonl:1: "):
        made(tmp_path, [{"type": "rows", **rows("strong")}])
