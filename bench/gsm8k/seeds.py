"""One table of several seeds of `recipes/gsm8k_preferences.recipe`, and which differences are noise.

    for seed in 42 43 44; do smolc run recipes/gsm8k_preferences.recipe --final --set recipe.seed=$seed -o runs/$seed; done
    python bench/gsm8k/seeds.py runs/42 runs/43 runs/44 [--eval final] [--task held_out]

All seeds answer the same problems. Intervals are of 95%, by 10,000 draws of the problems and, within each draw, of the
seeds, both with replacement (three seeds say little about how far seeds scatter: the spread of their means stands beside).
A difference is paired: the same problem, the same seed. Where its interval holds zero it is called noise; among many
differences one of twenty would miss zero by chance, so the intervals of differences are also given with Bonferroni's
correction.
"""

from __future__ import annotations

import argparse
import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

DRAWS = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folders", type=Path, nargs="+", help="compiled folders, a seed each, after their run"
    )
    parser.add_argument("--eval", default="final")
    parser.add_argument("--task", default="held_out")
    options = parser.parse_args()
    scores = scores_of(options.folders, options.eval, options.task)
    draws = drawn(scores)
    print("| model | solved | 95% | of each seed | against sft |\n|---|---|---|---|---|")
    for model, solved in scores.items():
        low, high = np.quantile(draws[model], (0.025, 0.975))
        seeds = ", ".join(f"{one:.1%}" for one in solved.mean(1))
        against = "" if model == "sft" or "sft" not in scores else difference(scores, draws, model, "sft", 1)
        print(f"| {model} | {solved.mean():.1%} | {low:.1%} to {high:.1%} | {seeds} | {against} |")
    trained = [model for model in scores if model != "base"]
    pairs = list(combinations(trained, 2))
    print(f"\nEach against each, intervals for {len(pairs)} differences at once:\n")
    for one, other in pairs:
        print(f"- {other} against {one}: {difference(scores, draws, other, one, len(pairs))}")


def scores_of(folders: list[Path], name: str, task: str) -> dict[str, Any]:
    """By model: (seeds, problems), of problems that each run asked each model."""
    runs = []
    for folder in folders:
        found: dict[tuple[str, str], float] = {}
        with (folder / "out" / name / "samples.jsonl").open(encoding="utf-8") as file:
            for row in map(json.loads, file):
                if row["task"] == task:
                    found[row["model"], row["id"]] = row["score"]
        runs.append(found)
    models = list(dict.fromkeys(model for model, _ in runs[0]))
    problems = sorted({problem for _, problem in runs[0]})
    return {m: np.array([[run[m, p] for p in problems] for run in runs]) for m in models}


def drawn(scores: dict[str, Any]) -> dict[str, Any]:
    """Means of (DRAWS,), the same problems and seeds for each model."""
    seeds, problems = next(iter(scores.values())).shape
    draw = np.random.default_rng(0)
    means: dict[str, list[float]] = {model: [] for model in scores}
    for _ in range(DRAWS):
        which, some = draw.integers(seeds, size=seeds), draw.integers(problems, size=problems)
        for model, solved in scores.items():
            means[model].append(solved[np.ix_(which, some)].mean())
    return {model: np.array(each) for model, each in means.items()}


def difference(scores: dict[str, Any], draws: dict[str, Any], one: str, other: str, tests: int) -> str:
    """one - other in points, and whether it is noise among so many."""
    mean = scores[one].mean() - scores[other].mean()
    half = 0.025 / tests
    low, high = np.quantile(draws[one] - draws[other], (half, 1 - half))
    noise = ", noise" if low <= 0 <= high else ""
    return f"{100 * mean:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}{noise})"


if __name__ == "__main__":
    main()
