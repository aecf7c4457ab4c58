"""Prompts: what stands before the last answer in the rows of a dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from smolc.runtime.data.filters import keeps
from smolc.runtime.data.formats import Chat, Example, Judged, Message, Pair, converter
from smolc.runtime.data.rows import LISTED, Problems, Row, RowError
from smolc.runtime.data.shuffle import permutation
from smolc.runtime.data.sources import read
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.generate import Prompts, Rows
from smolc.runtime.jobs.prepare import Take
from smolc.runtime.pairs.drops import Drops


@dataclass(frozen=True)
class Prompt:
    """source: the dataset's name. place: file and line."""

    source: str
    place: str
    messages: list[Message]

    @property
    def key(self) -> str:
        return key_of(self.messages)


def key_of(messages: Sequence[Message]) -> str:
    """The same for the same words, whoever wrote the row."""
    return json.dumps([[m["role"], m["content"]] for m in messages], ensure_ascii=False)


@dataclass
class Found:
    """duplicates: rows whose prompt an earlier one has. bad: rows that are not what the format says, listed in drops."""

    prompts: list[Prompt]
    rows: int = 0
    duplicates: int = 0
    bad: int = 0
    drops: Drops = field(default_factory=Drops)


def prompts_of(context: Context, sources: Sequence[Prompts], subset: int | None, seed: int) -> Found:
    """Each prompt once, in the order of the rows, or `subset` of them. Raises JobError."""
    found: dict[str, Prompt] = {}
    rows = bad = taken = 0
    drops = Drops()
    for source in sources:
        problems = Problems(source.name, most=LISTED)
        made = [
            Prompt(source.name, row.place, prompt_in(example))
            for row, example in examples(context, source, problems)
        ]
        rows += len(made)
        bad += problems.count
        drops.rows(problems)
        for prompt in _weighted(made, source, seed):
            taken += 1
            found.setdefault(prompt.key, prompt)
    prompts = list(found.values())
    if not prompts:
        raise JobError("there are no prompts to answer", help="check the dataset's files and `where`")
    duplicates = taken - len(prompts)
    if subset is not None and subset < len(prompts):
        kept = sorted(permutation(len(prompts), seed, "prompts")[:subset].tolist())
        prompts = [prompts[i] for i in kept]
    return Found(prompts, rows, duplicates, bad, drops)


def _weighted(made: list[Prompt], source: Prompts, seed: int) -> list[Prompt]:
    """As much of a source as the mixture takes."""
    weight = source.weight
    if not isinstance(weight, Take):
        size = weight.at_most_rows
    else:
        size = weight.rows if weight.rows is not None else max(1, round((weight.fraction or 0.0) * len(made)))
        if size > len(made):
            raise JobError(
                f"{source.name}: take asks for {size:,} rows, but there are {len(made):,}",
                help=f"take fewer, or say all(at_most = {size}seq)",
            )
    if size is None or size >= len(made):
        return made
    return [made[i] for i in sorted(permutation(len(made), seed, "take", source.name)[:size].tolist())]


def examples(context: Context, source: Rows, problems: Problems) -> Iterator[tuple[Row, Example]]:
    """The rows that `where` keeps, as their format reads them; those that it cannot read go to `problems`. Raises
    JobError, at the end, if there are more of them than the recipe allows."""
    convert = converter(source.format, source.system)
    count = 0
    for row in read(source.location, context, problems):
        count += 1
        try:
            if not keeps(row.data, source.where):
                continue
            example = convert(row.data)
            if isinstance(example, Chat) and (example.tools or example.kwargs):
                what = "tools" if example.tools else "variables of the template"
                raise RowError(f"its prompt comes with {what}, which preference rows have no place for")
        except RowError as error:
            problems.add(row.place, str(error))
            continue
        yield row, example
    if problems.count > source.bad_rows * count:
        problems.check("correct these rows, or the dataset's format, or say bad_rows = drop(at_most = ...)")


def prompt_in(example: Example) -> list[Message]:
    """Raises JobError for running text."""
    if isinstance(example, Chat):
        return example.messages[: example.prompt_turns]
    if isinstance(example, (Pair, Judged)):
        return example.prompt
    raise JobError("running text has no prompts", help="take a dataset with messages, or prompts and answers")
