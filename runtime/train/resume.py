"""Continuing an interrupted run: which checkpoint, and whether it may.

`checkpoints/made_from.json` says of what the checkpoints were made: the job's values and the fingerprints of what it
reads. `checkpoint-<step>/complete` is written last, and lists the checkpoint's files (see seal.py).
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.disk import DiskError, told
from smolc.runtime.jobs.done import fingerprint, read_done
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.report.outputs import mapping, read_object
from smolc.runtime.train.continued import DIVISION, FOLLOWS, bound, free
from smolc.runtime.train.raised import through
from smolc.runtime.train.seal import COMPLETE, DamagedError, check

MARKER = "made_from.json"

FREE = frozenset({"title", "stage", "needs", "log_every", "save_every", "keep"})
"""Keys of a job that say nothing of what is computed: a run may go on with other values of these."""

LOADERS = frozenset(
    {
        "_load_from_checkpoint",
        "_load_optimizer_and_scheduler",
        "_load_scaler",
        "deepspeed_load_checkpoint",
        "load_from_json",
    }
)
"""transformers' functions that read a checkpoint."""

SHOWN = 12
"""Differences that are listed at most."""


@dataclass(frozen=True)
class Origin:
    """What a run is made of. job: its values, without `FREE`. needs: fingerprints of the outputs that it reads.
    bound: why the division of the batch counts, where it does."""

    job: dict[str, Any]
    needs: dict[str, str]
    bound: str | None = None

    def differences(self, job: dict[str, Any], needs: dict[str, Any]) -> list[str]:
        """What an older run computed otherwise, as `key: then -> now`."""
        changed = self._changed(job)
        lines = [line for key, line in changed.items() if key not in free(self.bound)]
        if self.bound is not None and DIVISION & changed.keys():
            lines.append(f"({self.bound})")
        made_again = sorted(n for n in {*needs, *self.needs} if needs.get(n) != self.needs.get(n))
        return lines + [f"{name}: made again since, from other things" for name in made_again]

    def otherwise(self, job: dict[str, Any]) -> list[str]:
        """In what an older run only went another way to the same numbers."""
        changed = self._changed(job)
        for key, follows in FOLLOWS.items():
            for other in follows if key in changed else ():
                changed.pop(other, None)
        return [line for key, line in changed.items() if key in free(self.bound)]

    def _changed(self, job: dict[str, Any]) -> dict[str, str]:
        then, now = _flat(job), _flat(self.job)
        return {
            key: f"{key}: {_shown(then, key)} -> {_shown(now, key)}"
            for key in sorted({*then, *now})
            if _shown(then, key) != _shown(now, key)
        }


def made_from(context: Context, divided: TrainJob | None = None, config: Any = None) -> Origin:
    """Of the job as it is now and of the outputs that are there now. divided: the job with its batch as it was divided on
    the GPU. config: of the model."""
    job = divided or context.job
    assert isinstance(job, TrainJob)
    entry = next(e for e in context.manifest.jobs if e.id == context.job.id)
    needs = {}
    for need in entry.needs:
        done = read_done(context.folder, need)
        needs[need] = fingerprint(done, entry) if done is not None else ""
    # As JSON gives it back: tuples are lists there.
    values = json.loads(job.model_dump_json(exclude=set(FREE)))
    return Origin(values, needs, bound(job, config))


def mark(checkpoints: Path, origin: Origin) -> None:
    """Say of what the checkpoints are made that will be written here."""
    said = {"job": origin.job, "needs": origin.needs}
    write_atomically(checkpoints / MARKER, json.dumps(said, indent=2, sort_keys=True) + "\n")


def differences(checkpoints: Path, origin: Origin) -> list[str]:
    """What the checkpoints that are here were computed from otherwise, as `key: then -> now`; all where nothing says."""
    marker = read_object(checkpoints / MARKER)
    return origin.differences(mapping(marker.get("job")), mapping(marker.get("needs")))


def prepare(checkpoints: Path, origin: Origin, job_id: str) -> Path | None:
    """The newest whole checkpoint to continue from, or None to start at the first step. What cannot be used any more is
    removed, and said, as is what differs in how it is computed. For the main process only.

    Raises JobError, with what differs, if the checkpoints are of an unfinished run of another job.
    """
    whole = whole_ones(checkpoints)
    marker = read_object(checkpoints / MARKER)
    other = differences(checkpoints, origin)
    otherwise = origin.otherwise(mapping(marker.get("job")))
    if marker.get("over"):
        # Nothing of it is left to be computed: who changes how it is done wants to see it done.
        other += otherwise
    elif other and whole:
        raise _of_another_job(checkpoints, whole[0], other, job_id)
    light = bool(marker.get("light"))
    newest = None if other or light else _first_good(whole)
    if newest is None:
        if light and not other:
            print("of a finished run the weights alone are kept: starting at the first step", flush=True)
        elif whole and not other:
            print("no whole checkpoint is left: starting at the first step", flush=True)
        shutil.rmtree(checkpoints, ignore_errors=True)
        mark(checkpoints, origin)
        return None
    for path in list(checkpoints.glob("checkpoint-*")):
        if _step(path) > _step(newest) or path not in whole:
            shutil.rmtree(path, ignore_errors=True)
    print(
        f"continuing from {newest.name}" + (f" with {', '.join(otherwise)}" if otherwise else ""), flush=True
    )
    if otherwise:
        mark(checkpoints, origin)
    return newest


def written(checkpoints: Path) -> list[str]:
    """Names of the checkpoints that are there, damaged ones too, in the order of their steps."""
    return [path.name for path in sorted(checkpoints.glob("checkpoint-*"), key=_step)]


def agreed(checkpoints: Path, origin: Origin, job_id: str) -> Path | None:
    """`prepare` on the main process, and what it found on all. Raises its JobError on all."""
    import torch.distributed as distributed

    if not (distributed.is_available() and distributed.is_initialized()):
        return prepare(checkpoints, origin, job_id)
    from accelerate.utils import broadcast_object_list

    said: list[Any] = [None, None]
    if distributed.get_rank() == 0:
        try:
            newest = prepare(checkpoints, origin, job_id)
            said = [newest.name if newest is not None else None, None]
        except JobError as error:
            said = [None, error]
    name, refused = broadcast_object_list(said)
    if refused is not None:
        raise refused
    return checkpoints / name if name is not None else None


def over(checkpoints: Path, why: str) -> None:
    """Note that a run has come to its end, good or bad: one of a changed job may start afresh. For the main process."""
    marker = read_object(checkpoints / MARKER)
    if marker:
        write_atomically(checkpoints / MARKER, json.dumps(marker | {"over": why}, sort_keys=True) + "\n")


def lightened(checkpoints: Path) -> None:
    """Note that the checkpoints have only weights from now on: none can be continued from. For the main process."""
    marker = read_object(checkpoints / MARKER)
    if marker:
        write_atomically(checkpoints / MARKER, json.dumps(marker | {"light": True}, sort_keys=True) + "\n")


def whole_ones(checkpoints: Path) -> list[Path]:
    """The checkpoints that are written to their end, the newest first."""
    whole = [path for path in checkpoints.glob("checkpoint-*") if (path / COMPLETE).is_file()]
    return sorted(whole, key=_step, reverse=True)


def keep_newest(checkpoints: Path, keep: int) -> None:
    """Remove the older of the whole checkpoints. Called when a new one is whole, so that there always is one."""
    for path in whole_ones(checkpoints)[keep:]:
        # First the marker: half of a removed checkpoint is no checkpoint.
        (path / COMPLETE).unlink(missing_ok=True)
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def loading(checkpoint: Path | None) -> Iterator[None]:
    """Where a checkpoint is loaded. One that cannot be loses its marker, and a JobError says so: the next run takes the
    one before. Other errors go through."""
    import torch

    for name in ("transformers.trainer", "transformers.trainer_utils"):
        logging.getLogger(name).addFilter(_not_said_already)
    try:
        yield
    except (JobError, torch.OutOfMemoryError, torch.distributed.DistError):
        raise
    except Exception as error:
        if checkpoint is None or not LOADERS & through(error):
            raise
        (checkpoint / COMPLETE).unlink(missing_ok=True)
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise JobError(
            f"{checkpoint.name} cannot be loaded: {first[:300]}",
            help="run again: it is set aside, and the run goes on from the one before it, if there is one",
        ) from error


def _not_said_already(record: logging.LogRecord) -> bool:
    """transformers warns of a micro batch or intervals that a checkpoint had otherwise: it goes by the new ones, see
    watch.py."""
    return "from trainer_state.json" not in record.getMessage()


@contextmanager
def disk_told(out: Path, job_id: str) -> Iterator[None]:
    """Where a run writes to `out`. Raises DiskError; says what there is to continue from. What could not be written to
    its end is removed, which gives its space back."""
    try:
        with told(out):
            yield
    except DiskError as error:
        checkpoints = out / "checkpoints"
        whole = whole_ones(checkpoints)
        for path in checkpoints.glob("checkpoint-*"):
            if path not in whole:
                shutil.rmtree(path, ignore_errors=True)
        if read_object(checkpoints / MARKER).keys() & {"over", "light"}:
            raise DiskError(f"{job_id}: {error.message}", help=error.help) from error  # of an earlier run
        kept = f"{job_id} goes on from {whole[0].name}" if whole else f"{job_id} has no checkpoint yet"
        raise DiskError(f"{job_id}: {error.message}", help=f"{error.help} ({kept})") from error


def _first_good(newest_first: list[Path]) -> Path | None:
    for path in newest_first:
        try:
            check(path)
        except DamagedError as error:
            print(f"{path.name} is damaged and not used: {error}", flush=True)
        else:
            return path
    return None


def _of_another_job(checkpoints: Path, newest: Path, other: list[str], job_id: str) -> JobError:
    shown = other[:SHOWN]
    if len(other) > SHOWN:
        shown.append(f"and {len(other) - SHOWN} more")
    lines = "".join(f"\n  {line}" for line in shown)
    return JobError(
        f"the checkpoints of {job_id} (up to step {_step(newest)}) are of an unfinished run that was another (then -> now):"
        + lines,
        help="to continue that run, write the old values again; to give it up and start at the first step: "
        f"smolc run RECIPE --fresh {job_id}, which deletes {'/'.join(checkpoints.parts[-3:])}",
    )


def _step(path: Path) -> int:
    match = re.fullmatch(r"checkpoint-(\d+)", path.name)
    return int(match[1]) if match else -1


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    return {
        k: v for key, part in value.items() for k, v in _flat(part, f"{name}.{key}" if name else key).items()
    }


def _shown(values: dict[str, Any], key: str) -> str:
    return json.dumps(values[key]) if key in values else "nothing"
