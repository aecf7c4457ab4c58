"""`kind: prepare`: from files to the tokens that a stage is trained on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from smolc.runtime.data.arrow import write_dataset
from smolc.runtime.data.columns import columns_of
from smolc.runtime.data.encode import Answered, Encoded, Encoder
from smolc.runtime.data.formats import Text
from smolc.runtime.data.holdout import hold_out
from smolc.runtime.data.load import Examples, Loaded, encode, read_examples
from smolc.runtime.data.mixing import Draw, Supply, mix
from smolc.runtime.data.shuffle import permutation
from smolc.runtime.data.stats import (
    PREVIEW_ROWS,
    Item,
    length_summary,
    longest_of,
    preview,
    tokens_of,
    trained_of,
)
from smolc.runtime.data.template import ChatTemplate, check_markers, end_of_turn, read_template
from smolc.runtime.data.tokenizer import choose_pad, load_tokenizer, single_token
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.prepare import PrepareJob, Share


def run(context: Context) -> None:
    """Write `train/`, `validation/`, `tokenizer/`, `stats.json`, `preview.json` and `result.json`."""
    job: PrepareJob = context.job  # type: ignore[assignment]
    if job.packing != "none" and job.method not in ("cpt", "sft"):
        raise JobError(f"{job.method} cannot be packed: its rows are pairs", help="say packing = none")
    examples = [read_examples(spec, job, context.user_file) for spec in job.sources]
    total = sum(len(e.rows) for e in examples)
    context.progress(0, total, "row", "tokenizing")
    tokenizer = load_tokenizer(context.model_of(job.model), job.trust_remote_code)
    chats = any(not isinstance(e.rows[0][1], Text) for e in examples)
    template = read_template(context.folder, job.template, tokenizer) if chats else None
    if template is not None:
        check_markers(template, job)
    end_text = end_of_turn(job.template, template, tokenizer)
    end = single_token(tokenizer, end_text) if end_text is not None else None
    if job.method == "orpo" and end is None:
        raise JobError(
            "orpo's trainer puts an end-of-text token after each answer, and the template does not",
            help="say what ends a turn: end_of_turn in the template",
        )
    encoder = Encoder(tokenizer, template, job.loss_on, end, end_text)
    sources = _encode_all(
        examples, job, encoder, lambda done: context.progress(done, total, "row", "tokenizing")
    )

    held = [np.zeros(len(s.items), dtype=bool) for s in sources]
    if job.holdout is not None:
        names = [s.spec.name for s in sources]
        held = [np.asarray(h) for h in hold_out([s.keys for s in sources], names, job.holdout, job.seed)]
    kept = [np.flatnonzero(~h) for h in held]
    supplies = [
        Supply(s.spec.name, np.asarray([tokens_of(s.items[i]) for i in rows.tolist()]), s.spec.weight)
        for s, rows in zip(sources, kept, strict=True)
    ]
    draws = mix(supplies, job.basis, job.budget_tokens, job.seed)
    chosen = [rows[draw.rows] for rows, draw in zip(kept, draws, strict=True)]
    picked = [(s, i) for s, rows in enumerate(chosen) for i in rows.tolist()]
    order = permutation(len(picked), job.seed, "mixture").tolist()
    train = [sources[s].items[i] for s, i in (picked[n] for n in order)]
    validation = [s.items[i] for s, h in zip(sources, held, strict=True) for i in np.flatnonzero(h).tolist()]

    columns, trained_tokens = columns_of(train, job)
    bins = len(next(iter(columns.values())))
    write_dataset(context.out / "train", columns)
    shutil.rmtree(context.out / "validation", ignore_errors=True)
    if validation:
        write_dataset(context.out / "validation", columns_of(validation, job)[0])
    notes = _drop_bos(tokenizer, train + validation) if job.method == "orpo" else []
    notes += _save_tokenizer(context.out / "tokenizer", tokenizer, template, end_text, train + validation)
    seen = [
        (s, i) for s, rows in enumerate(chosen) for i in rows[: 1 + PREVIEW_ROWS // len(sources)].tolist()
    ]
    shown = [
        (sources[s].spec.name, sources[s].places[i], sources[s].items[i]) for s, i in seen[:PREVIEW_ROWS]
    ]
    _write_json(context.out / "preview.json", preview(tokenizer, shown))
    tokens = sum(map(tokens_of, train))
    result = {
        "rows": len(train),
        "bins": bins,
        "tokens": tokens,
        "trained_tokens": trained_tokens,
        "validation_rows": len(validation),
        "mean_length": round(tokens / len(train), 2),
        "fill": round(tokens / (bins * job.length), 4) if job.packing != "none" else None,
    }
    stats = {
        **result,
        "length": job.length,
        "packing": job.packing,
        "basis": job.basis,
        "sources": [
            _source_stats(s, h, rows, draw)
            for s, h, rows, draw in zip(sources, held, chosen, draws, strict=True)
        ],
        "lengths": length_summary([longest_of(item) for item in train]),
        "notes": notes,
    }
    _write_json(context.out / "stats.json", stats)
    context.write_result(result)
    context.progress(total, total, "row", f"{tokens:,} tokens")
    print(f"{len(train):,} rows, {tokens:,} tokens, {trained_tokens:,} of them trained")


def _encode_all(
    examples: list[Examples], job: PrepareJob, encoder: Encoder, tell: Callable[[int], None]
) -> list[Loaded]:
    sources: list[Loaded] = []
    before = 0
    for source in examples:
        sources.append(encode(source, job, encoder, lambda done, before=before: tell(before + done)))  # type: ignore[misc]
        before += len(source.rows)
        source.rows = []
    return sources


def _save_tokenizer(
    folder: Path, tokenizer: Any, template: ChatTemplate | None, end_text: str | None, items: list[Item]
) -> list[str]:
    notes = []
    if template is not None:
        tokenizer.chat_template = template.source
        if "strftime_now" in template.source:
            notes.append(
                f"{template.name} writes today's date: the same recipe gives other tokens on another day"
            )
        if end_text is None:
            notes.append("end_of_turn is not given, so it was not checked that the model learns to stop")
    if end_text is not None and tokenizer.eos_token != end_text:
        notes.append(f"end of text: {end_text} (was {tokenizer.eos_token})")
        tokenizer.eos_token = end_text
    used: set[int] = set()
    for item in items:
        arrays = [item.ids] if isinstance(item, Encoded) else [item.prompt, *item.answers]
        for ids in arrays:
            used.update(ids.tolist())
    pad = choose_pad(tokenizer, np.asarray(sorted(used)), template)
    if pad:
        notes.append(pad)
    tokenizer.save_pretrained(folder)
    return notes


def _drop_bos(tokenizer: Any, items: list[Item]) -> list[str]:
    """ORPO's trainer tokenises by itself and would put a BOS before prompts that are rendered without one."""
    bos = tokenizer.bos_token_id
    if bos is None or all(isinstance(i, Answered) and i.prompt[:1].tolist() == [bos] for i in items):
        return []
    note = f"beginning of text: none (was {tokenizer.bos_token}), since the template does not write it"
    tokenizer.bos_token = None
    return [note]


def _source_stats(
    source: Loaded, held: np.ndarray[Any, Any], rows: np.ndarray[Any, Any], draw: Draw
) -> dict[str, Any]:
    weight = source.spec.weight
    items = [source.items[i] for i in rows.tolist()]
    return {
        "name": source.spec.name,
        "weight": weight.type,
        "declared_share": weight.share if isinstance(weight, Share) else None,
        "realised_share": round(draw.share, 6),
        "epochs": round(draw.epochs, 4),
        "rows": len(items),
        "tokens": sum(map(tokens_of, items)),
        "trained_tokens": sum(map(trained_of, items)),
        "rows_read": source.read,
        "rows_filtered": source.filtered,
        "holdout_rows": int(held.sum()),
        "overlong": source.counts.overlong,
        "dropped": source.counts.dropped,
        "cut_at_turn": source.counts.cut_at_turn,
        "cut_within_turn": source.counts.cut_within_turn,
        "untrained": source.counts.untrained,
    }


def _write_json(path: Path, content: object) -> None:
    write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
