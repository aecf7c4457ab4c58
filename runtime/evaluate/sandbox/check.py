"""Before any program runs: does the sandbox hold here? Where it does not, nothing runs."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from smolc.runtime.evaluate.sandbox import seccomp
from smolc.runtime.evaluate.sandbox.run import Limits, Outcome, run_program, run_tests
from smolc.runtime.jobs.errors import JobError

PROBE = Path(__file__).parent / "inside" / "probe.py"
HELP = (
    "Linux 5.13 or later on x86-64 or arm64, with Landlock (`landlock` in /sys/kernel/security/lsm) and seccomp, runs "
    "programs safely; take the tasks that run code out, or evaluate elsewhere"
)
LIMITS = Limits(seconds=20)


def check(secrets: Sequence[Path]) -> None:
    """Raises JobError that says what is missing. secrets: files and folders of the run, which no program may read."""
    if sys.platform != "linux" or not seccomp.supported(platform.machine()):
        raise JobError(f"programs cannot be shut in on {sys.platform} ({platform.machine()})", help=HELP)
    try:
        with tempfile.TemporaryDirectory(prefix="smolc-") as folder:
            canary = Path(folder) / "canary"
            canary.write_text("untouched")
            before = canary.stat()
            _denied(run_program(attempts(folder, secrets), limits=LIMITS))
            now = canary.stat()
            same = (before.st_mode, before.st_mtime_ns, before.st_uid) == (
                now.st_mode,
                now.st_mtime_ns,
                now.st_uid,
            )
            if list(Path(folder).iterdir()) != [canary] or canary.read_text() != "untouched" or not same:
                raise JobError("the sandbox does not hold here: a program can change files", help=HELP)
        _works(run_tests("import math\ndef f(x):\n    return math.sqrt(x)", "assert f(4) == 2", names=["f"]))
    except JobError as error:
        raise JobError(error.message, help=HELP) from error


def attempts(folder: str, secrets: Sequence[Path]) -> str:
    """The source of the probe. folder: with a file `canary`, which the attempts are made on."""
    known = {
        "FOLDER": folder,
        # Whole paths: the probe has a folder of its own to start from, which it may read.
        "SECRETS": [str(path.absolute()) for path in (Path.home(), *secrets)],
        "PARENT": os.getpid(),
        "MEMORY": LIMITS.memory,
        "FILE": LIMITS.file,
    }
    lines = [f"{name} = {value!r}" for name, value in known.items()]
    future = "from __future__ import annotations\n"
    return future + "\n".join(lines) + "\n" + PROBE.read_text(encoding="utf-8").replace(future, "")


def _denied(outcome: Outcome) -> None:
    _works(outcome)
    open_to = [name for name, possible in json.loads(outcome.stdout).items() if possible]
    if open_to:
        raise JobError(f"the sandbox does not hold here: a program can {', '.join(open_to)}")


def _works(outcome: Outcome) -> None:
    if not outcome.ok:
        raise JobError(f"the sandbox does not work here: {outcome.note}")
