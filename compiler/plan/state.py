"""What of a plan is done in a compiled folder, what would run, and why.

A job is done when `out/<id>/done.json` was made from the same job, the same input files and the same jobs before it;
`runtime/jobs/done.py` decides in the same way when it runs."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smolc.compiler.plan.left import Losses
from smolc.compiler.plan.outputs import Unreadable, read_bytes, read_job, read_object, sha256_of
from smolc.compiler.plan.patterns import matching
from smolc.compiler.plan.templates import templates_of
from smolc.compiler.plan.types import Job, Plan

NEW, CHANGED, FAILED, DONE = "new", "changed", "failed", "done"

MARKS = {NEW: "+", CHANGED: "~", FAILED: "~", DONE: "="}


@dataclass(frozen=True)
class Difference:
    """One value of a job: `optimizer.lr` was `before` and is `after`; None where it was not, or is no more."""

    key: str
    before: Any
    after: Any


@dataclass(frozen=True)
class State:
    """Of one job. kind: NEW, CHANGED, FAILED or DONE. why: in words, what makes it run again, what is gone of one that
    stays done, or how far one that is new was before. differences: of its body, from what the folder's job.yaml says.
    seconds: what it took, if it is done. perhaps: it stays done unless the jobs before it that run again, such as a cull,
    come to another end for it, or a job that may have to run needs what is gone of it."""

    kind: str
    why: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    seconds: float | None = None
    perhaps: bool = False

    @property
    def mark(self) -> str:
        return "?" if self.perhaps else MARKS[self.kind]


@dataclass(frozen=True)
class Folder:
    """A compiled folder. jobs: state by id. gone: jobs that wrote something here and are not in the plan any more.
    built: hash of the plan that was built into it last, if any."""

    jobs: dict[str, State] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    built: str | None = None


def states(plan: Plan, folder: Path, root: Path) -> Folder:
    """Compares a plan with a compiled folder, which may not be there. root: what paths of data start from."""
    reader = _Reader(plan, folder, root)
    jobs: dict[str, State] = {}
    for job in plan.jobs:
        jobs[job.id] = reader.state(job, jobs)
    jobs |= _gone(plan, jobs, Losses(folder, reader.done))
    built = reader.manifest.get("hash")
    return Folder(jobs, tuple(reader.gone()), built if isinstance(built, str) else None)


def _gone(plan: Plan, jobs: dict[str, State], losses: Losses) -> dict[str, State]:
    """Of the done jobs of which something is gone: they run again if a job that runs needs it. What is held back until
    the end runs perhaps."""
    runs = {id for id, state in jobs.items() if state.kind != DONE}
    held: set[str] = set()
    for job in plan.jobs:
        if job.id in runs and (job.final or (job.kind != "report" and any(n in held for n in job.needs))):
            held.add(job.id)
    perhaps = held | {id for id in runs if jobs[id].perhaps}
    tests = {job.id for job in plan.jobs if job.final}
    again = losses.again([job for job in plan.jobs if job.id not in tests], runs - perhaps)
    may = losses.again(plan.jobs, runs | again.keys())
    said: dict[str, State] = {}
    for id in losses.done:
        if id in again and id not in tests:
            said[id] = State(CHANGED, (again[id],))
        elif id in may:
            said[id] = State(CHANGED, (may[id],), perhaps=True)
        elif lost := losses.of(id):
            said[id] = replace(jobs[id], why=(f"{lost}; smolc run RECIPE --fresh {id} makes that again",))
    return said


def _begun(out: Path) -> tuple[str, ...]:
    """Of a training that was interrupted, how far it came."""
    kept = [path.name for path in out.glob("checkpoints/checkpoint-*") if path.name[11:].isdecimal()]
    newest = max(kept, key=lambda name: int(name[11:]), default=None)
    return () if newest is None else (f"it was begun before, and its newest checkpoint is {newest}",)


class _Reader:
    def __init__(self, plan: Plan, folder: Path, root: Path) -> None:
        self.plan = plan
        self.folder = folder
        self.root = root
        self.deciding = {one.id for one in plan.jobs if one.passes}
        self.done: dict[str, dict[str, Any]] = {}
        self.hashes: dict[Path, str] = {}
        try:
            self.manifest = read_object(folder / "manifest.json") or {}
        except Unreadable:
            self.manifest = {}
        entries = self.manifest.get("jobs")
        entries = [e for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
        self.built = {e.get("id"): e.get("hash") for e in entries if isinstance(e.get("id"), str)}

    def state(self, job: Job, before: dict[str, State]) -> State:
        """before: of the jobs that come first."""
        out = self.folder / "out" / job.id
        try:
            done = read_object(out / "done.json")
        except Unreadable as error:
            return State(CHANGED, (f"its done.json {error}, so it does not count as done",))
        if done is None:
            return self._undone(job, out)
        if done.get("hash") != job.hash:
            return self._changed(job, done, before)
        needs, inputs = done.get("needs"), done.get("inputs")
        if not isinstance(needs, dict) or not isinstance(inputs, dict):
            return State(CHANGED, ("its done.json does not say what it was made from",))
        again = [n for n in job.needs if n not in self.done]
        if again and job.kind != "report" and all(n in self.deciding or before[n].perhaps for n in again):
            sure = [n for n in again if not before[n].perhaps]
            why = (
                f"{_run_again(sure)}, and may come to another end"
                if sure
                else f"{_listed(again)} may run first"
            )
            return State(CHANGED, (why,), perhaps=True)
        if again:
            return State(CHANGED, (_run_again(again),))
        moved = [n for n in job.needs if needs.get(n) != _fingerprint(self.done[n], job)]
        if moved:
            return State(CHANGED, (f"{_listed(moved)} ran again since",))
        others = [str(name) for name, seen in inputs.items() if not self._matches(str(name), seen)]
        if others:
            return State(CHANGED, (f"there are other files than before for {_listed(others)}",))
        files = [str(name) for name, seen in inputs.items() if not self._same(str(name), seen)]
        if files:
            return State(CHANGED, (f"{_listed(files)} changed",))
        self.done[job.id] = done
        seconds = done.get("seconds")
        return State(DONE, seconds=seconds if isinstance(seconds, float) else None)

    def _undone(self, job: Job, out: Path) -> State:
        try:
            failed = read_object(out / "failed.json")
        except Unreadable:
            failed = {}
        if failed is None:
            return State(NEW, _begun(out) if job.kind == "train" else ())
        same = failed.get("hash") == job.hash
        code = failed.get("exit_code")
        said = f"it failed with exit code {code}" if isinstance(code, int) else "it failed"
        why = f"{said} when it last ran" + ("" if same else ", and has changed since")
        return State(FAILED, (why,))

    def _changed(self, job: Job, done: dict[str, Any], before: dict[str, State]) -> State:
        """Made from another job: what differs, as far as the folder still holds what it was made from."""
        again = [n for n in job.needs if before[n].kind != DONE]
        why = (_run_again(again),) if again else ()
        by_hand = done.get("edited")
        if isinstance(by_hand, list) and by_hand:
            why = (f"it was made from {_listed([str(name) for name in by_hand])} as edited by hand", *why)
        elif self.built.get(job.id) != done.get("hash"):
            since = "it was built anew and not run since" if job.id in self.built else ""
            return State(
                CHANGED, tuple(w for w in (since, *why) if w) or ("it was made from another recipe",)
            )
        old = read_job(self.folder / "jobs" / job.id / "job.yaml")
        if old is None:
            return State(CHANGED, why or ("it was made from another recipe",))
        found = tuple(_differences(old, job))
        texts = [name for name in dict.fromkeys(templates_of(job.body)) if self._other_text(name)]
        if texts:
            why = (f"the text of {_listed(texts)} changed", *why)
        return State(CHANGED, why if found or why else ("a job before it changed",), found)

    def _other_text(self, name: str) -> bool:
        try:
            data = read_bytes(self.folder / name)
        except Unreadable:
            return True
        return data is None or data != self.plan.templates.get(name, "").encode()

    def _matches(self, name: str, seen: Any) -> bool:
        """Whether a pattern stands for the files that the job read; True for what is none."""
        if not isinstance(seen, dict) or "matches" not in seen:
            return True
        try:
            return bool(matching(self.root, name) == seen["matches"])
        except (OSError, ValueError):
            return False

    def _same(self, name: str, seen: Any) -> bool:
        """Whether an input file is what the job read; True for a pattern."""
        path = self.root / name
        try:
            if isinstance(seen, dict) and "matches" in seen:
                return True
            about = path.stat()
            if not isinstance(seen, dict) or not stat.S_ISREG(about.st_mode):
                return False
            if about.st_size != seen.get("bytes"):
                return False
            if about.st_mtime_ns == seen.get("changed"):
                return True
            if path not in self.hashes:
                self.hashes[path] = sha256_of(path)
        except (OSError, ValueError):
            return False
        return self.hashes[path] == seen.get("sha256")

    def gone(self) -> Iterator[str]:
        known = {job.id for job in self.plan.jobs}
        try:
            names = sorted(os.listdir(self.folder / "out"))  # noqa: PTH208  names alone are wanted
        except OSError:
            return
        for name in names:
            if name not in known and (self.folder / "out" / name / "done.json").is_file():
                yield name


def _fingerprint(done: dict[str, Any], reader: Job) -> str:
    """As `runtime/jobs/done.py` writes it down for the job `reader`, which follows."""
    tells = done.get("tells")
    if reader.kind != "report" and isinstance(tells, dict) and (reader.id in tells or "*" in tells):
        return hashlib.sha256(json.dumps(tells.get(reader.id, tells.get("*"))).encode()).hexdigest()
    made_from = {key: done.get(key) for key in ("hash", "inputs", "needs")}
    if isinstance(made_from["inputs"], dict):
        made_from["inputs"] = {name: _content(seen) for name, seen in made_from["inputs"].items()}
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def _content(seen: Any) -> Any:
    return {key: value for key, value in seen.items() if key != "changed"} if isinstance(seen, dict) else seen


def _differences(old: dict[str, Any], job: Job) -> Iterator[Difference]:
    """Between a job.yaml and the job; only as deep as the job itself goes, however the old one is nested."""
    kept = {key: value for key, value in old.items() if key not in ("kind", "id", "title", "stage", "needs")}
    new = json.loads(json.dumps(job.body))
    yield from _walk("", kept, new)


def _walk(at: str, old: Any, new: Any) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*new, *(k for k in old if k not in new)]:
            here = f"{at}.{key}" if at else str(key)
            yield from _walk(here, old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _walk(f"{at}[{_name(other, number)}]", one, other)
    elif old != new:
        yield Difference(at, old, new)


def _name(item: Any, number: int) -> str:
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else str(number)


def _run_again(ids: list[str]) -> str:
    return f"{_listed(ids)} run{'s' if len(ids) == 1 else ''} first"


def _listed(names: list[str], most: int = 4) -> str:
    said = ", ".join(names[:most])
    return f"{said} and {len(names) - most} more" if len(names) > most else said
