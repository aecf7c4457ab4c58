"""Formats recipes made at random, with comments wherever the language takes one, and counts what goes wrong.

    python bench/fuzz_fmt.py [--count 10000] [--seed 0]

Of each result: is it read as the same tree, literals byte for byte; are all comments there, in order; does every
`# lint:` comment speak of all that it spoke of; does formatting it again change nothing? Ends with 1 if not.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests" / "format"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="that of the first recipe; the next has the next")
    options = parser.parse_args()
    sys.path.insert(0, str(TESTS))
    from random_recipes import recipe
    from roundtrip import losses

    from smolc.compiler.format import formatted

    started = time.perf_counter()
    wrong: Counter[str] = Counter()
    comments = lines = changed = 0
    for seed in range(options.seed, options.seed + options.count):
        text, written = recipe(random.Random(seed))
        try:
            made = formatted(text)
            found = losses(text, made, written)
        except Exception as error:
            found = [f"{type(error).__name__}: {error}"]
        for what in found:
            wrong[what] += 1
            if sum(wrong.values()) <= 10:
                print(f"seed {seed}: {what}")
        comments += len(written)
        lines += text.count("\n")
        changed += made != text
    taken = time.perf_counter() - started
    print(
        f"{options.count} recipes, {lines} lines, {comments} comments; {changed} were not in canonical form"
    )
    print(f"meaning changed, a comment lost or moved, or not stable: {sum(wrong.values())}; {taken:.0f} s")
    for what, count in wrong.most_common():
        print(f"{count:6} {what}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
