"""`python -m smolc.runtime.inspect FOLDER [EVAL] [--task T] [--model M]... [--failures] [--all] [--id X] [--rows N]
[--html FILE]`: what the models of a run were asked and said. Writes nothing but FILE.

Ends with 0, or with 2 if there is nothing of that kind."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from smolc.runtime.inspect.answers import Choice, groups
from smolc.runtime.inspect.terminal import Terminal
from smolc.runtime.jobs.manifest import BrokenFolder
from smolc.runtime.report.collect import Run, collect
from smolc.runtime.report.outputs import read_lines
from smolc.runtime.report.text import clean, shorten
from smolc.runtime.results.evaluated import Evaluated, evaluated

MOST = 3000  # characters of one text in the terminal, unless a problem is asked for by its id
WHOLE = 1_000_000


class NothingThere(Exception):
    """The message is for the user."""


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m smolc.runtime.inspect", description="Prompts and answers of a run."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("eval", nargs="?")
    parser.add_argument("--task")
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--failures", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--id")
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--html", type=Path)
    asked = parser.parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    rows = None if asked.all or asked.id is not None else asked.rows
    choice = Choice(asked.task, tuple(dict.fromkeys(asked.model)), asked.id, asked.failures, rows)
    try:
        return _inspect(collect(asked.folder), asked.eval, choice, asked.html)
    except (BrokenFolder, NothingThere) as error:
        print(f"error: {clean(str(error), lines=True)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _inspect(run: Run, name: str | None, choice: Choice, html: Path | None) -> int:
    evals = _evals(run, name)
    found = [group for one in evals for group in groups(one, choice)]
    if not found:
        raise NothingThere(_why_nothing(evals, choice))
    terminal = Terminal(
        Console(highlight=False, markup=False, emoji=False), MOST if choice.id is None else WHOLE
    )
    if html is None:
        terminal.groups(found)
        return 0
    from smolc.runtime.inspect.page import write_page

    try:
        write_page(html, run.manifest.recipe, found)
    except OSError as error:
        raise NothingThere(f"{html}: cannot be written: {error.strerror or error}") from error
    terminal.say(f"wrote {html}")
    return 0


def _evals(run: Run, name: str | None) -> list[Evaluated]:
    """Those that are asked for: without a name, all but those that only picked the winner of a grid."""
    everything = evaluated(run)
    if not everything:
        raise NothingThere(f"the recipe {run.manifest.recipe} has no evals")
    if name is None:
        return evaluated(run, picks=False) or everything
    found = [one for one in everything if one.id == name]
    if not found:
        tasks = {task.name: "task" for one in everything if one.job for task in one.job.tasks}
        models = {subject.name: "model" for one in everything if one.job for subject in one.job.subjects}
        kind = tasks.get(name) or models.get(name)
        more = f"; {name} is a {kind}: --{kind} {name}" if kind else ""
        raise NothingThere(f"no eval {name!r}{_known(name, [one.id for one in everything])}{more}")
    return found


def _why_nothing(evals: Sequence[Evaluated], choice: Choice) -> str:
    """Which of the choices left nothing over."""
    samples = [s for one in evals for s in read_lines(one.view.out / "samples.jsonl")]
    if not samples:
        states = ", ".join(f"{one.id}: {one.view.state}" for one in evals)
        return f"there are no answers yet ({states})"
    for kind, wanted in (("task", [choice.task]), ("model", choice.models), ("id", [choice.id])):
        there = list(dict.fromkeys(str(s.get(kind)) for s in samples))
        for one in wanted:
            if one is not None and one not in there:
                return f"no {'problem' if kind == 'id' else kind} {one!r}{_known(one, there)}"
        samples = [s for s in samples if wanted in ([None], ()) or str(s.get(kind)) in map(str, wanted)]
    return (
        "nothing went wrong there: leave --failures out to see what went right"
        if choice.failures
        else "nothing"
    )


def _known(name: str, there: Iterable[str]) -> str:
    names = list(there)
    near = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {near[0]}?" if near else f"; there are: {shorten(', '.join(names), 200)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
