"""How long eight devices wait for the busiest one, with rows as drawn and with rows balanced within each step.

    python bench/balance.py [--ranks 8] [--hidden 1024] [--seed 0]

Lengths are `bench/packing.py`'s log-normal chats: packed into bins by us, one to a row without padding, or one to a row
and padded to the longest of their micro batch. The numbers are the work of the busiest device over the mean of all, summed
over the micro steps of an epoch: 1.25 means that a fifth of the time is waiting. `attention` counts the squares of the
documents' lengths alone, `all` a block's matrices too (12 hidden a token). `time` is the busiest devices' work over all
micro steps, balanced over drawn; `padding` the part of all tokens that is padding.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from packing import CASES

from smolc.runtime.data.packing import best_fit
from smolc.runtime.jobs.train import Batch
from smolc.runtime.train.balance import balanced_for, loads, work_of
from smolc.runtime.train.steps import Length, row_order

SHAPES = ((1, 1), (1, 4), (1, 16), (4, 1), (4, 4))


def padding(longest: np.ndarray, micro: int, order: np.ndarray) -> float:
    """Part of the tokens that is padding."""
    rows = longest[order].reshape(-1, micro)
    return float(1 - rows.sum() / (rows.max(axis=1).sum() * micro))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ranks", type=int, default=8)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    case = CASES["chat"]
    lengths = case.lengths(100_000, args.seed)
    bins = best_fit(lengths, case.capacity)
    alone = np.arange(len(lengths) + 1)
    print("| rows | micro x accumulated | attention | all | time | padding | ms |")
    print("|---|---|---|---|---|---|---|")
    kinds = (
        ("packed", lengths[bins.rows], bins.bounds),
        ("one each, flat", lengths, alone),
        ("padded", lengths, alone),
    )
    for name, sizes, bounds in kinds:
        whole = np.add.reduceat(sizes, bounds[:-1])
        for micro, accumulation in SHAPES:
            sequences = micro * accumulation * args.ranks
            order = row_order(Length(len(whole) // sequences, len(whole), sequences), args.seed)
            batch = Batch(
                global_sequences=sequences, micro=micro, accumulation=accumulation, data_parallel=args.ranks
            )
            padded = name == "padded"
            start = time.perf_counter()
            made = balanced_for("sft", work_of(sizes, bounds, args.hidden), batch, order, padded=padded)
            took = time.perf_counter() - start
            cells = []
            for hidden in (0, args.hidden):
                work = work_of(sizes, bounds, hidden)
                before, after = (loads(work, micro, args.ranks, o, padded=padded) for o in (order, made))
                cells.append(f"{before[0] / before[1]:.3f} -> {after[0] / after[1]:.3f}")
            cells.append(f"{after[0] / before[0]:.3f}")
            pad = [padding(whole, micro, o) for o in (order, made)]
            cells.append(f"{pad[0]:.1%} -> {pad[1]:.1%}" if padded else "")
            print(f"| {name} | {micro} x {accumulation} | {' | '.join(cells)} | {took * 1e3:.0f} |")


if __name__ == "__main__":
    main()
