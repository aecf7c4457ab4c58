"""How many reports of `smolc lint` are about what is wrong: of recipes with three broken lines each, those that are not.

    python bench/one_report.py [--recipes 300] [--show 10]

Recipes that compile (those of this repository, the longer ones that its rules' cases accept, and those of lint_many.py)
have three lines of theirs broken at random, as tests/syntax/breakage.py breaks them: quotes, brackets, operators,
units. In a second pass words are misspelt, too: keys, names, constructors, kinds of blocks. A report is about a broken
line if it points at it. What lint says of the unbroken recipe is not counted. Ends with 1 if less than 97% are.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from pathlib import Path
from random import Random

import lint_many

from smolc.compiler.diagnostics import Diagnostic

REPO = Path(__file__).parents[1]
GOAL = 0.97
COUNT = 3
SHORTEST = 20
"""Lines of a recipe that three broken ones can be found in."""


def bases() -> list[tuple[Path, str]]:
    """Where a recipe lies, so that its paths lead somewhere, and its text."""
    found = [(path.parent, path.read_text(encoding="utf-8")) for path in (REPO / "recipes").glob("*.recipe")]
    place = REPO / "tests/lint/base"
    for path in sorted((REPO / "compiler/lint/rules").glob("*/*.cases")):
        for case in re.split(r"^=== ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            text = re.split(r"^--- ", case.partition("\n")[2], flags=re.MULTILINE)[0]
            if text.count("\n") >= SHORTEST:
                found.append((place, text))
    found += [(place, lint_many.recipe(number)) for number in range(60)]
    return [(place, text) for place, text in found if reports(place, text) is not None]


def reports(place: Path, text: str, broken: bool = False) -> list[Diagnostic] | None:
    """What lint says; None of a recipe that should compile and does not."""
    from smolc.compiler.cli.common import compile_recipe

    path = (place / "broken.recipe").resolve()
    compiled = compile_recipe(str(path), shown="broken.recipe", texts={path: text})
    return list(compiled.found) if compiled.plan is not None or broken else None


def misspelt(random: Random, line: str) -> str | None:
    """One word of a line with two letters swapped, one doubled or one left out; no comment, no text in quotes."""
    code = re.match(r'[^"#]*', line)
    words = [
        m for m in re.finditer(r"[A-Za-z_]{4,}", code[0] if code else "") if m[0] not in ("true", "false")
    ]
    if not words:
        return None
    word = random.choice(words)
    at = word.start() + random.randrange(1, len(word[0]) - 1)
    how = random.randrange(3)
    if how == 0:
        changed = line[:at] + line[at + 1] + line[at] + line[at + 2 :]
    else:
        changed = line[:at] + (line[at] * 2 if how == 1 else "") + line[at + 1 :]
    return None if changed == line else changed


def measure(known: list[tuple[Path, str]], count: int, words: bool, most: int) -> float:
    """Prints what was found; the share of reports that are about a broken line."""
    import breakage

    total = about = lines_broken = silent = twice = 0
    astray: Counter[str] = Counter()
    for seed in range(count):
        random = Random(seed)
        place, text = known[seed % len(known)]
        lines = text.rstrip("\n").split("\n")
        before = Counter((d.name, d.message) for d in reports(place, text) or [])
        if words:
            breakage.BREAKS["misspelt"] = lambda line, random=random: misspelt(random, line)
        broken, marks = breakage.broken(random, lines, COUNT)
        told: Counter[int] = Counter()
        for found in reports(place, "\n".join(broken) + "\n", broken=True) or []:
            key = (found.name, found.message)
            if before[key]:
                before[key] -= 1
                continue
            touched = breakage.touched(found, broken) & set(marks)
            told.update(touched)
            total += 1
            about += bool(touched)
            if not touched:
                astray[found.name] += 1
                if sum(astray.values()) <= most:
                    line = found.span.line if found.span else 0
                    print(f"  seed {seed}, line {line}: {found.name}: {found.message}")
                    print(
                        "".join(
                            f"      {at}: {how}: {broken[at - 1].strip()}\n"
                            for at, how in sorted(marks.items())
                        )
                    )
        lines_broken += len(marks)
        silent += sum(not told[line] for line in marks)
        twice += sum(told[line] > 1 for line in marks)
    breakage.BREAKS.pop("misspelt", None)
    what = "broken or misspelt" if words else "broken"
    print(
        f"{count} recipes, {lines_broken} {what} lines: {total} reports, of which {about} ({about / total:.1%}) are about "
        f"one of them; {silent} lines without a report, {twice} with more than one"
    )
    print("  astray: " + (", ".join(f"{number} {name}" for name, number in astray.most_common()) or "none"))
    return about / total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", type=int, default=300)
    parser.add_argument("--show", type=int, default=0, help="how many reports that are astray to print")
    options = parser.parse_args()
    sys.path.insert(0, str(REPO / "tests/syntax"))
    known = bases()
    shares = [measure(known, options.recipes, words, options.show) for words in (False, True)]
    sys.exit(min(shares) < GOAL)


if __name__ == "__main__":
    main()
