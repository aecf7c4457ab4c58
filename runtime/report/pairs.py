"""Answers that were generated, and the pairs that were made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from smolc.runtime.jobs.pairs import Generated, PairsJob
from smolc.runtime.report.collect import JobView, Run
from smolc.runtime.report.outputs import mapping, number, objects, read_object
from smolc.runtime.report.text import clean, count, decimal, label, percent, shorten

EXAMPLES, LONGEST = 3, 600  # pairs that are shown, and characters of a text


@dataclass(frozen=True)
class Answered:
    """Of one `generate`."""

    name: str
    what: str
    prompts: str
    answers: str
    tokens: str
    notes: str


@dataclass(frozen=True)
class Side:
    """Where the answers of one side are from."""

    source: str
    chosen: str
    rejected: str


@dataclass(frozen=True)
class Example:
    prompt: str
    chosen: str
    rejected: str
    about: str


@dataclass(frozen=True)
class Made:
    """Of one `pairs`. dropped: reason and count, the bad ones marked. overlap: of its prompts with evals."""

    name: str
    said: str
    facts: tuple[tuple[str, str], ...]
    sides: tuple[Side, ...]
    dropped: tuple[tuple[str, str, bool], ...]
    overlap: tuple[tuple[str, str], ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class PairsSection:
    answered: tuple[Answered, ...]
    made: tuple[Made, ...]


def pairs_section(run: Run) -> PairsSection | None:
    """None where nothing was generated or paired."""
    answered = [_answered(v) for v in run.of_kind("generate") if v.state == "done"]
    made = [_made(run, v) for v in run.of_kind("pairs") if v.state == "done"]
    return PairsSection(tuple(answered), tuple(made)) if answered or made else None


def _answered(view: JobView) -> Answered:
    result = view.result
    tokens = mapping(result.get("tokens"))
    notes = [
        f"{count(n)} {said}"
        for key, said in (
            ("unfinished", "cut off"),
            ("empty", "empty"),
            ("duplicates", "prompts that stood there twice"),
            ("bad_rows", "rows left out"),
            ("unfit", "prompts that could not be asked"),
        )
        if (n := number(result.get(key)))
    ]
    return Answered(
        label(view.id),
        label(view.entry.title.removeprefix(f"{view.id}: ")),
        count(number(result.get("prompts")) or 0),
        count(number(result.get("answers")) or 0),
        f"{count(number(tokens.get('median')) or 0)} (90%: up to {count(number(tokens.get('p90')) or 0)})",
        ", ".join(notes),
    )


def _made(run: Run, view: JobView) -> Made:
    result, name = view.result, label(view.id)
    bad = mapping(result.get("bad"))
    dropped = mapping(result.get("dropped"))
    sources = mapping(result.get("sources"))
    used, prompts = (number(result.get(key)) or 0 for key in ("prompts_paired", "prompts"))
    return Made(
        name,
        f"{count(number(result.get('pairs')) or 0)} pairs from {count(number(result.get('answers')) or 0)} answers; "
        f"{count(used)} of {count(prompts)} prompts have one",
        tuple(_facts(result)),
        tuple(
            Side(
                label(str(source)), *(percent(number(mapping(shares).get(s))) for s in ("chosen", "rejected"))
            )
            for source, shares in sources.items()
        ),
        tuple((label(str(why)), count(number(n) or 0), why in bad) for why, n in dropped.items()),
        tuple(_overlap(run, view)),
        tuple(_examples(view)),
    )


def _facts(result: dict[str, Any]) -> Iterator[tuple[str, str]]:
    by = mapping(result.get("by"))
    yield "made by", label(str(by.get("type")))
    lengths = mapping(result.get("lengths"))
    for unit in ("tokens", "characters"):
        sizes = mapping(lengths.get(unit))
        if sizes:
            chosen, rejected, ratio = (
                number(sizes.get(key)) or 0.0 for key in ("chosen", "rejected", "ratio")
            )
            said = f"{count(chosen)} chosen, {count(rejected)} rejected ({ratio:.3g} times as long)"
            yield f"median length in {unit}", said
    if (longer := number(result.get("longer_chosen"))) is not None:
        yield "the longer answer is chosen", f"in {percent(longer)} of the pairs whose lengths differ"
    for key in ("answers", "programs"):
        counted = mapping(by.get(key))
        if counted:
            yield key, label(", ".join(f"{count(number(n) or 0)} {kind}" for kind, n in counted.items()))
    for key, said in (("name", "model"), ("weights", "weights"), ("prompt_hash", "hash of its prompt")):
        if by.get(key):
            yield said, label(str(by[key]))[:60]
    scores = mapping(by.get("scores"))
    if scores:
        yield "scores", ", ".join(f"{key} {decimal(number(n) or 0.0)}" for key, n in scores.items())


def _overlap(run: Run, view: JobView) -> Iterator[tuple[str, str]]:
    """Problems of evals that the prompts hold, as they were looked for before anything was generated."""
    job = view.job
    if not isinstance(job, PairsJob):
        return
    names = set()
    for source in job.answers:
        names.add(source.name)
        maker = run.find(source.job) if isinstance(source, Generated) else None
        if maker is not None and maker.job is not None:
            names.update(rows.name for rows in maker.job.prompts)
    compared = next((v for v in run.of_kind("contamination") if v.state != "not run"), None)
    overlap = read_object(compared.out / "overlap.json") if compared is not None else {}
    for data in objects(overlap.get("data")):
        if data.get("name") not in names:
            continue
        for task in objects(data.get("tasks")):
            leaked, of = (number(task.get(key)) or 0 for key in ("leaked", "of"))
            place = label(f"{task.get('eval')}.{task.get('task')} in {data.get('name')}")
            yield place, f"{count(leaked)} of {count(of)} problems"


def _examples(view: JobView) -> Iterator[Example]:
    try:
        with (view.out / "pairs.jsonl").open(encoding="utf-8", errors="replace") as file:
            lines = list(islice(file, EXAMPLES))
    except OSError:
        return
    for line in lines:
        try:
            said = json.loads(line)
            texts = [str(said[key][-1]["content"]) for key in ("prompt", "chosen", "rejected")]
            scores = said.get("scores")
        except (ValueError, KeyError, IndexError, TypeError):
            continue
        about = f"scores {scores[0]:g} and {scores[1]:g}" if _two_numbers(scores) else ""
        prompt, chosen, rejected = (
            shorten(clean(text[: 2 * LONGEST], lines=True), LONGEST) for text in texts
        )
        yield Example(prompt, chosen, rejected, about)


def _two_numbers(scores: Any) -> bool:
    return isinstance(scores, list) and [number(one) is not None for one in scores] == [True, True]
