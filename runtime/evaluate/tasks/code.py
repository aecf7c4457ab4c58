"""Programs that the model writes, run against tests in the sandbox: right if they pass all of them.

Rows as HumanEval, MBPP and LiveCodeBench publish them (`code_rows.py`). Only Python's standard library is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial

from smolc.runtime.data.rows import Problems, Row
from smolc.runtime.evaluate.code_answers import program_in
from smolc.runtime.evaluate.code_rows import DIALECTS, CodeProblem
from smolc.runtime.evaluate.sandbox import Limits, Outcome, check, run_all, run_program, run_tests
from smolc.runtime.evaluate.tasks.base import (
    Asked,
    Question,
    Questions,
    Verdict,
    draw,
    questions_of,
    stratum_of,
)
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import CodeTask, EvaluateJob

LIMITS = Limits(seconds=10)
COLUMNS = {
    "humaneval": "task_id, prompt, entry_point, test",
    "mbpp": "task_id, text or prompt, code, test_list",
    "livecodebench": "question_id, question_content, public_test_cases, private_test_cases, metadata",
}


@dataclass
class CodeQuestions(Questions):
    """`data` of a question is a CodeProblem; `gold` the published solution."""

    questions: list[Question]
    metric: str = "pass"

    def score(self, asked: Asked) -> Verdict:
        return self.score_all([asked], lambda done: None)[0]

    def score_all(self, asked: Sequence[Asked], tell: Callable[[int], None]) -> list[Verdict]:
        """On all processors. The same program for the same problem is run once."""
        programs = [_program(one) for one in asked]
        work: dict[tuple[str, str], Callable[[], Outcome]] = {}
        for one, program in zip(asked, programs, strict=True):
            if program is not None:
                problem: CodeProblem = one.question.data
                work[one.question.id, program] = partial(judged, problem.first + program, problem)
        outcomes = dict(zip(work, run_all(list(work.values()), tell), strict=True))
        return [
            _verdict(program, None if program is None else outcomes[one.question.id, program])
            for one, program in zip(asked, programs, strict=True)
        ]


def _program(asked: Asked) -> str | None:
    problem: CodeProblem = asked.question.data
    return program_in(str(asked.last), problem.names, problem.header)


def _verdict(program: str | None, outcome: Outcome | None) -> Verdict:
    if outcome is None:
        return Verdict(0.0, None, "no code in the answer", no_answer=True)
    return Verdict(float(outcome.ok), program, outcome.note, more={"outcome": outcome.kind})


def judged(program: str, problem: CodeProblem) -> Outcome:
    """How a program does on all tests of a problem; the first that it fails ends it."""
    if problem.tests:
        return run_tests(program, problem.tests, names=problem.names, before=problem.before, limits=LIMITS)
    for number, (given, expected) in enumerate(problem.cases, start=1):
        outcome = run_program(program, stdin=given, limits=LIMITS)
        if not outcome.ok:
            return Outcome(outcome.kind, f"{outcome.note} (test {number})")
        if not same_output(outcome.stdout, expected):
            return Outcome("failed", f"wrong output (test {number})")
    return Outcome("ok")


def same_output(said: str, expected: str) -> bool:
    """Line by line without the space around them; lines of numbers are the same if the numbers are."""
    left, right = said.strip().split("\n"), expected.strip().split("\n")
    return len(left) == len(right) and all(map(_same_line, left, right))


def _same_line(left: str, right: str) -> bool:
    if left.strip() == right.strip():
        return True
    try:
        return [Decimal(x) for x in left.split()] == [Decimal(x) for x in right.split()]
    except InvalidOperation:
        return False


def load(context: Context, job: EvaluateJob, task: CodeTask) -> CodeQuestions:
    """The questions, or a subset of them. Where a model is to answer them (the job has subjects), the sandbox is tried
    first. Raises JobError naming the bad rows, if there are none, and if programs may not or cannot be run here."""
    if not job.run_code:
        raise JobError(
            f"{task.name}: its programs may not be run",
            help="write `run_code = true` in the eval: they run alone, without network and within limits",
        )
    if job.subjects:
        check([context.folder])
    bad = Problems(task.name)
    questions = questions_of(context, task.location, bad, lambda row: _question(row, task))
    bad.check(f"expected rows of {task.dialect}: {COLUMNS[task.dialect]}")
    if not questions:
        raise JobError(f"{task.name}: no rows to evaluate", help="check the task's files")
    return CodeQuestions(draw(questions, task.subset, lambda q: q.stratum, job.seed))


def _question(row: Row, task: CodeTask) -> Question:
    made = DIALECTS[task.dialect](row.data)
    return Question(
        made.id or row.place,
        row.place,
        [{"role": "user", "content": made.prompt}],
        made.gold,
        stratum=stratum_of(row.data, task.strata),
        data=made.problem,
    )
