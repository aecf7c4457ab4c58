"""`python -m smolc.runtime.arena FOLDER... [--task NAME] [--out FILE]`: a page on which answers are compared blindly.
`--votes FILE`: ratings from its votes; `--preferences FILE`: rows of preferences from them.

Ends with 0, with 1 if there is nothing to compare or the votes are none, with 2 if there is no such folder."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from smolc.runtime.arena.answers import prompts_of
from smolc.runtime.arena.page import MOST, render
from smolc.runtime.arena.pairs import Pair, pairs_of
from smolc.runtime.arena.ratings import ratings
from smolc.runtime.arena.votes import Vote, preferences, read_votes
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.manifest import BrokenFolder
from smolc.runtime.report.text import count, label


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m smolc.runtime.arena", description="A blind arena.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--task", action="append", default=[], metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path("arena.html"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--votes", action="append", type=Path, default=[], metavar="FILE")
    parser.add_argument("--preferences", type=Path, metavar="FILE")
    asked = parser.parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        if asked.votes:
            _rate(asked)
        elif asked.preferences is not None:
            raise JobError(
                "--preferences makes rows of votes, and there are none", help="add --votes votes.jsonl"
            )
        else:
            _page(asked)
    except JobError as error:
        error.tell()
        return 1
    except BrokenFolder as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _pairs(asked: argparse.Namespace) -> list[Pair]:
    prompts = prompts_of(asked.folders, asked.task)
    if not prompts:
        raise JobError(
            "there are no answers to compare", help="smolc run them first; a recipe's eval asks its models"
        )
    return pairs_of(prompts, asked.seed)


def _page(asked: argparse.Namespace) -> None:
    pairs = _pairs(asked)
    if not pairs:
        raise JobError(
            "there are no two different answers to the same prompt",
            help="evaluate two models in one eval, or name the folders of two runs",
        )
    shown = pairs[:MOST]
    names = [folder.resolve().name for folder in asked.folders]
    _write(asked.out, render(f"{' and '.join(names)} · arena", shown))
    models = Counter(model for pair in shown for model in (pair.left, pair.right))
    prompts = {id(pair.prompt) for pair in shown}
    left_out = f" (of {len(pairs)})" if len(pairs) > MOST else ""
    print(f"wrote {asked.out}: {len(shown)} pairs{left_out} of {len(prompts)} prompts")
    for model, times in sorted(models.items()):
        print(f"  {label(model)}: in {times} of them")
    print("open it in a browser; its votes.jsonl is for --votes")


def _rate(asked: argparse.Namespace) -> None:
    votes = [vote for path in asked.votes for vote in read_votes(path)]
    _table(votes)
    if asked.preferences is None:
        return
    found = preferences(votes, _pairs(asked))
    _write(asked.preferences, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found.rows))
    print(f"wrote {asked.preferences}: {count(len(found.rows))} rows for a dataset with format = preference")
    for why, number in sorted(found.left_out.items()):
        print(f"  left out: {count(number)} pairs: {why}")


def _table(votes: list[Vote]) -> None:
    rows = ratings(votes)
    width = max(5, *(len(label(row.model)) for row in rows))
    print(f"{'model':{width}}   Elo  95% interval  votes   won")
    for row in rows:
        interval = f"{row.low:.0f} to {row.high:.0f}"
        print(f"{label(row.model):{width}}  {row.rating:4.0f}  {interval:>12}  {row.votes:5}  {row.won:4.0%}")
    prompts = len({(vote.task, vote.id) for vote in votes})
    print(f"{count(len(votes))} votes on {count(prompts)} prompts; the interval is a bootstrap over prompts")


def _write(path: Path, text: str) -> None:
    try:
        write_atomically(path, text)
    except OSError as error:
        raise JobError(f"{path}: cannot be written: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
