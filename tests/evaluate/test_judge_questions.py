"""Questions for a judge: MT-Bench's rows, the hub's form of them, and AlpacaEval's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from evaluated import compiled, subject
from test_judge import JUDGE, task

from smolc.runtime.evaluate.tasks.base import load
from smolc.runtime.jobs.errors import JobError

MT_BENCH = Path(__file__).parents[2] / ".." / "shared" / "data" / "mt_bench" / "question.jsonl"


def loaded(
    folder: Path, rows: list[dict[str, Any]], judge: Any = JUDGE, of: Any = ("base",), **changes: Any
) -> Any:
    (folder / "mt.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    context = compiled(folder, [task(**changes)], [subject(name) for name in of], judge=judge)
    job: Any = context.job
    return load(context, job, job.tasks[0])


@pytest.mark.parametrize(
    ("row", "asked", "references", "stratum"),
    [
        ({"question_id": 81, "category": "x", "turns": ["a", "b"], "reference": ["c", ""]}, ["a", "b"], ["c", ""], "x"),
        ({"question_id": 81, "category": "x", "turns": ["a", "b"]}, ["a", "b"], [], "x"),
        ({"prompt_id": 81, "category": "x", "prompt": ["a", "b"], "reference": []}, ["a", "b"], [], "x"),
        ({"id": 81, "instruction": "a", "output": "c", "dataset": "koala", "generator": "g"}, ["a"], ["c"], "koala"),
    ],
)  # fmt: skip
def test_rows_as_they_are_published(
    tmp_path: Path, row: dict[str, Any], asked: list[str], references: list[str], stratum: str
) -> None:
    questions = loaded(tmp_path, [row])
    [question] = questions.questions
    assert [question.messages[0]["content"], *question.follow_ups] == asked
    assert (question.id, question.data, question.stratum) == ("81", references, stratum)
    assert questions.metric == "grade" and not questions.scored


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"category": "math"}, "expected a question in `turns` or `instruction`, found none"),
        ({"turns": [1]}, "expected a text or a list of texts in `turns`, found list [1]"),
        ({"turns": ["a", " "]}, "expected a text or a list of texts in `turns`"),
        ({"turns": ["a"], "reference": ["b", "c"]}, "expected at most one reference a turn, found 2 for 1"),
        ({"question_id": 1, "turns": ["a"]}, "the id 1 is that of an earlier row, too"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(JobError) as caught:
        loaded(tmp_path, [{"question_id": 1, "turns": ["fine"]}, row])
    assert f"mt.jsonl:2: {message}" in str(caught.value)


def test_pairs_need_something_to_compare_with(tmp_path: Path) -> None:
    row = {"instruction": "a"}
    with pytest.raises(JobError, match="expected an answer to compare with in `output`"):
        loaded(tmp_path, [row], style="pairwise")
    with pytest.raises(JobError, match="`sft`, to compare with, is not evaluated"):
        loaded(tmp_path, [row], style="pairwise", against="sft")
    with pytest.raises(JobError, match="`base` is all there is to compare"):
        loaded(tmp_path, [row], style="pairwise", against="base")
    assert loaded(tmp_path, [row], style="pairwise", against="base", of=("base", "sft")).metric == "win_rate"


def test_nobody_judges(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="mt: there is no judge"):
        loaded(tmp_path, [{"turns": ["a"]}], judge=None)


def test_a_subset_is_drawn_by_category(tmp_path: Path) -> None:
    rows = [{"turns": ["a"], "category": c, "question_id": f"{c}{i}"} for c in "xy" for i in range(10)]
    assert sorted(q.stratum for q in loaded(tmp_path, rows, subset=6).questions) == ["x"] * 3 + ["y"] * 3


@pytest.mark.skipif(not MT_BENCH.is_file(), reason="no copy of MT-Bench here")
def test_mt_bench_as_published(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in MT_BENCH.read_text().splitlines()]
    questions = loaded(tmp_path, rows).questions
    assert len(questions) == 80 and all(len(q.follow_ups) == 1 for q in questions)
    assert len({q.stratum for q in questions}) == 8 and sum(bool(q.data) for q in questions) >= 20
