"""How full bins get, and how long that takes: ours and the peers', on the same rows in the same process.

    python bench/packing.py [--rows 100000] [--runs 5] [--seed 0] [--million] [--trl]

Two cases of synthetic lengths (see CASES for the exact distributions). The packers take turns, so that whatever else
the machine does hits all of them; printed are the fill, the bins, the median of the wall clock and its ratio to ours.

The peers' algorithms are written anew from their descriptions, so their fill is what counts; their own code may be
faster (Axolotl's is compiled). TRL's own code is run with `--trl` (it moves the tokens too, one byte each here; memory: a
few times the number of tokens).

- first fit: Axolotl's multipack, rows in the order they come, groups of 100,000 rows;
- first fit, sorted: the same, longest rows first;
- knapsack: LLaMA-Factory, per 1000 rows: the longest row that fits, until none does;
- best fit: ms-swift, per 1000 rows, longest first, the fullest bin that has room; the last bin of a batch is taken over
  into the next.

`--million` packs a million rows of each case and prints time and the memory it took beyond the lengths.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

from smolc.runtime.data.packing import best_fit


@dataclass(frozen=True)
class Case:
    about: str
    capacity: int
    draw: Callable[[np.random.Generator, int], np.ndarray]

    def lengths(self, rows: int, seed: int) -> np.ndarray:
        return self.draw(np.random.default_rng(seed), rows).astype(np.int32)


CASES = {
    "chat": Case(
        "log-normal, median 500, sigma 0.9, clipped to 16..4096, in bins of 4096",
        4096,
        lambda random, n: np.clip(random.lognormal(np.log(500), 0.9, n), 16, 4096),
    ),
    "uniform": Case(
        "uniform in 1639..5734 (0.2 to 0.7 of the bin), in bins of 8192",
        8192,
        lambda random, n: random.integers(1639, 5735, n),
    ),
}


def ours(lengths: np.ndarray, capacity: int) -> int:
    return len(best_fit(lengths, capacity))


def first_fit(lengths: np.ndarray, capacity: int, group: int = 100_000) -> int:
    """The first bin with room, found in a tree of maxima."""
    total = 0
    for begin in range(0, len(lengths), group):
        rows = lengths[begin : begin + group].tolist()
        size = 1 << (len(rows) - 1).bit_length()
        tree = [capacity] * (2 * size)
        used = 0
        for row in rows:
            at = 1
            while at < size:
                at *= 2
                if tree[at] < row:
                    at += 1
            used = max(used, at - size + 1)
            tree[at] -= row
            while at > 1:
                at //= 2
                tree[at] = max(tree[2 * at], tree[2 * at + 1])
        total += used
    return total


def first_fit_sorted(lengths: np.ndarray, capacity: int) -> int:
    return first_fit(np.sort(lengths)[::-1], capacity)


def knapsack_per_1000(lengths: np.ndarray, capacity: int) -> int:
    total = 0
    for begin in range(0, len(lengths), 1000):
        left = sorted(lengths[begin : begin + 1000].tolist())
        while left:
            total += 1
            room = capacity
            while at := bisect_right(left, room):
                room -= left.pop(at - 1)
    return total


def best_fit_per_1000(lengths: np.ndarray, capacity: int) -> int:
    total = 0
    over: list[int] = []
    for begin in range(0, len(lengths), 1000):
        rooms: list[int] = []  # ascending, one entry a bin
        held: dict[int, list[list[int]]] = {}
        last: list[int] = []
        for row in sorted([*over, *lengths[begin : begin + 1000].tolist()], reverse=True):
            at = bisect_left(rooms, row)
            if at < len(rooms):
                room = rooms.pop(at)
                rows = held[room].pop()
            else:
                room, rows = capacity, []
                last = rows
                total += 1
            rows.append(row)
            insort(rooms, room - row)
            held.setdefault(room - row, []).append(rows)
        over = last
        total -= 1
    return total + bool(over)


def trl_bfd(lengths: np.ndarray, capacity: int) -> int:
    import datasets
    import pyarrow as pa
    from trl import pack_dataset

    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    column = pa.LargeListArray.from_arrays(pa.array(ends), pa.array(np.zeros(ends[-1], dtype=np.int8)))
    rows = datasets.Dataset(pa.table({"input_ids": column}))
    datasets.disable_progress_bars()
    return len(pack_dataset(rows, capacity, "bfd", map_kwargs={"batch_size": len(rows)}))


PACKERS: dict[str, Callable[[np.ndarray, int], int]] = {
    "smolc": ours,
    "first fit (Axolotl as shipped)": first_fit,
    "the same, longest first": first_fit_sorted,
    "knapsack per 1000 (LLaMA-Factory)": knapsack_per_1000,
    "best fit per 1000 (ms-swift)": best_fit_per_1000,
}


def compare(case: Case, rows: int, runs: int, seed: int, trl: bool) -> None:
    lengths = case.lengths(rows, seed)
    packers = PACKERS | ({"TRL bfd (its own code)": trl_bfd} if trl else {})
    bins: dict[str, int] = {}
    seconds: dict[str, list[float]] = {name: [] for name in packers}
    for _ in range(runs):
        for name, packer in packers.items():
            start = time.perf_counter()
            bins[name] = packer(lengths, case.capacity)
            seconds[name].append(time.perf_counter() - start)
    tokens = int(lengths.sum(dtype=np.int64))
    print(
        f"\n{case.about}; {rows:,} rows, {tokens:,} tokens, at least {-(-tokens // case.capacity):,} bins\n"
    )
    print("| packer | full | bins | s | ratio |")
    print("|---|---|---|---|---|")
    unit = median(seconds["smolc"])
    for name, count in bins.items():
        took = median(seconds[name])
        fill = tokens / (count * case.capacity)
        print(f"| {name} | {fill:.3%} | {count:,} | {took:.2f} | {took / unit:.1f} |")


def million(case: Case, runs: int, seed: int) -> None:
    lengths = case.lengths(1_000_000, seed)
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        bins = best_fit(lengths, case.capacity)
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    best_fit(lengths, case.capacity)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    fill = lengths.sum(dtype=np.int64) / (len(bins) * case.capacity)
    print(f"{case.about}; 1,000,000 rows: {median(seconds):.2f} s, {fill:.3%} full, {peak / 2**20:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--trl", action="store_true")
    args = parser.parse_args()
    for case in CASES.values():
        compare(case, args.rows, args.runs, args.seed, args.trl)
    print()
    for case in CASES.values() if args.million else ():
        million(case, args.runs, args.seed)


if __name__ == "__main__":
    main()
