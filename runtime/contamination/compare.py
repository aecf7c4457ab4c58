"""Rows of data against all problems, by several processes at once, a chunk at a time."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import chain, islice

from smolc.runtime.contamination.overlap import Overlap
from smolc.runtime.contamination.short import Whole
from smolc.runtime.data.decontaminate import Index
from smolc.runtime.data.dedup import text_of
from smolc.runtime.data.filters import keeps
from smolc.runtime.data.formats import Chat, Example, Pair, Text, converter
from smolc.runtime.data.rows import Problems, Row, RowError
from smolc.runtime.data.sources import Chunk, open_source, rows
from smolc.runtime.data.tokenise import processes
from smolc.runtime.jobs.contamination import Data
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError

SAID = 400  # characters of a text of the data that are shown
BATCH = 256  # rows compared at once


@dataclass(frozen=True)
class Found:
    """A problem (by number) in a row, at `place`; said: how the text that has it begins. dropped: the mixture's
    decontamination leaves the row out."""

    problem: int
    place: str
    verbatim: float
    near: float
    said: str
    dropped: bool


@dataclass
class Read:
    """What came of some rows. bad: those that cannot be read, which were not compared."""

    rows: int = 0
    bad: int = 0
    found: list[Found] = field(default_factory=list)


@dataclass
class Comparison:
    """The same in each process. index: what the mixture's decontamination looks for."""

    data: Data
    overlap: Overlap
    whole: Whole
    index: Index | None

    def read(self, chunk: Chunk) -> Read:
        made, problems = Read(), Problems(self.data.name)
        examples = self._examples(chunk, problems)
        while batch := list(islice(examples, BATCH)):
            made.rows += len({row.number for row, _ in batch})
            self._batch(batch, made)
        made.bad = problems.count
        return made

    def _examples(self, chunk: Chunk, problems: Problems) -> Iterator[tuple[Row, Example]]:
        convert = converter(self.data.format, self.data.system)
        for row in rows(chunk, problems):
            try:
                # A length in tokens is not known here: such rows are compared.
                if keeps(row.data, self.data.where) is not False:
                    yield row, convert(row.data)
            except RowError as error:
                problems.add(row.place, str(error))

    def _batch(self, batch: list[tuple[Row, Example]], made: Read) -> None:
        texts: list[str] = []
        owners: list[int] = []
        for number, (_, example) in enumerate(batch):
            said = texts_in(example)
            for at, problem in self.whole.matches(said):
                made.found.append(self._found(batch[number], problem, (1.0, 1.0), said[at]))
            texts += said
            owners += [number] * len(said)
        for match in self.overlap.matches(texts):
            owner = batch[owners[match.text]]
            made.found.append(
                self._found(owner, match.problem, (match.verbatim, match.near), texts[match.text])
            )

    def _found(self, at: tuple[Row, Example], problem: int, shares: tuple[float, float], said: str) -> Found:
        row, example = at
        dropped = self.index is not None and bool(self.index.hits(text_of(example)))
        return Found(problem, row.place, *shares, said[:SAID], dropped)


def texts_in(example: Example) -> list[str]:
    """Each on its own: a document; a message; a prompt's messages and those of its answers."""
    if isinstance(example, Text):
        return [example.text]
    if isinstance(example, Chat):
        messages = example.messages
    elif isinstance(example, Pair):
        messages = [*example.prompt, *example.chosen, *example.rejected]
    else:
        messages = [*example.prompt, *example.completion]
    return [str(message["content"]) for message in messages]


def compare(context: Context, comparison: Comparison, tell: Callable[[int], None]) -> Iterator[Read]:
    """What was found in each chunk, in any order; tell: is given the number of rows that are done. Raises JobError
    where the data cannot be read."""
    data = comparison.data
    chunks = open_source(data.name, data.location, context).chunks()
    first = list(islice(chunks, 2))
    workers = processes() if len(first) > 1 else 1
    todo, done = chain(first, chunks), 0
    for read in _in_processes(todo, comparison, workers) if workers > 1 else map(comparison.read, todo):
        done += read.rows
        tell(done)
        yield read


def _in_processes(todo: Iterator[Chunk], comparison: Comparison, workers: int) -> Iterator[Read]:
    # A forked process has the index already, but of threads (clients of remote stores have one) it has only locks.
    forks = "fork" in multiprocessing.get_all_start_methods() and threading.active_count() == 1
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("fork" if forks else "spawn"),
        initializer=_start,
        initargs=(comparison,),
    )
    waiting: set[Future[Read]] = set()
    try:
        while True:
            # Chunks may hold their bytes: no more of them in memory than keep all processes at work.
            waiting |= {
                pool.submit(_read, chunk) for chunk in islice(todo, max(0, workers + 2 - len(waiting)))
            }
            if not waiting:
                return
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()
    except BrokenProcessPool as error:
        raise JobError(
            f"{comparison.data.name}: a process that compared its rows was killed, as the system does when memory runs out",
            help="SMOLC_WORKERS=1 compares in one process and takes less memory",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_mine: Comparison


def _start(comparison: Comparison) -> None:
    global _mine
    _mine = comparison


def _read(chunk: Chunk) -> Read:
    return _mine.read(chunk)
