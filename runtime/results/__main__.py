"""`python -m smolc.runtime.results RUN RUN ... [--json]`: scores of compiled folders (or `FOLDER:model`) side by side.

Ends with 0, with 1 if some of them cannot be compared, with 2 if there is nothing to compare."""

from __future__ import annotations

import argparse
import json
import sys

from rich.console import Console

from smolc.runtime.report.text import clean
from smolc.runtime.results.compare import NothingToCompare, as_json, compare, side
from smolc.runtime.results.table import show

WIDE = 1000  # columns of what is no terminal: lines stay whole


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m smolc.runtime.results", description="Scores of runs side by side."
    )
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if len(asked.runs) < 2:
        print("error: name at least two runs", file=sys.stderr)
        return 2
    try:
        found = compare([side(run) for run in asked.runs])
    except NothingToCompare as error:
        print(f"error: {clean(str(error), lines=True)}", file=sys.stderr)
        return 2
    if asked.json:
        print(json.dumps(as_json(found), indent=2))
    else:
        wide = None if sys.stdout.isatty() else WIDE
        show(found, Console(highlight=False, markup=False, emoji=False, width=wide))
    return 1 if found.refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
