"""A finished rank reports success whatever the interpreter's teardown does."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ENDING = """
import atexit, os
from smolc.runtime.jobs.leave import leave
atexit.register(os.abort)
print("written", end="")
leave({code})
"""


def end(code: int, ranks: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ENDING.format(code=code)],
        env={**os.environ, "WORLD_SIZE": ranks},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_rank_ends_with_its_code_and_all_it_said(code: int) -> None:
    done = end(code, "2")
    assert (done.returncode, done.stdout) == (code, "written")


def test_a_process_alone_is_torn_down_as_always() -> None:
    assert end(0, "1").returncode < 0
