"""Ranks end with their launcher."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RANK = """
import os, pathlib, sys, time
from smolc.runtime.jobs.parent import end_with_launcher
end_with_launcher()
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(60)
"""
# In a session of its own, as torchrun starts them.
LAUNCHER = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]], start_new_session=True).wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells a process that its parent is gone")
@pytest.mark.parametrize("rank", [True, False])
def test_a_rank_ends_with_its_launcher_and_a_job_of_one_process_goes_on(rank: bool, tmp_path: Path) -> None:
    said = tmp_path / "pid"
    environment = {name: value for name, value in os.environ.items() if name != "LOCAL_RANK"}
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, RANK, str(said)],
        env=environment | ({"LOCAL_RANK": "1"} if rank else {}),
    )
    until = time.monotonic() + 20
    while not (said.exists() and said.read_text()) and time.monotonic() < until:
        time.sleep(0.02)
    process = int(said.read_text())
    os.kill(launcher.pid, signal.SIGKILL)
    launcher.wait()
    until = time.monotonic() + (5 if rank else 0.5)
    while lives(process) and time.monotonic() < until:
        time.sleep(0.02)
    assert lives(process) is not rank
    if not rank:
        os.kill(process, signal.SIGKILL)


def lives(process: int) -> bool:
    """A zombie that nobody waits for is dead."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
