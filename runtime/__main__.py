"""`python -m smolc.runtime jobs/<id>/job.yaml`: run one job of a compiled folder. The `launch.sh` beside it does this."""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module
from pathlib import Path

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.disk import told
from smolc.runtime.jobs.done import is_done, write_done
from smolc.runtime.jobs.edited import edited, note
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.leave import leave
from smolc.runtime.jobs.looks import note_look
from smolc.runtime.jobs.manifest import BrokenFolder, read_manifest, read_own
from smolc.runtime.jobs.parent import end_with_launcher

# Each module has `run(context) -> None`, and may have `after(context) -> None` for when it counts as done. Imported only
# when needed, since some bring torch.
RUNNERS = {
    "model": "smolc.runtime.train.start",
    "prepare": "smolc.runtime.data.prepare",
    "contamination": "smolc.runtime.contamination.run",
    "train": "smolc.runtime.train.run",
    "pick": "smolc.runtime.evaluate.pick",
    "cull": "smolc.runtime.evaluate.cull",
    "merge": "smolc.runtime.merge.run",
    "generate": "smolc.runtime.generate.run",
    "pairs": "smolc.runtime.pairs.run",
    "evaluate": "smolc.runtime.evaluate.run",
    "replicate": "smolc.runtime.evaluate.replicate",
    "gate": "smolc.runtime.evaluate.gate",
    "report": "smolc.runtime.report.run",
}


def main(argv: list[str]) -> int:
    if len(argv) != 1:
        print("usage: python -m smolc.runtime jobs/<id>/job.yaml", file=sys.stderr)
        return 2
    path = Path(argv[0])
    if len(path.parts) < 3:
        path = path.absolute()  # started in the job's own folder
    folder, job_id = path.parent.parent.parent, path.parent.name
    is_main = os.environ.get("RANK", "0") == "0"
    end_with_launcher()
    try:
        manifest = read_manifest(folder)
        entry = next((e for e in manifest.jobs if e.id == job_id), None)
        if entry is None:
            raise BrokenFolder(f"{path}: the manifest has no job {job_id}")
        if is_done(folder, manifest, entry):
            if is_main:
                print(f"{job_id}: already done")
            return 0
        context = Context(folder, manifest, read_own(folder, entry))
        by_hand = tuple(edited(folder, entry))
        if is_main and by_hand:
            print(f"note: {note(entry, by_hand, manifest.recipe)}", flush=True)
        start = time.monotonic()
        if is_main:
            (context.out / "done.json").unlink(missing_ok=True)
            (context.out / "progress.jsonl").unlink(missing_ok=True)
        runner = import_module(RUNNERS[entry.kind])
        runner.run(context)
        if is_main:
            with told(folder / "out"):
                seconds = time.monotonic() - start
                write_done(folder, entry, context.inputs, seconds, context.tells, by_hand)
                if entry.final:
                    note_look(folder, manifest, entry)
                if hasattr(runner, "after"):
                    runner.after(context)
    except JobError as error:
        error.tell()
        return 1
    except BrokenFolder as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
