"""Open questions, whose answers a judge grades or compares once all subjects have answered (`evaluate/judge`).

Rows as MT-Bench publishes them (`question_id`, `category`, `turns`, and `reference` where there is a right answer), as
the hub holds those (`prompt_id`, `prompt`: a list), and as AlpacaEval does (`instruction`, `output`, `dataset`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from smolc.runtime.data.rows import Problems, Row, RowError, found
from smolc.runtime.evaluate.tasks.base import (
    Asked,
    Question,
    Questions,
    Verdict,
    draw,
    questions_of,
)
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import EvaluateJob, JudgedTask

ASKED = ("turns", "prompt", "instruction", "question")
REFERENCES = ("reference", "output")
IDS = ("question_id", "prompt_id", "id")


@dataclass
class JudgedQuestions(Questions):
    """`data` of a question is its reference answers, turn by turn: "" where a turn has none, no items where no turn has
    one (MT-Bench has both)."""

    questions: list[Question]
    metric: str
    scored: ClassVar[bool] = False

    @property
    def bounds(self) -> tuple[float, float]:  # type: ignore[override]
        return (1.0, 10.0) if self.metric == "grade" else (0.0, 1.0)

    def score(self, asked: Asked) -> Verdict:
        """None until the judge has seen it."""
        return Verdict(None)


def load(context: Context, job: EvaluateJob, task: JudgedTask) -> JudgedQuestions:
    """The questions, or a subset of them, stratified by category unless the task says otherwise. Raises JobError naming
    the bad rows, if there are none, or if nobody judges."""
    if job.judge is None:
        raise JobError(f"{task.name}: there is no judge", help="name a model: judge = NAME in the eval")
    if task.against is not None and task.against not in {s.name for s in job.subjects}:
        raise JobError(
            f"{task.name}: `{task.against}`, to compare with, is not evaluated", help="name it in `of`, too"
        )
    if task.style == "pairwise" and task.against is not None and len(job.subjects) == 1:
        raise JobError(
            f"{task.name}: `{task.against}` is all there is to compare", help="name a second model in `of`"
        )
    needed = task.style == "pairwise" and task.against is None
    bad = Problems(task.name)
    questions = questions_of(context, task.location, bad, lambda row: _question(row, task.strata, needed))
    bad.check("correct these rows: expected those of MT-Bench (turns) or AlpacaEval (instruction, output)")
    if not questions:
        raise JobError(f"{task.name}: no rows to evaluate", help="check the task's files")
    metric = "grade" if task.style == "grade" else "win_rate"
    return JudgedQuestions(draw(questions, task.subset, lambda q: q.stratum, job.seed), metric)


def _question(row: Row, strata: str | None, needs_reference: bool) -> Question:
    data = row.data
    column = next((name for name in ASKED if data.get(name)), None)
    if column is None:
        raise RowError("expected a question in `turns` or `instruction`, found none")
    turns = _texts(data, column)
    name = next((name for name in REFERENCES if data.get(name) is not None), None)
    references = _texts(data, name, may_be_empty=True) if name is not None else []
    if needs_reference and len(references) != len(turns):
        raise RowError(
            f"expected an answer to compare with in `output`, found {len(references)} for {len(turns)} questions"
        )
    if len(references) > len(turns):
        raise RowError(f"expected at most one reference a turn, found {len(references)} for {len(turns)}")
    number = next((data[key] for key in IDS if data.get(key) is not None), row.place)
    return Question(
        str(number),
        row.place,
        [{"role": "user", "content": turns[0]}],
        gold="\n\n".join(filter(None, references)),
        follow_ups=tuple(turns[1:]),
        stratum=_stratum(data, strata),
        data=references,
    )


def _texts(data: dict[str, Any], column: str, may_be_empty: bool = False) -> list[str]:
    value = data[column]
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(
        isinstance(text, str) and (may_be_empty or text.strip()) for text in texts
    ):
        raise RowError(f"expected a text or a list of texts in `{column}`, found {found(value)}")
    return texts


def _stratum(data: dict[str, Any], column: str | None) -> str:
    if column is not None and column not in data:
        raise RowError(f"expected a column `{column}`, which the subset is stratified by")
    named = [column] if column is not None else ["category", "dataset"]
    return next((str(data[name]) for name in named if data.get(name) is not None), "")
