"""The first rows of one source, and what is wrong with it as far as these rows tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from smolc.runtime.data.encode import Answered, Encoded
from smolc.runtime.data.filters import Measures, keeps
from smolc.runtime.data.formats import Chat, Example
from smolc.runtime.data.overlong import choices
from smolc.runtime.data.rows import Row
from smolc.runtime.data.sources import Source, open_source
from smolc.runtime.data.store import longest_of
from smolc.runtime.data.work import Found, Work
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import FileData, HubData, MadeData, PrepareJob, Share, SourceSpec, Take
from smolc.runtime.preview.rows import Reader, Shown

MOST_READ = 2000  # rows of a source, where filters leave few of them
MOST_REFUSED = 20  # rows that the template makes no sense of


@dataclass
class SourceSample:
    """weight: its part in the mixture, as the recipe says it. read, filtered: rows looked at, and left out by `where`.
    bad: what is wrong with rows, with their places. wrong: preparation would stop, and why; help as in JobError."""

    name: str
    weight: str
    rows: list[Shown] = field(default_factory=list)
    read: int = 0
    filtered: int = 0
    bad: list[str] = field(default_factory=list)
    wrong: list[JobError] = field(default_factory=list)


def read_source(
    context: Context, job: PrepareJob, spec: SourceSpec, reader: Reader, wanted: int, first: int
) -> SourceSample:
    held = spec.name == job.held_source
    made = SourceSample(spec.name, "held out for the validation loss" if held else weight_said(spec))
    found = Found(spec)
    refused = 0
    encoder = reader.encoder
    work = Work(spec, job.method, job.loss_on != "all", False, None, encoder, False)
    try:
        source = open_source(spec.name, _streamed(spec.location), context)
        for row, example in _examples(work, source, found):
            data, row.data = row.data, {}
            try:
                item = work.encoded([(row, example)], found)[0]
                if item is not None:
                    shown = reader.row(first + len(made.rows), spec.name, row, example, item)
            except JobError as error:
                refused += 1
                _refused(made, spec, error)
                item = None
            if refused > MOST_REFUSED:
                break
            if item is None:
                continue
            if data and not keeps(data, spec.where, _measures(item, example)):
                found.filtered += 1
                continue
            made.rows.append(shown)
            _check(made, spec, item, shown)
            if len(made.rows) == wanted:
                break
    except JobError as error:
        made.wrong.append(error)
    made.read, made.filtered = found.read, found.filtered
    made.bad += found.problems.shown
    if found.problems.count and not spec.bad_rows:
        try:
            found.problems.check(
                "correct these rows, or the columns that `format` and `where` name, "
                f"or say {spec.tolerance} = drop(at_most = ...)"
            )
        except JobError as error:
            made.wrong.append(error)
    if not made.rows and not made.wrong:
        filtered = f": `where` left out all of the first {found.filtered:,}" if found.filtered else ""
        made.wrong.append(JobError(f"{spec.name}: no rows{filtered}"))
    return made


def _streamed(location: FileData | HubData | MadeData) -> FileData | HubData | MadeData:
    """A data set of the hub is not downloaded for its first rows; without a network it can only be in the cache."""
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if isinstance(location, HubData) and not HF_HUB_OFFLINE:
        return location.model_copy(update={"streaming": True})
    return location


def _examples(work: Work, source: Source, found: Found) -> Iterator[tuple[Row, Example]]:
    for chunk in source.chunks():
        for made in work.examples(chunk, found):
            yield made
            if found.read >= MOST_READ:
                return
        if found.read >= MOST_READ or found.problems.count >= MOST_READ:
            return


def _measures(item: Encoded | Answered, example: Example) -> Measures:
    turns = len(example.messages) if isinstance(example, Chat) else 1
    return Measures(longest_of(item), item.trained, turns)


def _refused(made: SourceSample, spec: SourceSpec, error: JobError) -> None:
    """A row of which the template makes no sense."""
    if spec.bad_rows:
        made.bad.append(" ".join(line.strip() for line in error.message.splitlines())[:300])
    elif not made.wrong:  # the others are as this one, mostly
        made.wrong.append(error)


def _check(made: SourceSample, spec: SourceSpec, item: Encoded | Answered, shown: Shown) -> None:
    if isinstance(item, Encoded) and not item.spans:
        if spec.bad_rows:
            made.bad.append(f"{shown.place}: nothing of it is trained")
        else:
            made.wrong.append(
                JobError(
                    f"{spec.name}: nothing is trained in {shown.place}",
                    help="check loss_on and where the template has {% generation %}",
                )
            )
    elif shown.fate == "stops" and all(row.fate != "stops" for row in made.rows[:-1]):
        made.wrong.append(
            JobError(
                f"{spec.name}: {shown.place} is {shown.said}",
                help=f"raise the length, or say overlong = {choices(isinstance(item, Answered))}",
            )
        )


def weight_said(spec: SourceSpec) -> str:
    """`30% of the mixture`, `5,000 rows`, `all of it`."""
    weight = spec.weight
    if isinstance(weight, Share):
        said = f"{100 * weight.share:.4g}% of the mixture"
        return said if weight.at_most_epochs == 1 else f"{said}, at most {weight.at_most_epochs:g} times"
    if isinstance(weight, Take):
        if weight.fraction is not None:
            return f"{100 * weight.fraction:.4g}% of it"
        return f"{weight.rows:,} rows" if weight.rows is not None else f"{weight.tokens or 0:,} tokens"
    if weight.at_most_tokens is not None:
        return f"at most {weight.at_most_tokens:,} tokens"
    return "all of it" if weight.at_most_rows is None else f"at most {weight.at_most_rows:,} rows"
