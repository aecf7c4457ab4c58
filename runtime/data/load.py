"""One source: read, filtered, converted, thinned by `take`, rendered, tokenised and brought to length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from smolc.runtime.data.encode import Answered, Encoder
from smolc.runtime.data.filters import keeps
from smolc.runtime.data.formats import Chat, Example, Judged, Pair, Text, converter
from smolc.runtime.data.holdout import key_of
from smolc.runtime.data.lengths import Counts, Limit
from smolc.runtime.data.rows import Problems, Row, RowError
from smolc.runtime.data.shuffle import permutation
from smolc.runtime.data.sources import read
from smolc.runtime.data.stats import Item
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import PrepareJob, SourceSpec, Take

BATCH = 1000  # rows rendered and tokenised at once

ACCEPTED: dict[str, tuple[type, ...]] = {
    "cpt": (Text, Chat),
    "sft": (Text, Chat),
    "dpo": (Pair,),
    "orpo": (Pair,),
    "kto": (Judged, Pair),
}
NEEDED = {
    "cpt": "text, or conversations",
    "sft": "conversations (messages, prompt_completion, alpaca) or text",
    "dpo": "pairs of answers (format preference)",
    "orpo": "pairs of answers (format preference)",
    "kto": "judged answers (format unpaired) or pairs of them (preference)",
}


@dataclass
class Examples:
    """Rows of one source, converted. read: rows in the files; filtered: dropped by `where`."""

    spec: SourceSpec
    rows: list[tuple[Row, Example]] = field(default_factory=list)
    read: int = 0
    filtered: int = 0


@dataclass
class Loaded:
    """Rows of one source as tokens; `keys` and `places` belong to `items`."""

    spec: SourceSpec
    items: list[Item]
    keys: list[bytes]
    places: list[str]
    counts: Counts
    read: int
    filtered: int


def read_examples(spec: SourceSpec, job: PrepareJob, open_file: Callable[[str], Path]) -> Examples:
    """Raises JobError naming the bad rows, if there are any."""
    convert = converter(spec.format, spec.system)
    problems = Problems(spec.name)
    loaded = Examples(spec)
    for row in read(spec.location, open_file, problems):
        loaded.read += 1
        try:
            if all(keeps(row.data, condition) for condition in spec.where):
                example = convert(row.data)
                row.data = {}
                loaded.rows.extend((row, e) for e in _for_method(example, job, spec))
            else:
                loaded.filtered += 1
        except RowError as error:
            problems.add(row.place, str(error))
    problems.check(
        f"{spec.name} is declared as format {spec.format.type}: correct these rows or the format's columns"
    )
    if not loaded.rows:
        raise JobError(
            f"{spec.name}: no rows" + (f": `where` dropped all {loaded.filtered}" if loaded.filtered else "")
        )
    if isinstance(spec.weight, Take):
        loaded.rows = _taken(loaded.rows, spec.name, spec.weight, job.seed)
    return loaded


def _for_method(example: Example, job: PrepareJob, spec: SourceSpec) -> list[Example]:
    if not isinstance(example, ACCEPTED[job.method]):
        raise JobError(
            f"{spec.name}: {job.method} is trained on {NEEDED[job.method]}; the format is {spec.format.type}",
            help="give the dataset another format, or the stage another method or dataset",
        )
    if job.method == "kto" and isinstance(example, Pair):
        return [Judged(example.prompt, example.chosen, True), Judged(example.prompt, example.rejected, False)]
    if isinstance(example, Chat) and job.loss_on != "all" and example.prompt_turns == len(example.messages):
        raise RowError("expected a turn of the assistant to train on, found none")
    return [example]


def _taken(rows: list[tuple[Row, Example]], name: str, take: Take, seed: int) -> list[tuple[Row, Example]]:
    size = take.rows if take.rows is not None else max(1, round((take.fraction or 0.0) * len(rows)))
    if size > len(rows):
        raise JobError(f"{name}: take asks for {size} rows, but there are {len(rows)}")
    return [rows[i] for i in sorted(permutation(len(rows), seed, "take", name)[:size].tolist())]


def encode(examples: Examples, job: PrepareJob, encoder: Encoder, tell: Callable[[int], None]) -> Loaded:
    """Tokens of all rows. `tell` is given the number of rows done so far."""
    spec, name = examples.spec, examples.spec.name
    limit = Limit(job.length, "truncate" if job.packing == "wrapped" else job.overlong, Counts())
    result = Loaded(spec, [], [], [], limit.counts, examples.read, examples.filtered)
    masked: list[str] = []
    rows = iter(examples.rows)
    done = 0
    while batch := list(islice(rows, BATCH)):
        for (row, example), item in zip(batch, _encode_batch(encoder, batch), strict=True):
            fitted: Item | None
            if isinstance(item, Answered):
                _check_answers(row, item)
                fitted = limit.fit_answers(row, item)
            elif not item.trained.any():
                masked.append(row.place)
                continue
            else:
                fitted = item if job.packing == "wrapped" else limit.fit(row, item)
            if fitted is not None:
                result.items.append(fitted)
                result.keys.append(key_of(example))
                result.places.append(row.place)
        done += len(batch)
        tell(done)
    if masked:
        everything = " (labels are all masked)" if not result.items else ""
        places = ", ".join(masked[:5])
        raise JobError(
            f"{name}: nothing is trained in {len(masked)} of {done} rows{everything}: {places}",
            help="check loss_on and where the template has {% generation %}",
        )
    limit.check(name)
    if not result.items:
        raise JobError(
            f"{name}: none of its {done} rows is within {job.length} tokens", help="raise the length"
        )
    return result


def _encode_batch(encoder: Encoder, batch: list[tuple[Row, Example]]) -> list[Item]:
    # Rows of one source are all of one kind, since they have one format.
    first = batch[0][1]
    if isinstance(first, Text):
        return list(encoder.texts(batch))  # type: ignore[arg-type]
    if isinstance(first, Chat):
        return list(encoder.chats(batch))  # type: ignore[arg-type]
    return list(encoder.answers(batch))  # type: ignore[arg-type]


def _check_answers(row: Row, item: Answered) -> None:
    if not all(len(answer) for answer in item.answers):
        raise JobError(f"{row.place}: an answer is empty once rendered", help="check the chat template")
    if len(item.answers) == 2 and item.answers[0].tolist() == item.answers[1].tolist():
        raise JobError(
            f"{row.place}: chosen and rejected are the same once rendered", help="check the chat template"
        )
