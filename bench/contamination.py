"""Where the thresholds of runtime/contamination/overlap.py come from, and how long a comparison takes.

    python bench/contamination.py ../shared/data [HumanEval.jsonl.gz]

False alarms: problems of GSM8K, HumanEval and MT-Bench in data that does not hold them. Found: the same problems with a part
of their words replaced, left out or put in; numbers are kept. Time: 100,000 made rows against 20,000 made problems.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from smolc.runtime.contamination.overlap import Overlap

Problems = list[tuple[str, ...]]


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def overlap(problems: Problems) -> Overlap:
    return Overlap(((0, i, text) for i, texts in enumerate(problems) for text in texts), 13)


def found(made: Overlap, data: list[str]) -> Iterable[tuple[int, int]]:
    """Text and problem."""
    for start in range(0, len(data), 500):
        for match in made.matches(data[start : start + 500]):
            yield start + match.text, match.problem


def reworded(text: str, part: float, vocabulary: list[str], draw: random.Random) -> str:
    said = []
    for word in text.split(" "):
        chance = 1.0 if re.search(r"\d", word) else draw.random()
        if chance < part * 0.6:
            said.append(draw.choice(vocabulary))
        elif chance >= part * 0.8:
            said += [word, draw.choice(vocabulary)] if chance < part else [word]
    return f"Please solve this. {' '.join(said)} Think step by step."


def main(data: Path, humaneval: Path | None) -> None:
    train = rows(data / "gsm8k/train.jsonl")
    test: Problems = [
        (row["question"], row["ground_truth"]) for row in rows(data / "gsm8k/example_model_solutions.jsonl")
    ]
    questions: Problems = [tuple(row["turns"]) for row in rows(data / "mt_bench/question.jsonl")]
    code, roles = (
        [text for row in json.loads((data / f"gpteacher/{name}-instruct.json").read_text(encoding="utf-8"))
         for text in (f"{row['instruction']}\n{row['input']}", row["response"])]
        for name in ("codegen", "roleplay")
    )  # fmt: skip
    maths = [text for row in train for text in (row["question"], row["answer"])]
    cases = [("GSM8K test", test, maths), ("MT-Bench", questions, roles + code)]
    if humaneval is not None:
        with gzip.open(humaneval, "rt", encoding="utf-8") as file:
            tasks = [json.loads(line) for line in file]
        cases.append(("HumanEval", [(one["prompt"], one["canonical_solution"]) for one in tasks], code))
    vocabulary = sorted({word for text in maths for word in re.findall(r"[a-z]+", text.lower())})
    for name, problems, clean in cases:
        made = overlap(problems)
        false = len({problem for _, problem in found(made, clean)})
        print(f"{name}: {false} of {len(problems)} in {len(clean):,} clean texts; found with words changed:")
        for part in (0.0, 0.05, 0.1, 0.15, 0.2):
            draw = random.Random(1)
            copies = [reworded(texts[0], part, vocabulary, draw) for texts in problems]
            right = sum(text == problem for text, problem in found(made, copies))
            print(f"  {part:4.0%}  {right / len(problems):6.1%}")
    draw = random.Random(2)
    half = len(maths) // 2
    problems = [(_piece(maths[:half], 45, draw),) for _ in range(20_000)]
    many = [_piece(maths[half:], 150, draw) for _ in range(100_000)]
    start = time.perf_counter()
    made = overlap(problems)
    built = time.perf_counter()
    hits = sum(1 for _ in found(made, many))
    ended = time.perf_counter()
    print(f"20,000 problems in {built - start:.1f} s")
    print(f"100,000 texts of 150 words, {hits:,} hits, in {ended - built:.1f} s on one core")


def _piece(texts: list[str], words: int, draw: random.Random) -> str:
    return " ".join(" ".join(draw.choices(texts, k=words // 15)).split()[:words])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
