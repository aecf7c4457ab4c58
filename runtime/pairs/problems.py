"""Verifiers: right answers over wrong ones, by the rows that say what is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from smolc.runtime.data.formats import Chat, Example, Judged, Pair
from smolc.runtime.data.rows import LISTED, Problems, Row, RowError
from smolc.runtime.evaluate.answers import extract, without_thinking
from smolc.runtime.evaluate.code_answers import program_in
from smolc.runtime.evaluate.code_rows import DIALECTS, CodeProblem
from smolc.runtime.evaluate.sandbox import Outcome, check, run_all
from smolc.runtime.evaluate.tasks.code import judged
from smolc.runtime.generate.prompts import examples, key_of, prompt_in
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.generate import Rows
from smolc.runtime.jobs.pairs import Exact, PairsJob, Tests
from smolc.runtime.pairs.candidates import Group
from smolc.runtime.pairs.couples import TWO, UNKNOWN, UNSAID, Compared, by_scores
from smolc.runtime.pairs.drops import Drops

UNASKED = "without a problem"
"""Answers of whose prompt no problem says what is right."""


def by_exact(
    context: Context, job: PairsJob, by: Exact, groups: Sequence[Group], drops: Drops
) -> tuple[list[Compared], dict[str, Any]]:
    """Compared with what the rows' own answers say, both read in the same way. Raises JobError."""

    def gold(row: Row, example: Example) -> str:
        text = reference_in(example)
        final = without_thinking(text, job.thinking)[0] if job.thinking else text
        found = extract(final, by.extract)
        if found is None:
            raise RowError(f"expected an answer to compare with, found none in {final[-60:]!r}")
        return found

    right: dict[str, str] = _known(context, by.problems, gold, drops)
    counts = Counter({"right": 0})

    def scores(group: Group, wanted: str) -> dict[int, float]:
        made = {}
        for i, candidate in enumerate(group.candidates):
            said = extract(candidate.final, by.extract)
            kind = "right" if said == wanted else "no answer" if said is None else "wrong"
            counts[kind] += candidate.times
            made[i] = float(said == wanted)
        return made

    return _compared(groups, right, scores, counts, drops), {"answers": dict(counts)}


def by_tests(
    context: Context, job: PairsJob, by: Tests, groups: Sequence[Group], drops: Drops
) -> tuple[list[Compared], dict[str, Any]]:
    """Programs that pass their tests over those that do not: each is run alone and within limits. Raises JobError, also
    where programs may not be run, or cannot be shut in."""
    if not job.run_code:
        raise JobError("its programs may not be run", help="write `run_code = true` in the pairs")
    check([context.folder])
    known: dict[str, CodeProblem] = _known(
        context, by.problems, lambda row, _: DIALECTS[by.dialect](row.data).problem, drops
    )
    work: dict[tuple[str, str], Callable[[], Outcome]] = {}
    programs: dict[tuple[str, int], str | None] = {}
    for group in groups:
        problem = known.get(group.key)
        if problem is None or problem is SILENT:
            continue
        for i, candidate in enumerate(group.candidates):
            program = program_in(candidate.final, problem.names, problem.header)
            programs[group.key, i] = program
            if program is not None:
                work[group.key, program] = partial(judged, problem.first + program, problem)
    total = len(work)
    outcomes = dict(
        zip(
            work,
            run_all(list(work.values()), lambda n: context.progress(n, total, "program", "running tests")),
            strict=True,
        )
    )
    counts = Counter({"passed": 0})

    def scores(group: Group, _: CodeProblem) -> dict[int, float]:
        made = {}
        for i, candidate in enumerate(group.candidates):
            program = programs[group.key, i]
            kind = outcomes[group.key, program].kind if program is not None else "no program"
            counts["passed" if kind == "ok" else kind.replace("_", " ")] += candidate.times
            made[i] = float(kind == "ok")
        return made

    return _compared(groups, known, scores, counts, drops), {"programs": dict(counts)}


def reference_in(example: Example) -> str:
    """The last answer of a row; of a pair the better one. Raises RowError."""
    if isinstance(example, Chat):
        answer = example.messages[example.prompt_turns :]
    elif isinstance(example, Pair):
        answer = example.chosen
    else:
        answer = example.completion if isinstance(example, Judged) and example.label else []
    if not answer:
        raise RowError("expected an answer that says what is right, found none")
    return str(answer[0]["content"])


SILENT = object()
"""Instead of what is right: the row of this prompt does not say it."""


def _known(
    context: Context, sources: Sequence[Rows], read: Callable[[Row, Example], Any], drops: Drops
) -> dict[str, Any]:
    """What is right, by prompt; None where two rows disagree. Raises JobError, naming the rows that say nothing."""
    found: dict[str, Any] = {}
    for source in sources:
        problems = Problems(source.name, most=LISTED)
        refused = Problems(source.name, most=LISTED)
        rows = 0
        for row, example in examples(context, source, problems):
            rows += 1
            key = key_of(prompt_in(example))
            try:
                right = read(row, example)
            except RowError as error:
                refused.add(row.place, str(error))
                found.setdefault(key, SILENT)
                continue
            before = found.get(key, SILENT)
            found[key] = right if before is SILENT or before == right else None
        if refused.count > source.bad_rows * rows:
            refused.check("these rows have to say what is right, or say bad_rows = drop(at_most = ...)")
        drops.rows(problems)
        drops.rows(refused)
    return found


def _compared(
    groups: Sequence[Group],
    known: dict[str, Any],
    scores: Callable[[Group, Any], dict[int, float]],
    counts: Counter[str],
    drops: Drops,
) -> list[Compared]:
    found = []
    for group in groups:
        right = known.get(group.key)
        if right is None or right is SILENT:
            why = UNSAID if right is SILENT else TWO if group.key in known else UNKNOWN
            for candidate in group.candidates:
                drops.add(why, [candidate.source], candidate.place, candidate.final)
                counts[UNASKED] += candidate.times
            found.append(Compared([], []))
            continue
        found.append(by_scores(group.candidates, scores(group, right), 0.0))
    return found
