"""The first rows of a stage's sources as they will be trained. Nothing needs to have run, no weights are loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolc.runtime.data.inputs import encoder_of
from smolc.runtime.data.tokenizer import load_tokenizer, spelt_out
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.done import read_done
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.manifest import BrokenFolder, Entry, read_job, read_manifest
from smolc.runtime.jobs.prepare import Fit, PrepareJob, Take
from smolc.runtime.preview.packed import Bin, pack
from smolc.runtime.preview.rows import Reader, Shown
from smolc.runtime.preview.sources import SourceSample, read_source
from smolc.runtime.train.start import only_tokenizer


class Looking(Context):
    """Of a job that is not run: files are not hashed, since only their first rows are read."""

    def _hashed(self, name: str, path: Path) -> str:
        return ""


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
    template, _, encoder = encoder_of(context, job, tokenizer)
    length, said = _length(job, stats)
    reader = Reader(encoder, None if job.packing == "wrapped" else length, job.overlong)
    sources: list[SourceSample] = []
    for spec in job.sources:
        if only is not None and spec.name != only:
            continue
        first = 1 + sum(len(source.rows) for source in sources)
        sources.append(read_source(context, job, spec, reader, rows, first))
    shown = [row for source in sources for row in source.rows]
    bins = [] if job.packing == "none" else pack(shown, job.packing == "wrapped", length, tokenizer)
    return StageSample(
        entry.id,
        entry.stage or entry.id,
        entry.title,
        job,
        template.name if template is not None else "",
        length,
        said,
        sources,
        bins,
        _notes(job, stats is not None)
        + (spelt_out(tokenizer, _texts(shown)) if template is not None else []),
        stats,
    )


def _texts(rows: list[Shown]) -> Iterator[str]:
    for row in rows:
        for sequence in row.sequences:
            yield "".join(piece.text for turn in sequence.turns for piece in turn.pieces)


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
        return job.length, f"at most {job.length:,} tokens in a row"
    known = stats.get("length") if stats is not None else None
    fit = f"fit({100 * job.length.quantile:.6g}%)"
    if isinstance(known, int):
        return known, f"at most {known:,} tokens in a row, chosen by {fit}"
    at_most = job.length.at_most
    return (
        at_most,
        f"at most {at_most:,} tokens in a row; {fit} chooses the length from all rows, when they are prepared",
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
