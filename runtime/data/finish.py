"""The tokenizer that goes with prepared data, and whether inference will render what was trained."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path

import numpy as np

from smolc.runtime.data import gates
from smolc.runtime.data.filters import keeps
from smolc.runtime.data.formats import Chat, Judged, Pair, converter
from smolc.runtime.data.inputs import Setting
from smolc.runtime.data.rows import Problems, RowError
from smolc.runtime.data.sources import rows
from smolc.runtime.data.tokenizer import choose_pad
from smolc.runtime.data.tokens import Array
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.files import replace_folder
from smolc.runtime.jobs.prepare import PrepareJob

SAMPLES = 8  # conversations of each source that are rendered as inference does
LONG = 1 << 18  # characters; a longer one is left out where there are shorter ones, since it takes seconds


def save_tokenizer(folder: Path, setting: Setting, seen: Array) -> list[str]:
    """With the chat template that was trained, the end-of-turn as end of text, and a padding token. seen: for each id
    whether it occurs in the data. Returns notes for the report."""
    tokenizer, template, end_text = setting.tokenizer, setting.template, setting.end_text
    notes = []
    if template is not None:
        tokenizer.chat_template = template.source
        if end_text is None:
            notes.append("end_of_turn is not given, so it was not checked that the model learns to stop")
    if end_text is not None and tokenizer.eos_token != end_text:
        notes.append(f"end of text: {end_text} (was {tokenizer.eos_token})")
        tokenizer.eos_token = end_text
    pad = choose_pad(tokenizer, np.flatnonzero(seen), template)
    if pad:
        notes.append(pad)
    # Into a new folder: files of an earlier tokenizer, such as its template, would be taken for this one's.
    temporary = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    tokenizer.save_pretrained(temporary)
    replace_folder(folder, temporary)
    return notes


def check_inference(setting: Setting, job: PrepareJob) -> None:
    """The tokenizer as it was saved must render a few rows as they were trained. Raises JobError."""
    if setting.renderer is None or setting.template is None:
        return
    samples = []
    for spec, source in zip(job.sources, setting.sources, strict=True):
        convert = converter(spec.format, spec.system)
        chunk = next(iter(source.chunks()))
        for row in islice(rows(chunk, Problems(spec.name)), SAMPLES):
            try:
                if keeps(row.data, spec.where) is False:
                    continue
                example = convert(row.data)
            except RowError:
                continue
            if isinstance(example, (Pair, Judged)):
                answer = example.chosen if isinstance(example, Pair) else example.completion
                example = Chat(example.prompt + answer, len(example.prompt), None, {})
            if isinstance(example, Chat) and example.prompt_turns < len(example.messages):
                samples.append((row, example, spec.bad_rows > 0))
    rendered = []
    for row, example, may_be_bad in samples:
        try:
            rendered.append((row, example, *setting.renderer.rendered(row, example)))
        except JobError:
            if not may_be_bad:
                raise
    checked = []
    for row, example, text, prompt in rendered:
        if len(text) > LONG and any(len(other) < len(text) for _, _, other, _ in rendered):
            continue
        ids, prompt_ids = setting.encoder.tokens.ids([text, prompt])
        checked.append((row.place, example, ids, prompt_ids))
    gates.check_same_as_inference(setting.tokenizer, setting.template, checked)
