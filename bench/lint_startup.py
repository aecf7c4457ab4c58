"""How long `smolc --version` and `smolc lint RECIPE` take, in units of `python -c pass`.

    python bench/lint_startup.py RECIPE [--runs 10]

The three commands take turns, so that whatever else the machine does hits all of them. Printed are medians of
the wall clock and of the processor time (user and system), which other work disturbs less.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median


def measure(command: list[str]) -> tuple[float, float, int]:
    """Wall clock and processor time in seconds, and the exit code."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, process.returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe")
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    smolc = str(Path(sys.executable).parent / "smolc")
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "smolc --version": [smolc, "--version"],
        "smolc lint": [smolc, "lint", options.recipe],
    }
    for command in commands.values():  # the first run writes bytecode
        code = measure(command)[2]
        if code not in (0, 1):
            sys.exit(f"{' '.join(command)} ended with {code}")
    taken: dict[str, list[tuple[float, float, int]]] = {name: [] for name in commands}
    for _ in range(options.runs):
        for name, command in commands.items():
            taken[name].append(measure(command))
    base = [median(run[column] for run in taken["python -c pass"]) for column in (0, 1)]
    print(f"median of {options.runs}, interleaved; load average {os.getloadavg()[0]:.1f}")
    print(f"{'':16} {'wall ms':>8} {'ratio':>6} {'cpu ms':>8} {'ratio':>6}")
    for name, runs in taken.items():
        wall, cpu = (median(run[column] for run in runs) for column in (0, 1))
        print(f"{name:16} {wall * 1e3:8.1f} {wall / base[0]:6.1f} {cpu * 1e3:8.1f} {cpu / base[1]:6.1f}")


if __name__ == "__main__":
    main()
