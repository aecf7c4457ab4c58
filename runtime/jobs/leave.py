"""The end of a job's process."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End this process with `code`; everything the job made is on disk by now.

    One of several ranks ends at once, without the interpreter's teardown: threads of torch and DeepSpeed may still
    run then, and one that asks for the interpreter's lock is unwound through C++, which aborts a finished rank
    ("terminate called without an active exception", about one in some hundred on CPUs) and with it the whole job.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
