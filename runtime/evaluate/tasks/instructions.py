"""Constraints on an answer that a program can check: rows as IFEval and IFBench publish them, with `key`, `prompt`,
`instruction_id_list` and `kwargs` (one object for each instruction).

IFEval's instructions are checked by lm-eval's copy of its program, IFBench's by checks of our own. A question with an
instruction that nothing here can check is left out, and said so: it is neither right nor wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from smolc.runtime.data.rows import Problems, Row, RowError, found
from smolc.runtime.evaluate.instruction_checks import CHECKS
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
from smolc.runtime.jobs.evaluate import EvaluateJob, InstructionsTask

Checker = Callable[[str], bool]

NUMBERS = ("N", "n", "m", "small_n", "n_start", "n_end", "min_words", "max_words")
"""The kwargs of IFBench that are no texts."""


@dataclass
class Instructions(Questions):
    """`data` of a question is its list of (instruction, check). left_out: how many questions each unknown instruction
    kept from being asked."""

    questions: list[Question]
    left_out: dict[str, int]
    metric: str = "prompt_strict"

    def score(self, asked: Asked) -> Verdict:
        """Right where all instructions are followed as the answer stands (strict). loose: in one of its variants, as
        IFEval has them."""
        checks: list[tuple[str, Checker]] = asked.question.data
        text = str(asked.last)
        strict = [bool(text.strip()) and check(text) for _, check in checks]
        loose = [any(v.strip() and check(v) for v in variants(text)) for _, check in checks]
        broken = [name for (name, _), kept in zip(checks, strict, strict=True) if not kept]
        more = {
            "instructions": {name: kept for (name, _), kept in zip(checks, strict, strict=True)},
            "strict": strict,
            "loose": loose,
            "prompt_loose": all(loose),
        }
        silent = not text.strip()
        note = "said nothing" if silent else f"not followed: {', '.join(broken)}" if broken else None
        return Verdict(float(not broken), None, note, no_answer=silent, more=more)


def variants(text: str) -> list[str]:
    """As it is, without its first line, its last, and both (a greeting and a farewell); each without asterisks, too."""
    lines = text.split("\n")
    cut = [text, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return [*cut, *(one.replace("*", "") for one in cut)]


def load(context: Context, job: EvaluateJob, task: InstructionsTask) -> Instructions:
    """The questions that can be checked, or a subset of them, stratified by their first instruction. Raises JobError
    naming the bad rows, or if none is left."""
    unknown: Counter[str] = Counter()
    left_out = 0

    def make(row: Row) -> Question | None:
        nonlocal left_out
        question, missing = _question(row, task.strata)
        if missing:
            unknown.update(missing)
            left_out += 1
            return None
        return question

    bad = Problems(task.name)
    questions = questions_of(context, task.location, bad, make, called="key")
    bad.check("expected rows of IFBench: key, prompt, instruction_id_list, kwargs")
    said = ", ".join(f"{name} ({count})" for name, count in sorted(unknown.items()))
    if not questions:
        why = f": no check is known for {said}" if unknown else ""
        raise JobError(f"{task.name}: no rows to evaluate{why}", help="check the task's files")
    if unknown:
        total = left_out + len(questions)
        print(f"{task.name}: {left_out} of {total} questions are left out: no check is known for {said}")
    return Instructions(draw(questions, task.subset, lambda q: q.stratum, job.seed), dict(unknown))


def _question(row: Row, strata: str | None) -> tuple[Question, set[str]]:
    """And the instructions that nothing can check."""
    data = row.data
    prompt, names, kwargs = data.get("prompt"), data.get("instruction_id_list"), data.get("kwargs")
    if not isinstance(prompt, str) or not prompt.strip():
        raise RowError(f"expected a text in `prompt`, found {found(prompt)}")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise RowError(f"expected a list of instructions in `instruction_id_list`, found {found(names)}")
    if not isinstance(kwargs, list) or not all(isinstance(one, dict) for one in kwargs):
        raise RowError(f"expected a list of objects in `kwargs`, found {found(kwargs)}")
    if len(kwargs) != len(names):
        raise RowError(
            f"expected an object in `kwargs` for each of {len(names)} instructions, found {len(kwargs)}"
        )
    stratum = stratum_of(data, strata, names[0])
    checks: list[tuple[str, Checker]] = []
    unknown = set()
    for name, given in zip(names, kwargs, strict=True):
        check = _checker(name, {k: _whole(v) for k, v in given.items() if v is not None}, prompt)
        if check is None:
            unknown.add(name)
        else:
            checks.append((name, check))
    key = data.get("key")
    question = Question(
        row.place if key is None else str(key),
        row.place,
        [{"role": "user", "content": prompt}],
        gold=", ".join(names),
        stratum=stratum,
        data=checks,
    )
    return question, unknown


def _whole(value: Any) -> Any:
    """Data that went through a table has whole numbers as 3.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _checker(name: str, kwargs: dict[str, Any], prompt: str) -> Checker | None:
    if name in CHECKS:
        needed, check = CHECKS[name]
        if missing := [key for key in needed if key not in kwargs]:
            raise RowError(f"expected {' and '.join(missing)} in the kwargs of {name}")
        for key in needed:
            kind, said = (int, "a whole number") if key in NUMBERS else (str, "a text")
            if not isinstance(kwargs[key], kind):
                raise RowError(f"expected {said} in {key} of {name}, found {found(kwargs[key])}")
        return lambda text: check(text, kwargs)
    return _of_ifeval(name, kwargs, prompt)


def _of_ifeval(name: str, kwargs: dict[str, Any], prompt: str) -> Checker | None:
    from smolc.runtime.evaluate.ifeval import registry

    made = registry().get(name)
    if made is None:
        return None
    instruction = made(name)
    try:
        instruction.build_description(**kwargs)
        args = instruction.get_instruction_args() or {}
        if "prompt" in args:
            instruction.build_description(prompt=prompt)
    except (TypeError, ValueError) as error:
        raise RowError(f"the kwargs of {name} are not what it takes: {error}") from error
    # What is not given would be drawn anew in each run.
    if missing := sorted(set(args) - set(kwargs) - {"prompt"}):
        raise RowError(f"expected {' and '.join(missing)} in the kwargs of {name}")
    return lambda text: bool(instruction.check_following(text))
