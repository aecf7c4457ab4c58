"""What a worker process does: one chunk of a source, from rows to tokens on disk."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from smolc.runtime.data import dedup
from smolc.runtime.data.decontaminate import Index
from smolc.runtime.data.encode import Encoded, Encoder
from smolc.runtime.data.filters import Measures, keeps, needs_measures
from smolc.runtime.data.formats import Chat, Example, Judged, Pair, Text, converter
from smolc.runtime.data.holdout import key_of
from smolc.runtime.data.judgements import judged_key
from smolc.runtime.data.rows import LISTED, Problems, Row, RowError
from smolc.runtime.data.sources import Chunk, rows
from smolc.runtime.data.store import Builder, longest_of
from smolc.runtime.data.tokens import Array
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import (
    Alpaca,
    Format,
    Messages,
    Method,
    Preference,
    PromptCompletion,
    SourceSpec,
    Unpaired,
)

BATCH = 256  # rows rendered and tokenised at once
LOOKED_AT = 64  # rows of a chunk whose columns are compared with the format's

ACCEPTED: dict[Method, tuple[type, ...]] = {
    "cpt": (Text, Chat),
    "sft": (Text, Chat),
    "dpo": (Pair,),
    "orpo": (Pair,),
    "cpo": (Pair,),
    "simpo": (Pair,),
    "kto": (Judged, Pair),
}
NEEDED: dict[Method, str] = {
    "cpt": "text, or conversations",
    "sft": "conversations (messages, sharegpt, prompt_completion, alpaca) or text",
    "dpo": "pairs of answers (format preference)",
    "orpo": "pairs of answers (format preference)",
    "cpo": "pairs of answers (format preference)",
    "simpo": "pairs of answers (format preference)",
    "kto": "judged answers (format unpaired) or pairs of them (preference)",
}


@dataclass
class Work:
    """All that makes rows of one source into tokens; the same in each process.

    near: MinHash signatures are wanted. index: n-grams of the evals. generates:
    each conversation needs a turn of the assistant.
    """

    spec: SourceSpec
    method: Method
    generates: bool
    near: bool
    index: Index | None
    encoder: Encoder
    small: bool

    def count(self, chunk: Chunk) -> dict[str, Any]:
        """How many examples there are, and what is wrong with the others."""
        found = Found(self.spec)
        examples = sum(1 for _ in self.examples(chunk, found))
        return {**found.said(), "examples": examples}

    def tokenise(self, chunk: Chunk, chosen: Array | None, folder: Path) -> dict[str, Any]:
        """Write the chunk's rows, or those of its examples whose numbers are `chosen` (ascending). Returns what the
        file's metadata says."""
        if self.encoder.renderer is not None and self.spec.bad_rows:
            self.encoder.renderer.start()  # else it would depend on the number of workers which rows are dropped
        found = Found(self.spec)
        made = Builder(self.small)
        examples = self.examples(chunk, found)
        if chosen is not None:
            wanted = set(chosen.tolist())
            examples = (e for n, e in enumerate(examples) if n in wanted)
        while batch := list(islice(examples, BATCH)):
            self._batch(batch, made, found)
        about = {**found.said(), "examples": len(made.rows)}
        made.write(folder / chunk_file(chunk.index), about)
        return about

    def examples(self, chunk: Chunk, found: Found) -> Iterator[tuple[Row, Example]]:
        spec = self.spec
        convert = converter(spec.format, spec.system)
        for row in rows(chunk, found.problems):
            found.read += 1
            if found.read <= LOOKED_AT:
                found.unread |= _unread(row.data, spec.format)
            try:
                kept = keeps(row.data, spec.where)
                if kept is False:
                    found.filtered += 1
                    continue
                examples = self._for_method(convert(row.data))
            except RowError as error:
                found.bad(row, str(error))
                continue
            if kept is True or not needs_measures(spec.where):
                row.data = {}
            for example in examples:
                yield row, example

    def _for_method(self, example: Example) -> list[Example]:
        if not isinstance(example, ACCEPTED[self.method]):
            raise JobError(
                f"{self.spec.name}: {self.method} is trained on {NEEDED[self.method]}; the format is "
                f"{self.spec.format.type}",
                help="give the dataset another format, or the stage another method or dataset",
            )
        if self.method == "kto" and isinstance(example, Pair):
            prompt = example.prompt
            return [Judged(prompt, example.chosen, True), Judged(prompt, example.rejected, False)]
        if isinstance(example, Chat) and self.generates and example.prompt_turns == len(example.messages):
            raise RowError("expected a turn of the assistant to train on, found none")
        return [example]

    def _batch(self, batch: list[tuple[Row, Example]], made: Builder, found: Found) -> None:
        for (row, example), item in zip(batch, self.encoded(batch, found), strict=True):
            if item is None:
                continue
            if isinstance(item, Encoded):
                if not item.spans:
                    found.untrained(row)
                    continue
                found.faded += item.faded
            turns = _turns(example)
            if row.data and not keeps(
                row.data, self.spec.where, Measures(longest_of(item), item.trained, turns)
            ):
                found.filtered += 1
                continue
            if self.index is not None:
                text = dedup.text_of(example)
                found.hits += [
                    [len(made.rows), hit.eval, hit.place, hit.words] for hit in self.index.hits(text)
                ]
            if self.near:
                made.signatures.append(dedup.signature_of(example))
            row.data = {}
            made.rows.append(item)
            made.places.append(row)
            made.keys.append(key_of(example))
            if isinstance(example, (Pair, Judged)):
                made.row_keys.append(dedup.key(example))
                key, judged = judged_key(example)
                made.judged_keys.append(key)
                made.judged.append(judged)
            made.turns.append(turns)

    def encoded(self, batch: list[Any], found: Found) -> list[Any]:
        # Rows of one source are all of one kind, since they have one format.
        encoder, first = self.encoder, batch[0][1]
        refuse = found.refuse if self.spec.bad_rows else None
        if isinstance(first, Text):
            return encoder.texts(batch)
        if isinstance(first, Chat):
            return encoder.chats(batch, refuse)
        return encoder.answers(batch, refuse)


UNREAD = {
    Messages: ("tools", "chat_template_kwargs"),
    Alpaca: ("system", "history"),
    PromptCompletion: ("system",),
    Preference: ("system",),
    Unpaired: ("system",),
}
"""Columns that hold what conversations are rendered with, by the formats that could name them."""


def _unread(data: dict[str, Any], format: Format) -> set[str]:
    """Those that hold something, and that the format does not name."""
    named = vars(format).values()
    return {name for name in UNREAD.get(type(format), ()) if data.get(name) and name not in named}


def _turns(example: Example) -> int:
    """Messages; of a pair those of the prompt and of the longer answer."""
    if isinstance(example, Chat):
        return len(example.messages)
    if isinstance(example, Pair):
        return len(example.prompt) + max(len(example.chosen), len(example.rejected))
    return len(example.prompt) + len(example.completion) if isinstance(example, Judged) else 1


@dataclass
class Found:
    """What is said of a chunk."""

    spec: SourceSpec
    read: int = 0
    bad_rows: int = 0
    filtered: int = 0
    faded: int = 0
    unread: set[str] = field(default_factory=set)
    masked: list[str] = field(default_factory=list)
    masked_rows: int = 0
    hits: list[list[Any]] = field(default_factory=list)
    problems: Problems = field(init=False)

    def __post_init__(self) -> None:
        self.problems = Problems(self.spec.name, most=LISTED)

    def bad(self, row: Row, what: str) -> None:
        self.bad_rows += 1
        self.problems.add(row.place, what)

    def untrained(self, row: Row) -> None:
        if self.spec.bad_rows:
            self.bad(row, "nothing of it is trained")
            return
        self.masked_rows += 1
        if len(self.masked) < 5:
            self.masked.append(row.place)

    def refuse(self, row: Row, error: JobError) -> None:
        first, *more = error.message.removeprefix(f"{row.place}: ").splitlines()
        self.bad(row, " ".join([first, *(line.strip() for line in more)])[:300])

    def said(self) -> dict[str, Any]:
        return {
            # With those of which nothing could be read, which only `problems` knows.
            "read": self.read + self.problems.count - self.bad_rows,
            "filtered": self.filtered,
            "bad": self.problems.count,
            "bad_shown": self.problems.shown,
            "masked": self.masked_rows,
            "masked_shown": self.masked,
            "faded": self.faded,
            "unread": sorted(self.unread),
            "hits": self.hits,
        }


def chunk_file(index: int) -> str:
    return f"{index:06}.arrow"


_work: Work | None = None


def start(work: Work) -> None:
    """In a new process. One thread each: there are as many processes as processors."""
    global _work
    if multiprocessing.parent_process() is not None:
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop
        _die_with_parent(multiprocessing.parent_process())
        gc.set_threshold(50_000, 50, 50)  # few cycles are made here, and looking for them takes time
    _work = work


def _die_with_parent(parent: Any) -> None:
    """A parent that is killed tells nobody; on Linux the kernel does."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent.pid:  # it was killed before that
        os._exit(1)


def count(chunk: Chunk) -> dict[str, Any]:
    assert _work is not None
    return _work.count(chunk)


def tokenise(chunk: Chunk, chosen: Array | None, folder: Path) -> dict[str, Any]:
    assert _work is not None
    return _work.tokenise(chunk, chosen, folder)
