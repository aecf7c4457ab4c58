"""Sources to tokens on disk, by several processes at once; what is there already is used again.

`out/.tokens/<name>-<hash>/` holds the chunks of one source. The hash is of all that shapes them, which stands beside
them in `inputs.json`. A preparation that was stopped goes on with the chunks that are missing.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from smolc.runtime.data import work
from smolc.runtime.data.locks import Lock
from smolc.runtime.data.rows import Problems
from smolc.runtime.data.shuffle import permutation
from smolc.runtime.data.sources import Chunk, Source
from smolc.runtime.data.store import PARTIAL, Part, Tokens
from smolc.runtime.data.tokens import Array
from smolc.runtime.data.work import Work, chunk_file
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.prepare import MadeData, Take

Tell = Callable[[int], None]
DONE = "done.json"


def processes() -> int:
    """As many as there are processors for this process; SMOLC_WORKERS says otherwise."""
    asked = os.environ.get("SMOLC_WORKERS", "")
    if asked.isdigit() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def folder_of(shelf: Path, name: str, inputs: dict[str, Any]) -> Path:
    """shelf: where the tokens of all sources are."""
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    readable = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)[:40]
    return shelf / f"{readable}-{digest[:16]}"


def tokenise(
    source: Source,
    work: Work,
    inputs: dict[str, Any],
    shelf: Path,
    seed: int,
    tell: Tell,
    kept: ExitStack,
) -> tuple[Tokens, Path]:
    """Rows of a source as tokens, and the folder where they are. inputs: all that shapes them. tell: is given the
    number of rows that are done. kept: until it is closed, nobody removes the folder."""
    folder = folder_of(shelf, work.spec.name, inputs)
    lock = kept.enter_context(Lock(folder))
    lock.shared()
    parts = _whole(folder)
    if parts is None:
        lock.alone()
        parts = _whole(folder)  # made by the one that was waited for
    if parts is None:
        try:
            parts = _made(source, work, inputs, folder, seed, tell)
        except BrokenProcessPool as error:
            raise JobError(
                f"{work.spec.name}: a process that prepared its rows was killed, as the system does when memory runs out",
                help="run again: what is done is kept; SMOLC_WORKERS=1 prepares in one process and takes less memory",
            ) from error
        lock.shared()
    tokens = Tokens(work.spec.name, parts)
    tell(len(tokens))
    return tokens, folder


def _made(
    source: Source, work: Work, inputs: dict[str, Any], folder: Path, seed: int, tell: Tell
) -> list[Part]:
    """Whatever is missing or damaged is made."""
    if (folder / DONE).exists():
        print(f"{folder.name}: prepared tokens are damaged; those are made again", flush=True)
        (folder / DONE).unlink()
    for left in folder.glob(f"*{PARTIAL}"):
        left.unlink(missing_ok=True)
    write_atomically(folder / "inputs.json", json.dumps(inputs, indent=1, sort_keys=True) + "\n")
    _fill(source, work, folder, seed, tell)
    parts = _whole(folder)
    if parts is None:
        raise JobError(f"{folder}: what was just written there cannot be read again", help="check the disk")
    return parts


def sweep(shelf: Path, used: set[str]) -> None:
    """Remove the tokens that no prepared data in this compiled folder is made of any more, unless a job that runs has
    to do with them."""
    for folder in shelf.iterdir() if shelf.is_dir() else ():
        if folder.name.startswith(".") or folder.name in used:
            continue
        with Lock(folder) as lock:
            if lock.alone(wait=False):
                shutil.rmtree(folder, ignore_errors=True)
                lock.remove()


def _fill(source: Source, made: Work, folder: Path, seed: int, tell: Tell) -> None:
    spec = made.spec
    weight = spec.weight
    chosen: list[Array] | None = None
    enough: int | None = None
    if isinstance(weight, Take) and spec.streamed and weight.rows is not None:
        enough = weight.rows
    elif isinstance(weight, Take) and weight.tokens is None:
        counted = _run(source.chunks(), made, "count", folder, None, lambda _: None, None)
        _check(made, counted)
        chosen = _chosen([about["examples"] for about in counted], spec.name, weight, seed)
    abouts = _run(source.chunks(), made, "tokenise", folder, chosen, tell, enough)
    _check(made, abouts)
    if enough is not None:
        _check_size(spec.name, enough, sum(about["examples"] for about in abouts))
    write_atomically(
        folder / DONE, json.dumps({"chunks": len(abouts), "rows": sum(a["examples"] for a in abouts)}) + "\n"
    )


def _chosen(counts: list[int], name: str, take: Take, seed: int) -> list[Array]:
    """Numbers of the examples that are taken, for each chunk, ascending."""
    total = sum(counts)
    size = take.rows if take.rows is not None else max(1, round((take.fraction or 0.0) * total))
    _check_size(name, size, total)
    numbers = np.sort(permutation(total, seed, "take", name)[:size])
    bounds = np.cumsum([0, *counts])
    cuts = np.searchsorted(numbers, bounds)
    return [
        numbers[a:b] - start
        for a, b, start in zip(cuts[:-1].tolist(), cuts[1:].tolist(), bounds.tolist(), strict=False)
    ]


def _check_size(name: str, size: int, total: int) -> None:
    if size > total:
        raise JobError(
            f"{name}: take asks for {size:,} rows, but there are {total:,}",
            help=f"take fewer, or say all(at_most = {size}seq)",
        )


def _run(
    chunks: Iterator[Chunk],
    made: Work,
    task: str,
    folder: Path,
    chosen: list[Array] | None,
    tell: Tell,
    enough: int | None,
) -> list[dict[str, Any]]:
    """What is said of each chunk, in their order. enough: examples, of which the first are wanted."""
    first = list(islice(chunks, 2))
    workers = processes() if len(first) > 1 else 1
    abouts: dict[int, dict[str, Any]] = {}
    stop_at: int | None = None

    def job(chunk: Chunk) -> tuple[Any, ...]:
        # Where a bad row ends the run anyhow, the others are only looked at, so that all are told of.
        if task == "count" or (not made.spec.bad_rows and any(a["bad"] for a in abouts.values())):
            return work.count, chunk
        return work.tokenise, chunk, chosen[chunk.index] if chosen is not None else None, folder

    def done(index: int, about: dict[str, Any]) -> None:
        nonlocal stop_at
        abouts[index] = about
        if task == "tokenise":
            tell(sum(a["examples"] for a in abouts.values()))
        if enough is not None and stop_at is None:
            total = 0
            for n in range(len(abouts)):
                if n not in abouts:
                    break
                total += abouts[n]["examples"]
                if total >= enough:
                    stop_at = n

    def stopped() -> bool:
        return stop_at is not None

    todo = _missing(chain(first, chunks), folder if task == "tokenise" else None, done, stopped)
    if workers == 1:
        work.start(made)
        for chunk in todo:
            function, *arguments = job(chunk)
            done(chunk.index, function(*arguments))
            if stopped():
                break
    else:
        _in_processes(todo, made, workers, job, done, stopped)
    last = len(abouts) if stop_at is None else stop_at + 1
    return [abouts[n] for n in range(last)]


def _missing(
    chunks: Iterator[Chunk],
    folder: Path | None,
    done: Callable[[int, dict[str, Any]], None],
    stopped: Callable[[], bool],
) -> Iterator[Chunk]:
    """Chunks whose file is not there yet; of the others `done` is told, until it is enough."""
    for chunk in chunks:
        part = _part(folder / chunk_file(chunk.index)) if folder is not None else None
        if part is None:
            yield chunk
        else:
            done(chunk.index, part.about)
            if stopped():
                return


def _in_processes(
    todo: Iterator[Chunk],
    made: Work,
    workers: int,
    job: Callable[[Chunk], tuple[Any, ...]],
    done: Callable[[int, dict[str, Any]], None],
    stopped: Callable[[], bool],
) -> None:
    # A forked process has the tokenizer already, but of threads (clients of remote stores have one) it has only locks.
    forks = "fork" in multiprocessing.get_all_start_methods() and threading.active_count() == 1
    method = "fork" if forks else "spawn"
    context = multiprocessing.get_context(method)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=work.start, initargs=(made,))
    waiting: dict[Future[dict[str, Any]], int] = {}
    try:
        while True:
            # Chunks may hold their bytes: no more of them in memory than keep all processes at work.
            for chunk in islice(todo, max(0, workers + 2 - len(waiting))):
                waiting[pool.submit(*job(chunk))] = chunk.index
            if not waiting or stopped():
                break
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                done(waiting.pop(future), future.result())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _part(path: Path) -> Part | None:
    try:
        return Part(path)
    except (FileNotFoundError, ValueError):
        return None


def _whole(folder: Path) -> list[Part] | None:
    """All chunks, or None if they are not all there and undamaged."""
    try:
        done = json.loads((folder / DONE).read_text(encoding="utf-8"))
        parts = [Part(folder / chunk_file(n)) for n in range(done["chunks"])]
        return parts if sum(part.rows for part in parts) == done["rows"] else None
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _check(made: Work, abouts: list[dict[str, Any]]) -> None:
    """Raises JobError for more bad rows than the recipe allows, or if nothing is left."""
    spec = made.spec
    total = {
        name: sum(about[name] for about in abouts)
        for name in ("read", "filtered", "bad", "masked", "examples")
    }
    problems = Problems(spec.name)
    for about in abouts:
        problems.merge(about["bad"], about["bad_shown"])
    if total["bad"] > spec.bad_rows * total["read"]:
        paired = isinstance(spec.location, MadeData)
        mend = "what makes them" if paired else "these rows, or the columns that `format` and `where` name"
        allowed = f"; at most {spec.bad_rows:.2%} may be dropped ({spec.tolerance})" if spec.bad_rows else ""
        problems.check(f"correct {mend}" + (allowed or f", or say {spec.tolerance} = drop(at_most = ...)"))
    if total["masked"]:
        places = [place for about in abouts for place in about["masked_shown"]]
        everything = " (labels are all masked)" if not total["examples"] else ""
        raise JobError(
            f"{spec.name}: nothing is trained in {total['masked']} of {total['masked'] + total['examples']} rows"
            f"{everything}: {', '.join(places[:5])}",
            help="check loss_on and where the template has {% generation %}",
        )
    if not total["examples"]:
        raise JobError(_none_left(spec.name, problems, total["filtered"]))


def _none_left(name: str, problems: Problems, filtered: int) -> str:
    if not problems.count:
        return f"{name}: no rows" + (f": `where` dropped all {filtered:,}" if filtered else "")
    also = f", and {filtered:,} that `where` dropped" if filtered else ""
    return problems.listed(f"{name}: no rows: all are dropped, {problems.counted}{also}")
