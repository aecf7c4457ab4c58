"""Preferences that contradict one another, or say nothing, through the whole job: an error, or a counted, listed drop."""

from __future__ import annotations

import json
from typing import Any

import pytest
from data_project import Dataset, Project, source

from smolc.runtime.jobs.errors import JobError

PAIRS = {"type": "preference", "prompt": "p", "chosen": "c", "rejected": "r"}
WHOLE = {"type": "preference", "prompt": None, "chosen": "c", "rejected": "r"}
JUDGED = {"type": "unpaired", "prompt": "p", "completion": "c", "label": "l"}


def pair(n: int, chosen: str = "good", rejected: str = "bad") -> dict[str, Any]:
    return {"p": f"q {n}", "c": chosen, "r": rejected}


def judged(n: int, answer: str, label: bool) -> dict[str, Any]:
    return {"p": f"q {n}", "c": answer, "l": label}


def conversation(*turns: tuple[str, str]) -> list[dict[str, str]]:
    return [{"role": role, "content": said} for role, said in turns]


SIX = [pair(n) for n in range(6)]
GOOD_AND_BAD = [judged(n, f"answer {n}", bool(n % 2)) for n in range(6)]
ASKED = ("user", "q")

# Format, method, good rows, the bad one, what the error says of it. Others are in test_bad_rows.py.
ROWS = {
    "a prompt that neither side begins with": (
        PAIRS, "dpo", SIX,
        {
            "p": "q",
            "c": conversation(("user", "other"), ("assistant", "a")),
            "r": conversation(ASKED, ("assistant", "b")),
        },
        "expected 'c' to start with the assistant, or to repeat the prompt",
    ),
    "two prompts": (
        WHOLE, "orpo", [{"c": conversation(ASKED, ("assistant", f"{n}")),
                         "r": conversation(ASKED, ("assistant", f"no {n}"))} for n in range(6)],
        {"c": conversation(("user", "one"), ("assistant", "a")), "r": conversation(("user", "two"), ("assistant", "b"))},
        "expected 'c' and 'r' to begin with the same prompt",
    ),
    "only the prompt": (
        WHOLE, "dpo", [{"c": conversation(ASKED, ("assistant", f"{n}")),
                        "r": conversation(ASKED, ("assistant", f"no {n}"))} for n in range(6)],
        {"c": conversation(ASKED), "r": conversation(ASKED, ("assistant", "b"))},
        "expected an answer in 'c', found only the prompt",
    ),
    "a side that says nothing": (
        WHOLE, "simpo", [{"c": conversation(ASKED, ("assistant", f"{n}")),
                          "r": conversation(ASKED, ("assistant", f"no {n}"))} for n in range(6)],
        {"c": conversation(ASKED, ("assistant", "a")), "r": conversation(ASKED, ("assistant", " "))},
        "expected the assistant .*, found empty",
    ),
    "a user within an answer": (
        WHOLE, "dpo", [{"c": conversation(ASKED, ("assistant", f"{n}")),
                        "r": conversation(ASKED, ("assistant", f"no {n}"))} for n in range(6)],
        {
            "c": conversation(ASKED, ("assistant", "a"), ("user", "more"), ("assistant", "b")),
            "r": conversation(ASKED, ("assistant", "c")),
        },
        "expected an answer of the assistant in 'c', found a message of 'user'",
    ),
    "an empty prompt": (
        JUDGED, "kto", GOOD_AND_BAD, {"p": " ", "c": "a", "l": True}, "expected text in 'p', found none",
    ),
    "an empty judged answer": (
        JUDGED, "kto", GOOD_AND_BAD, judged(9, "", True), "expected text in 'c', found none",
    ),
    "a label that is a score": (
        JUDGED, "kto", GOOD_AND_BAD, {"p": "q", "c": "a", "l": 0.7}, "expected true or false in 'l', found number 0.7",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ROWS)
def test_a_bad_row(project: Project, case: str) -> None:
    form, method, good, bad, says = ROWS[case]
    project.write("good.jsonl", good)
    project.write("rows.jsonl", [*good[:2], bad, *good[2:]])
    with pytest.raises(JobError, match=rf"(?s)rows\.jsonl:3.*{says}"):
        project.run(source("rows.jsonl", format=form), method=method)
    dropped = project.run(source("rows.jsonl", format=form, bad_rows=0.2), method=method)
    assert dropped.json("stats.json")["sources"][0]["rows_bad"] == 1
    assert [line["row"] for line in listed(dropped)] == ["rows.jsonl:3"]
    assert dropped.rows() == project.run(source("good.jsonl", format=form), method=method).rows()


def listed(dataset: Dataset) -> list[dict[str, Any]]:
    path = dataset.out / "dropped.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# Format, method, rows, and the numbers of those that contradict one another.
OPPOSITES = {
    "a pair the other way round": (PAIRS, "dpo", [*SIX, pair(2, "bad", "good")], {3: 7, 7: 3}),
    "one against two": (
        PAIRS, "simpo", [*SIX, pair(2, "bad", "good"), pair(2, "bad", "good")], {3: 7, 7: 3, 8: 3},
    ),
    "an answer good and bad": (JUDGED, "kto", [*GOOD_AND_BAD, judged(1, "answer 1", False)], {2: 7, 7: 2}),
    "the middle of a ranking, cut into good and bad": (
        PAIRS, "kto", [pair(1, "best", "middle"), pair(2), pair(1, "middle", "worst"), pair(3)], {1: 3, 3: 1},
    ),
    "conversations": (
        WHOLE, "cpo",
        [
            {"c": conversation(ASKED, ("assistant", a)), "r": conversation(ASKED, ("assistant", b))}
            for a, b in (("x", "y"), ("x", "z"), ("y", "x"))
        ],
        {1: 3, 3: 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OPPOSITES)
def test_answers_that_are_judged_both_ways(project: Project, case: str) -> None:
    form, method, rows, found = OPPOSITES[case]
    project.write("rows.jsonl", rows)
    first, other = next(iter(found.items()))
    with pytest.raises(
        JobError,
        match=rf"in {len(found)} rows the same answers .*\n  rows.jsonl:{first} and rows.jsonl:{other}",
    ) as caught:
        project.run(source("rows.jsonl", format=form), method=method)
    assert "drop(at_most" in str(caught.value.help)
    few = (len(found) - 1) / len(rows)
    with pytest.raises(JobError) as caught:
        project.run(source("rows.jsonl", format=form, bad_rows=few), method=method)
    assert f"at most {few:.2%} bad rows may be dropped (bad_rows)" in str(caught.value.help)
    dropped = project.run(source("rows.jsonl", format=form, bad_rows=len(found) / len(rows)), method=method)
    assert {
        line["row"]: line["of"] for line in listed(dropped) if line["why"].startswith("the same answers")
    } == {f"rows.jsonl:{row}": f"rows.jsonl:{of}" for row, of in found.items()}
    assert dropped.json("stats.json")["sources"][0]["contradictory_dropped"] == len(found)
    project.write("rows.jsonl", [row for n, row in enumerate(rows, 1) if n not in found])
    left = project.run(source("rows.jsonl", format=form), method=method)
    assert sorted(map(str, left.rows())) == sorted(map(str, dropped.rows()))


def test_sources_that_contradict_one_another(project: Project) -> None:
    """The one that may drop rows does; the other one says so."""
    project.write("one.jsonl", SIX)
    project.write("two.jsonl", [pair(4, "bad", "good"), *(pair(n) for n in range(10, 20))])
    one, two = (source(f"{name}.jsonl", name=name, format=PAIRS) for name in ("one", "two"))
    with pytest.raises(JobError, match=r"one: in 1 row .*\n  one.jsonl:5 and two.jsonl:1"):
        project.run(one, two | {"bad_rows": 0.5}, method="dpo")
    dropped = project.run(one | {"bad_rows": 0.2}, two | {"bad_rows": 0.1}, method="dpo")
    assert [(s["name"], s["contradictory_dropped"]) for s in dropped.json("stats.json")["sources"]] == [
        ("one", 1), ("two", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "method", "rows"),
    [
        (PAIRS, "dpo", [pair(1), pair(2, "bad", "good")]),  # of two prompts
        (PAIRS, "dpo", [pair(1), pair(1, "good", "worse"), pair(1, "best", "good")]),
        (PAIRS, "dpo", [pair(1, "YES", "yes"), pair(2)]),
        (PAIRS, "kto", [pair(1, "YES", "yes"), pair(2, "a", "a ")]),  # to the letter
    ],
)
def test_rows_that_do_not_contradict_one_another(
    project: Project, form: dict[str, Any], method: str, rows: list[Any]
) -> None:
    project.write("rows.jsonl", rows)
    dataset = project.run(source("rows.jsonl", format=form), method=method)
    assert len(dataset.rows()) == len(rows) * (2 if method == "kto" else 1)
    assert listed(dataset) == []


def test_pairs_twice_are_counted_and_dropped_where_the_recipe_says_so(project: Project) -> None:
    project.write("rows.jsonl", [*SIX, pair(2), pair(2, "GOOD", "bad")])
    counted = project.run(source("rows.jsonl", format=PAIRS), method="dpo")
    (stats,) = counted.json("stats.json")["sources"]
    assert (stats["repeated"], stats["duplicates_dropped"], len(counted.rows())) == (2, 0, 8)
    dropped = project.run(
        source("rows.jsonl", format=PAIRS), method="dpo", dedup={"type": "exact", "threshold": None}
    )
    (stats,) = dropped.json("stats.json")["sources"]
    assert (stats["duplicates_dropped"], len(dropped.rows())) == (2, 6)
    assert {(line["row"], line["of"]) for line in listed(dropped)} == {
        ("rows.jsonl:7", "rows.jsonl:3"), ("rows.jsonl:8", "rows.jsonl:3"),
    }  # fmt: skip


@pytest.mark.parametrize("label", [True, False])
def test_judged_answers_of_one_kind(project: Project, label: bool) -> None:
    project.write("rows.jsonl", [judged(n, f"answer {n}", label) for n in range(5)])
    with pytest.raises(JobError, match=f"all 5 answers are {'good' if label else 'bad'} ones") as caught:
        project.run(source("rows.jsonl", format=JUDGED), method="kto")
    assert ("sft" in str(caught.value.help)) == label
    assert not (project.build / "out" / "data" / "result.json").exists()


def test_judged_answers_are_counted(project: Project) -> None:
    project.write("rows.jsonl", [*GOOD_AND_BAD, judged(7, "x", True)])
    dataset = project.run(source("rows.jsonl", format=JUDGED), method="kto")
    assert "4 good and 3 bad answers" in dataset.json("stats.json")["notes"]


def test_a_pair_whose_answers_are_the_same_once_they_are_cut(project: Project) -> None:
    long = "the " * 300
    project.write("rows.jsonl", [*SIX, pair(7, long + "good", long + "bad")])
    cut = project.run(source("rows.jsonl", format=PAIRS), method="dpo", overlong="truncate")
    assert len(cut.rows()) == 6
    assert cut.json("stats.json")["sources"][0]["untrained"] == 1
