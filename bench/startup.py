"""How long `smolc` takes from shell to shell, in units of `python -c pass`.

    python bench/startup.py RECIPE [--runs 10]

The commands take turns, so that whatever else the machine does hits all of them. Printed are medians of the wall
clock and of the processor time (user and system), which other work disturbs less. RECIPE has to be formatted and
without errors.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

GOALS = {"smolc --version": 3, "smolc fmt --check": 10, "smolc lint": 20, "smolc build": 30}


# Bytecode is kept, as where smolc is installed.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def measure(command: list[str]) -> tuple[float, float, int]:
    """Wall clock and processor time in seconds, and the exit code."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, process.returncode


def compare(commands: dict[str, list[str]], runs: int) -> None:
    """Runs and prints; the first of the commands is the unit."""
    for command in commands.values():  # the first run writes bytecode
        code = measure(command)[2]
        if code:
            sys.exit(f"{' '.join(command)} ended with {code}")
    taken: dict[str, list[tuple[float, float, int]]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            taken[name].append(measure(command))
    units = [median(run[column] for run in taken[next(iter(commands))]) for column in (0, 1)]
    print(f"median of {runs}, interleaved; load average {os.getloadavg()[0]:.1f}")
    print(f"{'':18} {'wall ms':>8} {'ratio':>6} {'cpu ms':>8} {'ratio':>6} {'goal':>6}")
    for name, results in taken.items():
        wall, cpu = (median(run[column] for run in results) for column in (0, 1))
        goal = GOALS.get(name, "")
        print(
            f"{name:18} {wall * 1e3:8.1f} {wall / units[0]:6.1f} {cpu * 1e3:8.1f} {cpu / units[1]:6.1f} {goal:>6}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe")
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    smolc = str(Path(sys.executable).parent / "smolc")
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "smolc --version": [smolc, "--version"],
            "smolc fmt --check": [smolc, "fmt", "--check", options.recipe],
            "smolc lint": [smolc, "lint", options.recipe],
            "smolc build": [smolc, "build", options.recipe, "-o", str(Path(folder) / "built")],
        }
        compare(commands, options.runs)


if __name__ == "__main__":
    main()
