"""`kind: prepare`: from files to the tokens that a stage is trained on."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from smolc.runtime.data import columns
from smolc.runtime.data.columns import Uses
from smolc.runtime.data.dropped import write_dropped
from smolc.runtime.data.finish import check_inference, save_tokenizer
from smolc.runtime.data.holdout import groups_of
from smolc.runtime.data.inputs import Setting, settle
from smolc.runtime.data.judgements import both_kinds
from smolc.runtime.data.lengths import fit_length
from smolc.runtime.data.locks import Lock
from smolc.runtime.data.mixing import Draw, Supply, mix
from smolc.runtime.data.overlong import Pieces, pieces
from smolc.runtime.data.select import Selection, select
from smolc.runtime.data.shuffle import permutation
from smolc.runtime.data.stats import PREVIEW_ROWS, length_summary, preview, texts_of
from smolc.runtime.data.store import Tokens
from smolc.runtime.data.tokenise import sweep, tokenise
from smolc.runtime.data.tokenizer import spelt_out
from smolc.runtime.data.tokens import Array
from smolc.runtime.data.work import Work
from smolc.runtime.jobs import disk
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.prepare import VERSION, Fit, PrepareJob, Share, Take

NONE = np.zeros(0, dtype=np.int64)
NOTHING = Pieces(NONE, NONE, NONE, NONE, NONE)


def run(context: Context) -> None:
    """Write `train/`, `validation/`, `tokenizer/`, `inputs.json`, `stats.json`, `preview.json` and `result.json`."""
    job: PrepareJob = context.job  # type: ignore[assignment]
    with disk.told(context.folder / "out"), Lock(context.out) as lock, ExitStack() as kept:
        lock.alone()
        disk.many_files()
        _clear(context.out)
        _prepare(context, job, kept)


def _clear(folder: Path) -> None:
    """What a job that was killed had not finished."""
    for left in folder.glob(".*"):
        if left.is_dir():
            shutil.rmtree(left)
        elif not left.name.startswith(".done.json."):  # of another job that is just done
            left.unlink(missing_ok=True)


def _prepare(context: Context, job: PrepareJob, kept: ExitStack) -> None:
    """kept: what other jobs may not remove until this one is done."""
    if job.packing != "none" and job.method not in ("cpt", "sft"):
        raise JobError(f"{job.method} cannot be packed: its rows are pairs", help="say packing = none")
    if job.version != VERSION:
        raise JobError(
            f"this folder was built for data of version {job.version}; this smolc makes version {VERSION}",
            help="build the recipe again: smolc build",
        )
    setting = settle(context, job)
    sources = _tokenise_all(context, job, setting, kept)
    limits = [s.weight.rows if s.streamed and isinstance(s.weight, Take) else None for s in job.sources]
    selection = select(sources, limits, setting.index, job)
    # Of all rows that could be used, so that those which the length leaves out are seen.
    longest = np.concatenate([s.longest[rows] for s, rows in zip(sources, selection.train, strict=True)])
    length = _length(longest, job)
    limit = None if job.packing == "wrapped" else length
    fitted = [
        NOTHING if s.name == job.held_source else pieces(s, rows, limit, job.overlong)
        for s, rows in zip(sources, selection.train, strict=True)
    ]
    supplies = [
        Supply(s.name, p.read, p.trained, spec.weight)
        for s, p, spec in zip(sources, fitted, job.sources, strict=True)
    ]
    draws = _mixed(supplies, job)
    drawn = [p.at(draw.rows) for p, draw in zip(fitted, draws, strict=True)]
    uses = _uses(drawn)
    order = permutation(len(uses), job.seed, "mixture")
    uses = Uses(uses.source[order], uses.row[order], uses.start[order], uses.stop[order])

    vocabulary = len(setting.tokenizer)
    total = len(uses)
    context.progress(0, total, "row", "packing")
    written = columns.write(
        context.out / "train",
        sources,
        uses,
        job,
        length,
        vocabulary,
        lambda n: context.progress(n, total, "row", "packing"),
    )
    seen = written.seen
    shutil.rmtree(context.out / "validation", ignore_errors=True)
    cut = [
        pieces(s, rows, limit, job.overlong) if len(rows) else NOTHING
        for s, rows in zip(sources, selection.held, strict=True)
    ]
    held = _held(cut, job)
    if held is not None:
        more = columns.write(
            context.out / "validation", sources, held, job, length, vocabulary, lambda _: None
        )
        seen = seen | more.seen
    notes = _too_long(sources, cut, limit, job) + _faded(sources) + _unread(sources, job)
    notes += _seen_in_training(sources, selection, job)
    if job.method == "kto":
        notes.append(both_kinds(sources, uses.source, uses.row, 0 if held is None else len(held)))
    listed = write_dropped(context.out / "dropped.jsonl", sources, selection, job.decontaminate is not None)
    if listed:
        notes.append(f"rows that were left out, and why: dropped.jsonl ({listed:,} lines)")
    notes += save_tokenizer(context.out / "tokenizer", setting, seen)
    check_inference(setting, job)

    shown = [
        (sources[s].name, sources[s].place(row), sources[s].item(row))
        for s, row in _first_of_each(drawn, PREVIEW_ROWS)
    ]
    previewed = preview(setting.tokenizer, shown)
    _write_json(context.out / "preview.json", previewed)
    if setting.template is not None:
        notes += spelt_out(setting.tokenizer, texts_of(previewed))
    tokens = int(sum(p.read.sum() for p in drawn))
    result = {
        "rows": total,
        "bins": written.rows,
        "tokens": tokens,
        "trained_tokens": written.trained,
        "validation_rows": 0 if held is None else len(held),
        "mean_length": round(tokens / total, 2),
        "fill": round(tokens / (written.rows * length), 4) if job.packing != "none" else None,
        "length": length,
        # What whoever trains on it has to be meant for.
        "method": job.method,
        "packing": job.packing,
        "bound": job.length.at_most if isinstance(job.length, Fit) else job.length,
    }
    stats = {
        **result,
        "basis": job.basis,
        "sources": [
            _source_stats(*each)
            for each in zip(sources, job.sources, _left_out(selection), fitted, drawn, draws, strict=True)
        ],
        "lengths": length_summary(longest),
        "contamination": selection.contamination,
        "notes": notes,
    }
    _write_json(context.out / "stats.json", stats)
    context.write_result(result)
    for note in notes:
        print(f"note: {note}")
    sweep(setting.shelf, _used(context.folder))
    context.progress(total, total, "row", f"{tokens:,} tokens")
    print(f"{total:,} rows, {tokens:,} tokens, {written.trained:,} of them trained")


def _mixed(supplies: list[Supply], job: PrepareJob) -> list[Draw]:
    """Of a source that is held out as a whole, nothing."""
    draws = iter(
        mix([s for s in supplies if s.name != job.held_source], job.basis, job.budget_tokens, job.seed)
    )
    nothing = Draw(NONE, 0.0, 0.0)
    return [nothing if s.name == job.held_source else next(draws) for s in supplies]


def _tokenise_all(context: Context, job: PrepareJob, setting: Setting, kept: ExitStack) -> list[Tokens]:
    counts = [source.total() for source in setting.sources]
    total = sum(c for c in counts if c is not None) if None not in counts else 0
    made: list[Tokens] = []
    folders = []
    before = 0
    for spec, source, inputs in zip(job.sources, setting.sources, setting.inputs, strict=True):
        work = Work(
            spec,
            job.method,
            job.loss_on != "all",
            job.dedup is not None and job.dedup.type == "near",
            setting.index,
            setting.encoder,
            len(setting.tokenizer) <= 1 << 16,
        )

        def tell(done: int, before: int = before) -> None:
            context.progress(before + done, max(total, before + done), "row", "tokenizing")

        tokens, folder = tokenise(source, work, inputs, setting.shelf, job.seed, tell, kept)
        made.append(tokens)
        folders.append(folder.name)
        before += len(tokens)
    inputs_of = {
        spec.name: {"tokens": name, **said}
        for spec, name, said in zip(job.sources, folders, setting.inputs, strict=True)
    }
    _write_json(context.out / "inputs.json", {"sources": inputs_of})
    return made


def _used(folder: Path) -> set[str]:
    """Folders of tokens that prepared data in this compiled folder is made of."""
    used = set()
    for path in (folder / "out").glob("*/inputs.json"):
        try:
            sources = json.loads(path.read_text(encoding="utf-8"))["sources"]
            used |= {said["tokens"] for said in sources.values()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return used


def _length(longest: Array, job: PrepareJob) -> int:
    if not isinstance(job.length, Fit):
        return job.length
    if not len(longest):
        raise JobError("no rows are left to choose the length from")
    return fit_length(longest, job.length.quantile, job.length.at_most)


def _uses(drawn: list[Pieces]) -> Uses:
    source = np.repeat(np.arange(len(drawn)), [len(p.row) for p in drawn])
    return Uses(
        source,
        np.concatenate([p.row for p in drawn]),
        np.concatenate([p.start for p in drawn]),
        np.concatenate([p.stop for p in drawn]),
    )


def _held(cut: list[Pieces], job: PrepareJob) -> Uses | None:
    """The rows that are held out, in the order in which they were read."""
    if any(len(p.row) for p in cut):
        return _uses(cut)
    if job.held_source is not None:
        help = "all of them were left out, for what `dedup` or `decontaminate` of the mixture say"
        raise JobError(f"{job.held_source}: no rows are left for the validation loss", help=help)
    return None


def _too_long(sources: list[Tokens], held: list[Pieces], limit: int | None, job: PrepareJob) -> list[str]:
    return [
        f"{source.name}: {part.counts.overlong:,} of the held-out rows longer than {limit:,} tokens: {job.overlong}"
        for source, part in zip(sources, held, strict=True)
        if part.counts.overlong
    ]


def _seen_in_training(sources: list[Tokens], selection: Selection, job: PrepareJob) -> list[str]:
    """Where what is held out was chosen by a person: rows of it that are trained on, too."""
    if job.held_source is None:
        return []
    groups = groups_of([source.keys for source in sources])
    beside = [source.name for source in sources].index(job.held_source)
    trained = np.concatenate([g[rows] for g, rows in zip(groups, selection.train, strict=True)])
    count = int(np.isin(groups[beside][selection.held[beside]], trained).sum())
    return (
        [f"held-out rows of {job.held_source} that are in the training data, too: {count:,}"] if count else []
    )


def _first_of_each(drawn: list[Pieces], most: int) -> list[tuple[int, int]]:
    """Source and row of a few rows to show, some of each source."""
    each = 1 + most // len(drawn)
    return [(s, int(row)) for s, p in enumerate(drawn) for row in p.row[:each]][:most]


def _faded(sources: list[Tokens]) -> list[str]:
    count = sum(source.total("faded") for source in sources)
    if not count:
        return []
    return [
        f"the template leaves out the reasoning of {count:,} earlier turns, as it does when the model is used"
    ]


def _unread(sources: list[Tokens], job: PrepareJob) -> list[str]:
    keys = {"chat_template_kwargs": "template_kwargs"}
    return [
        f"{spec.name}: the column {name!r} is not read; "
        f'{spec.format.type}({keys.get(name, name)} = "{name}") gives it to the template'
        for spec, source in zip(job.sources, sources, strict=True)
        for name in sorted({name for part in source.parts for name in part.about.get("unread", ())})
    ]


def _left_out(selection: Selection) -> list[tuple[Array, dict[str, int]]]:
    """Of each source: rows held out, and how many were left out for what they are."""
    s = selection
    names = "repeated", "duplicates_dropped", "contaminated_dropped", "contradictory_dropped"
    counts = zip(s.repeats, s.duplicates, s.contaminated, s.contradicted, strict=True)
    return [(held, dict(zip(names, each, strict=True))) for held, each in zip(s.held, counts, strict=True)]


def _source_stats(
    source: Tokens,
    spec: Any,
    left_out: tuple[Array, dict[str, int]],
    fitted: Pieces,
    drawn: Pieces,
    draw: Draw,
) -> dict[str, Any]:
    held, why = left_out
    weight, counts = spec.weight, fitted.counts
    return {
        "name": source.name,
        "weight": weight.type,
        "declared_share": weight.share if isinstance(weight, Share) else None,
        "realised_share": round(draw.share, 6),
        "epochs": round(draw.epochs, 4),
        "rows": len(drawn.row),
        "tokens": int(drawn.read.sum()),
        "trained_tokens": int(drawn.trained.sum()),
        "rows_read": source.total("read"),
        "rows_filtered": source.total("filtered"),
        "rows_bad": source.total("bad"),
        "bad_shown": [shown for part in source.parts for shown in part.about["bad_shown"]][:5],
        **why,
        "holdout_rows": len(held),
        "overlong": counts.overlong,
        "dropped": counts.dropped,
        "split": counts.split,
        "cut_at_turn": counts.cut_at_turn,
        "cut_within_turn": counts.cut_within_turn,
        "untrained": counts.untrained,
        "untrained_pieces": counts.untrained_pieces,
    }


def _write_json(path: Path, content: object) -> None:
    write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
