"""What comparing rows costs: keys, MinHash signatures, near duplicates, n-grams of evals.

    python bench/dedup.py CHATS.jsonl [--evals EVALS.jsonl] [--times 1 4 16]

CHATS: conversations in the column `messages`. EVALS: likewise, else every twentieth chat is taken for a problem of an
eval. Processor time of one process; copies beyond the first have a tenth of their words changed, so that they are
neither equal nor near duplicates. Memory is the parent's, of what `near` adds beside the signatures.
"""

from __future__ import annotations

import argparse
import json
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from smolc.runtime.data import dedup
from smolc.runtime.data.decontaminate import Index
from smolc.runtime.data.formats import Chat, Example


def chats(path: Path) -> list[list[dict[str, str]]]:
    return [json.loads(line)["messages"] for line in path.read_text(encoding="utf-8").splitlines()]


def copies(rows: list[list[dict[str, str]]], times: int) -> Iterator[Example]:
    chance = random.Random(0)
    for time_ in range(times):
        for messages in rows:
            if time_ == 0:
                yield Chat(messages, 1, None, {})
                continue
            said = []
            for message in messages:
                words = message["content"].split(" ")
                for _ in range(1 + len(words) // 10):
                    words[chance.randrange(len(words))] = f"w{chance.randrange(9999)}"
                said.append({**message, "content": " ".join(words)})
            yield Chat(said, 1, None, {})


def seconds(of: Callable[[], object]) -> float:
    start = time.process_time()
    of()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("chats", type=Path)
    parser.add_argument("--evals", type=Path)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4, 16])
    given = parser.parse_args()
    rows = chats(given.chats)
    asked = chats(given.evals) if given.evals else rows[::20]
    entries = [("eval", str(n), m["content"]) for n, messages in enumerate(asked) for m in messages]
    start = time.process_time()
    index = Index.build(entries, 13)
    print(f"index of {len(entries)} texts: {time.process_time() - start:.2f} s")
    base: list[float] = []
    for times in given.times:
        keys, signatures = bytearray(), []
        spent = np.zeros(3)
        hit = 0
        for example in copies(rows, times):
            marks = [time.process_time()]
            keys += dedup.key(example)
            marks.append(time.process_time())
            signatures.append(dedup.signature_of(example))
            marks.append(time.process_time())
            hit += bool(index.hits(dedup.text_of(example)))
            marks.append(time.process_time())
            spent += np.diff(marks)
        block = np.stack(signatures)
        table = np.frombuffer(bytes(keys), dtype=np.uint8).reshape(-1, 16)
        exact = seconds(lambda: dedup.exact(table))  # noqa: B023
        near = seconds(lambda: dedup.near([block], 0.8))  # noqa: B023
        tracemalloc.start()
        first = dedup.near([block], 0.8)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        costs = [*spent.tolist(), exact, near]
        base = base or costs
        count = len(block)
        print(f"{times}x: {count} rows, {hit} hit, {(first != np.arange(count)).sum()} near duplicates")
        for name, cost, once in zip(("key", "signature", "hits", "exact", "near"), costs, base, strict=True):
            print(
                f"  {name:<10}{cost:8.3f} s {count / cost:12,.0f} rows/s {cost / once:8.1f}x the time of the first"
            )
        print(f"  near beside {block.nbytes / 2**20:.0f} MiB of signatures: {peak / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
