"""Mutated recipes through lint and fmt: no traceback, no hang.

    python bench/fuzz.py [--count 100000] [--seed 0] [--jobs 2]

Each is a recipe of this repository with one to eight mutations of its text: characters, words, lines and blocks
deleted, doubled, swapped, or taken from another recipe, and characters that nobody expects. It is compiled with
lint, what was found is printed, and it is formatted. Prints how many went through, how many still compiled, and the
slowest; ends with 1 if one raised anything or took more than 2 s of processor time.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import sys
import time
import traceback
from pathlib import Path
from random import Random

REPO = Path(__file__).parents[1]
LIMIT = 2.0
ODD = [
    *"'\\{}()[]=,.;#\n\t\x00\ufeffé\u202e%-",
    *(
        '"',
        '"""',
        "1e999",
        "0",
        "64K",
        "2e-5",
        "128seq",
        "9" * 50,
        "true",
        "None",
        "all",
        "drop",
        "extends",
        "smolc 1",
    ),
    *("# lint: allow(", ") -- x"),
]


def seeds() -> list[str]:
    texts = [p.read_text(encoding="utf-8") for p in sorted((REPO / "recipes").glob("*.recipe"))]
    for path in sorted((REPO / "compiler/lint/rules").glob("*/*.cases")):
        cases = re.split(r"^=== .*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
        texts += [re.split(r"^--- ", case, flags=re.MULTILINE)[0] for case in cases]
    return texts


def mutated(random: Random, texts: list[str]) -> str:
    text = random.choice(texts)
    for _ in range(random.randrange(1, random.choice([2, 3, 9]))):
        text = random.choice(MUTATIONS)(random, text, texts)
    return text[:20_000]


def _span(random: Random, text: str, most: int = 40) -> tuple[int, int]:
    start = random.randrange(len(text) + 1)
    return start, min(len(text), start + random.randrange(most))


def _delete(random: Random, text: str, texts: list[str]) -> str:
    a, b = _span(random, text)
    return text[:a] + text[b:]


def _double(random: Random, text: str, texts: list[str]) -> str:
    a, b = _span(random, text, 200)
    return text[:b] + text[a:b] * random.randrange(1, 20) + text[b:]


def _odd(random: Random, text: str, texts: list[str]) -> str:
    a, _ = _span(random, text)
    return text[:a] + random.choice(ODD) * random.choice([1, 1, 1, 2, 50]) + text[a:]


def _swap_words(random: Random, text: str, texts: list[str]) -> str:
    words = re.split(r"(\s+)", text)
    a, b = random.randrange(len(words)), random.randrange(len(words))
    words[a], words[b] = words[b], words[a]
    return "".join(words)


def _lines(random: Random, text: str, texts: list[str]) -> str:
    lines = text.splitlines(keepends=True)
    if not lines:
        return text
    a, b = random.randrange(len(lines)), random.randrange(len(lines))
    what = random.randrange(3)
    if what == 0:
        del lines[a]
    elif what == 1:
        lines.insert(b, lines[a])
    else:
        lines[a], lines[b] = lines[b], lines[a]
    return "".join(lines)


def _graft(random: Random, text: str, texts: list[str]) -> str:
    other = random.choice(texts)
    a, _ = _span(random, text)
    c, d = _span(random, other, 300)
    return text[:a] + other[c:d] + text[a:]


def _value(random: Random, text: str, texts: list[str]) -> str:
    """Another recipe's value in place of one: still a statement, often of the wrong type."""
    values = re.findall(r"= *([^\n#;}]+)", random.choice(texts))
    here = list(re.finditer(r"= *([^\n#;}]+)", text))
    if not values or not here:
        return text
    one = random.choice(here)
    return text[: one.start(1)] + random.choice(values) + text[one.end(1) :]


MUTATIONS = (_delete, _double, _odd, _swap_words, _lines, _graft, _value, _value)


def through(text: str, path: Path) -> bool:
    """One text through everything; whether it compiled. Raises whatever is wrong."""
    from smolc.compiler.cli.common import compile_recipe
    from smolc.compiler.diagnostics.render import render_full
    from smolc.compiler.format import HasMistakes, formatted

    compiled = compile_recipe(str(path), shown="fuzz.recipe", texts={path: text})
    render_full(compiled.found)
    crashed = [d.message for d in compiled.found if d.name == "rule-crashed"]
    if crashed:
        raise AssertionError(crashed[0])
    try:
        once = formatted(text)
    except HasMistakes:
        pass
    else:
        if formatted(once) != once:
            raise AssertionError("fmt is not stable")
    return compiled.plan is not None


def work(job: tuple[int, int, int]) -> tuple[int, int, float, list[str]]:
    """`count` mutations of one seed: how many, how many compiled, the slowest in s, what went wrong."""
    number, count, seed = job
    texts = seeds()
    path = (REPO / "tests/lint/base/fuzz.recipe").resolve()
    random = Random(f"{seed}-{number}")
    compiled, slowest, wrong = 0, 0.0, []
    for _ in range(count):
        text = mutated(random, texts)
        begin = time.process_time()
        try:
            compiled += through(text, path)
        except Exception:
            wrong.append(f"{traceback.format_exc()}\n--- the recipe\n{text}")
        taken = time.process_time() - begin
        slowest = max(slowest, taken)
        if taken > LIMIT:
            wrong.append(f"took {taken:.1f} s\n--- the recipe\n{text}")
    return count, compiled, slowest, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    size = 500
    jobs = [(n, min(size, options.count - n * size), options.seed) for n in range(-(-options.count // size))]
    begin, total, compiled, slowest, wrong = time.perf_counter(), 0, 0, 0.0, []
    with multiprocessing.Pool(options.jobs) as pool:
        for count, ok, slow, bad in pool.imap_unordered(work, jobs):
            total, compiled, slowest = total + count, compiled + ok, max(slowest, slow)
            wrong += bad
            for one in bad[:3]:
                print(one, file=sys.stderr, flush=True)
    print(
        f"{total:,} mutated recipes in {time.perf_counter() - begin:.0f} s: {compiled:,} compiled, "
        f"{len(wrong)} went wrong, the slowest took {slowest:.2f} s of processor time"
    )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
