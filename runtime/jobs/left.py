"""What a finished job left that others read: `done.json` lists it as `left`, paths under `out/<id>/` with their sizes (no
hashes: models are large). Logs, metrics, samples, cards and most checkpoints are not listed: they come, change and go
without harm.

A job of which something is gone since stays done: what it is made from is unchanged, and somebody may have made room. It
runs again only if a job that has to run, or a person, asks for what is gone. `compiler/plan/left.py` says so before."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolc.runtime.jobs.manifest import Entry
from smolc.runtime.report.outputs import mapping, read_object

READERS: dict[str, tuple[str, ...]] = {
    "model": ("train", "prepare", "evaluate", "generate", "merge", "pairs"),
    "adapter": (),
    "checkpoints": ("train",),
    "train": ("train",),
    "validation": ("train",),
    "tokenizer": ("train", "evaluate", "generate", "merge", "pairs"),
    "answers.jsonl": ("pairs",),
    "pairs.jsonl": ("prepare", "contamination"),
    "overlap.json": ("report",),
    "results.json": ("pick", "replicate", "gate", "report"),
}
"""What jobs leave, beside `result.json` for all, and the kinds of jobs that cannot do without. An adapter is for people."""

SIZED = (".safetensors", ".arrow", ".jsonl", "result.json")
"""Endings of files that nobody edits: of another size, they are damaged. A config.json may have been mended by hand."""

BESIDE = ("README.md", "cache-", ".")
"""Beginnings of the names of files that others put beside: cards, what `datasets` keeps of rows, what is half written."""


@dataclass(frozen=True)
class Loss:
    """A file that is not as a job left it, and how many more there are."""

    job: str
    path: str
    size: bool
    more: int = 0

    def said(self) -> str:
        """`out/sft/model/model.safetensors is gone since`"""
        how = "has another size" if self.size else "is gone"
        more = f", and {self.more} more of its files" if self.more else ""
        return f"out/{self.job}/{self.path} {how} since{more}"


def left_by(folder: Path, job_id: str) -> dict[str, int]:
    """The list for `done.json`."""
    out = folder / "out" / job_id
    found = {}
    for name in ("result.json", *_promised(read_object(out / "result.json"), job_id)):
        path = out / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and not file.name.startswith(BESIDE):
                found[file.relative_to(out).as_posix()] = file.stat().st_size
    return found


def _promised(result: dict[str, Any], job_id: str) -> Iterable[str]:
    """The names of `READERS` that count. A run that diverged may have left the model of an earlier one; of checkpoints, a
    part of a halved grid's run hands on its last."""
    made, rung = mapping(result.get("model")), mapping(result.get("rung"))
    for name in READERS:
        if name == "checkpoints":
            if "step" in rung:
                yield f"{name}/checkpoint-{rung['step']}"
        elif name not in ("model", "adapter") or made.get("out") == f"{job_id}/model":
            yield name


def loss(folder: Path, job_id: str, reader: str | None = None) -> Loss | None:
    """What is gone of a job's files; the largest is named. reader: a kind of job, of which that counts which it reads."""
    out = folder / "out" / job_id
    left = mapping(read_object(out / "done.json").get("left"))
    changed = []
    for name, size in left.items():
        if reader is not None and reader not in READERS.get(name.partition("/")[0], (reader,)):
            continue
        try:
            now = (out / name).stat().st_size
        except (OSError, ValueError):
            now = None
        if now is None or (now != size and name.endswith(SIZED)):
            changed.append((size if isinstance(size, int) else 0, name, now is not None))
    if not changed:
        return None
    _, name, other = max(changed)
    return Loss(job_id, name, other, len(changed) - 1)


def missed(folder: Path, reader: Entry) -> list[Loss]:
    """What a job would look for in vain in what it needs. A pick only says whose model it is."""
    makers = dict.fromkeys(one for need in reader.needs for one in (need, passed_on(folder, need)))
    found = (loss(folder, maker, reader.kind) for maker in makers)
    return [one for one in found if one is not None]


def passed_on(folder: Path, job_id: str) -> str:
    """The job whose model this one's result names: a pick's winner; else itself."""
    model = mapping(read_object(folder / "out" / job_id / "result.json").get("model"))
    return str(model.get("out", job_id)).partition("/")[0]


def made_again(
    folder: Path,
    entries: tuple[Entry, ...],
    done: Collection[str],
    runs: Collection[str],
    asked: Collection[str] = (),
) -> dict[str, str]:
    """Of the jobs that are `done`, those to run again, and why in words. entries: in running order. runs: what has to run;
    what a job that runs again reads is looked for, too. asked: what a person asked for by name."""
    found: dict[str, str] = {}
    for entry in reversed(entries):
        if entry.id in asked and entry.id in done:
            for maker in dict.fromkeys((entry.id, passed_on(folder, entry.id))):
                if maker in done and (one := loss(folder, maker)) is not None:
                    found.setdefault(maker, again(one))
        if entry.id in runs or entry.id in found:
            for one in missed(folder, entry):
                if one.job in done:
                    found.setdefault(one.job, again(one, entry.id))
    return found


def again(one: Loss, reader: str | None = None) -> str:
    """`sft ran, but out/sft/model/model.safetensors is gone since, and dpo needs that: it runs again`"""
    why = f", and {reader} needs that" if reader is not None else ""
    return f"{one.job} ran, but {one.said()}{why}: it runs again"
