"""The job: planted leaks are found, and nothing else is; what cannot be compared is told; what ends the run."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from contaminated import context, data, measured, overlap, own, problems, told, write

from smolc.runtime.contamination.leaked import leaked_in
from smolc.runtime.contamination.run import run
from smolc.runtime.jobs.errors import JobError

WORDS = ("really", "perhaps", "also", "quite", "then")


def verbatim(text: str) -> str:
    return text


def reformatted(text: str) -> str:
    """Other case, punctuation, spaces and lines; the numbers are kept."""
    return "**Problem** -- " + re.sub(r"[.?]", " !\n", text.upper()).replace(" ", "  ")


def reworded(text: str) -> str:
    """One word in ten is another one, or is left out; the numbers are kept."""
    draw = random.Random(text)
    said = text.split()
    for i in range(draw.randrange(5), len(said), 10):
        if not any(c.isdigit() for c in said[i]):
            said[i] = draw.choice(("", draw.choice(WORDS)))
    return f"Please solve this for me: {' '.join(said)} Think step by step, and explain it."


LONG = [pytest.mark.slow, pytest.mark.long]


@pytest.mark.parametrize(
    "copy", [verbatim, pytest.param(reformatted, marks=LONG), pytest.param(reworded, marks=LONG)]
)
def test_fifty_planted_problems_are_found_and_no_others(tmp_path: Path, copy: Any) -> None:
    test, train = problems(200, seed=1), problems(5000, seed=2)
    write(tmp_path, "test.jsonl", test)
    draw = random.Random(3)
    planted = draw.sample(range(len(test)), 50)
    at = draw.sample(range(len(train)), 50)
    for row, problem in zip(at, planted, strict=True):
        train[row] = {"question": copy(test[problem]["question"]), "answer": "I do not know."}
    write(tmp_path, "train.jsonl", train)
    found = overlap(context(tmp_path, [data()], [measured(own(), action="warn")]))
    (source,) = found["data"]
    (task,) = source["tasks"]
    assert (source["rows"], task["leaked"], task["of"], task["share"]) == (5000, 50, 200, 0.25)
    ids = {f"test.jsonl:{i + 1}" for i in planted}
    assert {problem["id"] for problem in task["problems"]} == ids
    assert leaked_in(found, "final") == {"maths": ids}
    places = {f"test.jsonl:{p + 1}": f"train.jsonl:{row + 1}" for row, p in zip(at, planted, strict=True)}
    assert len(task["shown"]) == 20
    assert all(places[shown["problem"]] == shown["row"] for shown in task["shown"])


@pytest.mark.slow
@pytest.mark.long
def test_clean_data_has_none(tmp_path: Path) -> None:
    write(tmp_path, "test.jsonl", problems(200, seed=1))
    write(tmp_path, "train.jsonl", problems(5000, seed=2))
    found = overlap(context(tmp_path, [data()], [measured(own())]))
    assert found["leaked"] == {"final": {"maths": []}}
    assert found["evals"][0]["compared"] == 200


def leaky(folder: Path, *sources: dict[str, Any], **eval: Any) -> Any:
    test = problems(20, seed=1)
    write(folder, "test.jsonl", test)
    write(folder, "train.jsonl", [*problems(20, seed=2), *test[:3]])
    return context(folder, list(sources or [data()]), [measured(own(), **eval)])


def test_a_test_set_that_is_trained_on_ends_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = leaky(tmp_path)
    with pytest.raises(JobError, match=r"train \(in tune\): 3 of 20 problems of final\.maths") as raised:
        run(job)
    assert "decontaminate = ngram(13)" in str(raised.value.help)
    assert len(told(job)["leaked"]["final"]["maths"]) == 3
    said = capsys.readouterr().out
    assert "train (23 rows): 3 of 20 problems of final.maths\n  train.jsonl:21 has test.jsonl:1: '" in said


@pytest.mark.parametrize(
    ("source", "eval"), [({}, {"action": "warn", "role": "validation"}), ({"used": "declared"}, {})]
)
def test_others_are_told(tmp_path: Path, source: dict[str, Any], eval: dict[str, Any]) -> None:
    found = overlap(leaky(tmp_path, data(**source), **eval))
    assert found["data"][0]["tasks"][0]["leaked"] == 3


def test_rows_that_decontamination_drops_are_not_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = overlap(leaky(tmp_path, data(decontaminate=13)))
    task = found["data"][0]["tasks"][0]
    assert (task["leaked"], task["removed"], task["problems"]) == (0, 3, [])
    assert "0 of 20 problems of final.maths; 3 more are dropped by decontaminate" in capsys.readouterr().out


def test_rows_that_are_filtered_are_not_compared(tmp_path: Path) -> None:
    kept = {"column": "answer", "operator": "==", "value": "nothing"}
    found = overlap(leaky(tmp_path, data(where=kept)))
    assert found["data"][0]["rows"] == 0


def test_what_cannot_be_had_is_told_and_the_rest_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = own("gone", "gone.jsonl")
    job = leaky(tmp_path, data(), data("lost.jsonl"), action="warn")
    job = context(tmp_path, [d.model_dump() for d in job.job.data], [measured(own(), gone, action="warn")])
    found = overlap(job)
    assert [(one["task"], one["problems"], one["why"]) for one in found["evals"]] == [
        ("maths", 20, None), ("gone", 0, "gone.jsonl: no such file")
    ]  # fmt: skip
    assert [(one["name"], one["why"]) for one in found["data"]] == [
        ("train", None), ("lost", "lost.jsonl: no such file")
    ]  # fmt: skip
    assert [task["task"] for task in found["data"][0]["tasks"]] == ["maths"]
    said = capsys.readouterr().out
    assert "final.gone: not compared: gone.jsonl: no such file" in said
    assert "lost: not compared: lost.jsonl: no such file" in said


def test_all_files_that_were_read_are_noted(tmp_path: Path) -> None:
    """Those of the evals too, which another process reads: a changed file makes the job run again."""
    job = leaky(tmp_path, action="warn")
    run(job)
    assert set(job.inputs) == {"train.jsonl", "test.jsonl"}


def test_bad_rows_are_counted(tmp_path: Path) -> None:
    job = leaky(tmp_path, action="warn")
    with (tmp_path / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"question": 5}\nnothing\n')
    assert [(one["rows"], one["bad"]) for one in overlap(job)["data"]] == [(23, 2)]


def test_several_chunks_are_compared_by_several_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMOLC_WORKERS", "2")
    test = problems(50, seed=1)
    write(tmp_path, "test.jsonl", test)
    train = problems(4000, seed=2)
    write(tmp_path, "train.jsonl", [test[7], *train, test[8]])
    assert (tmp_path / "train.jsonl").stat().st_size > 1 << 20
    found = overlap(context(tmp_path, [data()], [measured(own(), action="warn")]))
    assert found["leaked"]["final"]["maths"] == ["test.jsonl:8", "test.jsonl:9"]
    assert found["data"][0]["rows"] == 4002


@pytest.mark.parametrize("format", ["messages", "preference", "text"])
def test_every_kind_of_row_is_compared(tmp_path: Path, format: str) -> None:
    (one,) = problems(1, seed=1)
    write(tmp_path, "test.jsonl", [one])
    asked = one["question"]
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": f"A riddle: {asked}"}]
    rows = {
        "messages": {"messages": turns},
        "preference": {"p": "Tell me one", "good": "No", "bad": asked},
        "text": {"text": f"{'A long document goes on. ' * 2000}{asked}{' And on it goes, still.' * 2000}"},
    }
    formats = {
        "messages": {"type": "messages", "column": "messages", "tools": None, "template_kwargs": None},
        "preference": {"type": "preference", "prompt": "p", "chosen": "good", "rejected": "bad"},
        "text": {"type": "text", "column": "text"},
    }
    write(tmp_path, "train.jsonl", [rows[format]])
    job = context(tmp_path, [data(format=formats[format])], [measured(own(), action="warn")])
    assert overlap(job)["leaked"]["final"]["maths"] == ["test.jsonl:1"]


@pytest.mark.parametrize(
    ("turns", "leaks"),
    [
        (("2 + 3 =", "5"), True),
        (("2+3 = ?", "5."), True),
        (("2 + 3 =", "6"), False),
        (("So 2 + 3 =", "5"), False),
    ],
)
def test_a_short_problem_has_to_be_there_with_its_answer(
    tmp_path: Path, turns: tuple[str, str], leaks: bool
) -> None:
    write(
        tmp_path,
        "test.jsonl",
        [{"question": "2 + 3 =", "answer": "5"}, {"question": "4 + 1 =", "answer": "5"}],
    )
    write(tmp_path, "train.jsonl", [dict(zip(("question", "answer"), turns, strict=True))])
    whole = own(extract={"type": "whole", "marker": None})
    # Such problems meet by chance: they are told, and end no run.
    found = overlap(context(tmp_path, [data()], [measured(whole, action="error")]))
    assert found["leaked"]["final"]["maths"] == ["test.jsonl:1"] * leaks
    assert found["evals"][0]["compared"] == 2
