"""The first rows of a stage's sources as they will be trained. Nothing needs to have run, no weights are loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from smolc.runtime.data import inputs
from smolc.runtime.data.encode import Answered, Encoded, Encoder
from smolc.runtime.data.filters import Measures, keeps
from smolc.runtime.data.formats import Chat, Example
from smolc.runtime.data.packing import Cuts, best_fit, wrapped
from smolc.runtime.data.pieces import pieces
from smolc.runtime.data.render import Mask, Renderer
from smolc.runtime.data.rows import Row
from smolc.runtime.data.sources import Source, open_source
from smolc.runtime.data.store import longest_of
from smolc.runtime.data.template import end_of_turn
from smolc.runtime.data.tokenizer import load_tokenizer, single_token
from smolc.runtime.data.work import Work, _Found
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.done import read_done
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.manifest import BrokenFolder, Entry, read_job, read_manifest
from smolc.runtime.jobs.prepare import FileData, Fit, HubData, PrepareJob, Share, SourceSpec, Take
from smolc.runtime.preview.rows import Reader, Shown
from smolc.runtime.train.start import only_tokenizer

MOST_READ = 2000  # rows of a source, where filters leave few of them
MOST_REFUSED = 20  # rows that the template makes no sense of
JOINT = 10  # tokens shown on either side of where two documents meet


class Looking(Context):
    """Of a job that is not run: files are not hashed, since only their first rows are read."""

    def _hashed(self, name: str, path: Path) -> str:
        return ""


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


@dataclass(frozen=True)
class Document:
    """Tokens start..stop of row `number` in a bin; head, tail: how they begin and end, as text."""

    number: int
    start: int
    stop: int
    head: str
    tail: str

    @property
    def tokens(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Bin:
    documents: tuple[Document, ...]
    length: int

    @property
    def tokens(self) -> int:
        return sum(document.tokens for document in self.documents)


@dataclass
class StageSample:
    """length: tokens of a row at most, as said in `length_said`. bins: how the rows shown would be packed together if
    there were no others. stats: of all rows, if they are prepared already, else None."""

    id: str
    stage: str
    title: str
    job: PrepareJob
    template: str
    length: int
    length_said: str
    sources: list[SourceSample]
    bins: list[Bin]
    notes: list[str]
    stats: dict[str, Any] | None

    @property
    def rows(self) -> list[Shown]:
        return [row for source in self.sources for row in source.rows]

    @property
    def wrong(self) -> list[JobError]:
        return [error for source in self.sources for error in source.wrong]


def sample(folder: Path, entry: Entry, rows: int, only: str | None, earlier: Path | None) -> StageSample:
    """The first rows of each source (of `only`, if given) of the prepare job `entry` in the compiled `folder`.

    earlier: a compiled folder whose jobs may be done already, if they are the same jobs. Raises JobError where no row
    can be shown at all, BrokenFolder where the folder cannot be read.
    """
    manifest = read_manifest(folder)
    job: PrepareJob = read_job(folder, entry.id)
    context = Looking(folder, manifest, job)
    stats = _stats(earlier, entry)
    tokenizer = _tokenizer(context, job, earlier)
    template, encoder = _encoder(context, job, tokenizer)
    length, said = _length(job, stats)
    reader = Reader(encoder, None if job.packing == "wrapped" else length, job.overlong)
    sources: list[SourceSample] = []
    for spec in job.sources:
        if only is not None and spec.name != only:
            continue
        first = 1 + sum(len(source.rows) for source in sources)
        sources.append(_source(context, job, spec, reader, rows, first))
    shown = [row for source in sources for row in source.rows]
    bins = [] if job.packing == "none" else _bins(shown, job.packing == "wrapped", length, tokenizer)
    return StageSample(
        entry.id,
        entry.stage or entry.id,
        entry.title,
        job,
        template,
        length,
        said,
        sources,
        bins,
        _notes(job, stats is not None),
        stats,
    )


def _encoder(context: Context, job: PrepareJob, tokenizer: Any) -> tuple[str, Encoder]:
    """What the template is called, and what makes tokens of examples."""
    documents = all(inputs._documents(spec) for spec in job.sources)
    template = None if documents else inputs._template(context, job, tokenizer)
    end_text = end_of_turn(job.template, template, tokenizer)
    end = single_token(tokenizer, end_text) if end_text is not None else None
    mask = Mask(job.loss_on, job.roles, inputs._thinking(job), end_text)
    renderer = Renderer(template, mask) if template is not None else None
    return template.name if template is not None else "", Encoder(tokenizer, renderer, end)


def _tokenizer(context: Context, job: PrepareJob, earlier: Path | None) -> Any:
    entry = next((e for e in context.manifest.jobs if e.id == job.model), None)
    if entry is None:
        raise BrokenFolder(f"{context.folder}: the manifest has no job {job.model}")
    if earlier is not None and _is_done(earlier, entry):
        with suppress(JobError, BrokenFolder):
            there = Context(earlier, read_manifest(earlier), job)
            return load_tokenizer(there.model_of(job.model), job.trust_remote_code)
    made = read_job(context.folder, job.model)
    return only_tokenizer(Looking(context.folder, context.manifest, made), made)


def _is_done(folder: Path, entry: Entry) -> bool:
    """Whether the job was done as it is now; files that it read are not looked at again."""
    done = read_done(folder, entry.id)
    return done is not None and done.get("hash") == entry.hash


def _stats(folder: Path | None, entry: Entry) -> dict[str, Any] | None:
    if folder is None or not _is_done(folder, entry):
        return None
    try:
        stats = json.loads((folder / "out" / entry.id / "stats.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stats if isinstance(stats, dict) else None


def _length(job: PrepareJob, stats: dict[str, Any] | None) -> tuple[int, str]:
    if not isinstance(job.length, Fit):
        return job.length, f"at most {job.length:,} tokens"
    known = stats.get("length") if stats is not None else None
    fit = f"fit({100 * job.length.quantile:.6g}%)"
    if isinstance(known, int):
        return known, f"at most {known:,} tokens, chosen by {fit}"
    at_most = job.length.at_most
    return (
        at_most,
        f"at most {at_most:,} tokens; {fit} chooses the length from all rows, when they are prepared",
    )


def _notes(job: PrepareJob, prepared: bool) -> list[str]:
    left = []
    if any(isinstance(spec.weight, Take) for spec in job.sources):
        left.append("take")
    if job.dedup is not None:
        left.append("dedup")
    if job.decontaminate is not None:
        left.append("decontaminate")
    if job.holdout is not None and (job.holdout.rows or job.holdout.fraction):
        left.append("holdout")
    notes = []
    if left:
        notes.append(f"these are the first rows of each source: {', '.join(left)} may leave some of them out")
    if not prepared:
        notes.append("shares of the whole mixture are known when it is prepared")
    return notes


def _source(
    context: Context, job: PrepareJob, spec: SourceSpec, reader: Reader, wanted: int, first: int
) -> SourceSample:
    made = SourceSample(spec.name, weight_said(spec))
    found = _Found(spec)
    refused = 0
    encoder = reader.encoder
    work = Work(spec, job.method, job.loss_on != "all", False, None, encoder, False)
    try:
        source = open_source(spec.name, _streamed(spec.location), context)
        for row, example in _examples(work, source, found):
            data, row.data = row.data, {}
            try:
                item = work._encoded([(row, example)], found)[0]
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
                f"{spec.name} is declared as format {spec.format.type}: correct these rows or the format's columns, "
                "or say bad_rows = drop(at_most = ...)"
            )
        except JobError as error:
            made.wrong.append(error)
    if not made.rows and not made.wrong:
        filtered = f": `where` left out all of the first {found.filtered:,}" if found.filtered else ""
        made.wrong.append(JobError(f"{spec.name}: no rows{filtered}"))
    return made


def _streamed(location: FileData | HubData) -> FileData | HubData:
    """A data set of the hub is not downloaded for its first rows; without a network it can only be in the cache."""
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if isinstance(location, HubData) and not HF_HUB_OFFLINE:
        return location.model_copy(update={"streaming": True})
    return location


def _examples(work: Work, source: Source, found: _Found) -> Iterator[tuple[Row, Example]]:
    for chunk in source.chunks():
        for made in work._examples(chunk, found):
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
                help="raise the length, or say overlong = drop, truncate or split",
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


def _bins(rows: list[Shown], wrap: bool, length: int, tokenizer: Any) -> list[Bin]:
    used = [(row, start, stop) for row in rows for start, stop in row.parts]
    sizes = [stop - start for _, start, stop in used]
    packed = wrapped(sizes, length) if wrap else best_fit(sizes, length)
    bins = []
    for first, after in pairwise(packed.bounds.tolist()):
        documents = []
        for place in range(first, after):
            row, start, stop = used[int(packed.rows[place])]
            if isinstance(packed, Cuts):
                start, stop = start + int(packed.start[place]), start + int(packed.stop[place])
            ids = row.ids[start:stop]
            head, tail = (_text(tokenizer, part) for part in (ids[:JOINT], ids[-JOINT:]))
            documents.append(Document(row.number, start, stop, head, tail))
        bins.append(Bin(tuple(documents), length))
    return bins


def _text(tokenizer: Any, ids: list[int]) -> str:
    return "".join(text for text, _ in pieces(tokenizer, ids))
