"""`python -m smolc.runtime.report [FOLDER]`: write `report.html` from what there is, also half way or after a
failure."""

from __future__ import annotations

import sys
from pathlib import Path

from smolc.runtime.jobs.manifest import BrokenFolder
from smolc.runtime.report.run import write_report


def main(argv: list[str]) -> int:
    if len(argv) > 1 or (argv and argv[0].startswith("-")):
        print("usage: python -m smolc.runtime.report [FOLDER]", file=sys.stderr)
        return 2
    try:
        print(f"wrote {write_report(Path(argv[0] if argv else '.'))}")
    except BrokenFolder as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
