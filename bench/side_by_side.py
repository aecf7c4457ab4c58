"""Processes that take turns on a machine's GPUs: as many at once as there are devices for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Task:
    """log: what it prints goes there, at its end."""

    name: str
    devices: int
    command: list[str]
    folder: Path
    log: Path
    patience: float = 240.0


def environment(devices: list[int] | None = None) -> dict[str, str]:
    """devices: numbers among those that this process may use."""
    here = {**os.environ, "SMOLC_PYTHON": sys.executable, "HF_HUB_OFFLINE": "1"}
    if devices is None:
        return here
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(n) for n in range(max(devices) + 1)]
    return {**here, "CUDA_VISIBLE_DEVICES": ",".join(names[n % len(names)] for n in devices)}


def run_all(tasks: list[Task], total: int, ended: Callable[[Task, float | None], None]) -> dict[str, float]:
    """Seconds of each that ended well, by name. `ended` is told of each as it ends, with None if it failed. In their order
    as far as devices are free, of `total`; one that hangs is ended."""
    waiting, free = list(tasks), set(range(total))
    running: list[tuple[Task, subprocess.Popen[bytes], set[int], float]] = []
    seconds: dict[str, float] = {}
    while waiting or running:
        while waiting and waiting[0].devices <= len(free):
            task = waiting.pop(0)
            taken = set(sorted(free)[: task.devices])
            free -= taken
            with task.log.open("ab") as log:
                process = subprocess.Popen(
                    task.command,
                    cwd=task.folder,
                    env=environment(sorted(taken)),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            running.append((task, process, taken, time.monotonic()))
        time.sleep(0.2)
        for one in list(running):
            task, process, taken, began = one
            took = time.monotonic() - began
            if process.poll() is None and took > task.patience:
                os.killpg(process.pid, 9)
                process.wait()
            if process.poll() is not None:
                running.remove(one)
                free |= taken
                if process.returncode == 0:
                    seconds[task.name] = took
                ended(task, seconds.get(task.name))
    return seconds
