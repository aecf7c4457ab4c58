"""`smolc arena`: answers compared by people who don't know whose they are."""

from __future__ import annotations

import importlib.util
import sys

import click

from smolc.compiler.cli.executor import look


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(), metavar="RUN...")
@click.option(
    "--task", "tasks", multiple=True, metavar="NAME", help="Only this task; else the vibe tests, or all."
)
@click.option(
    "--out", type=click.Path(dir_okay=False), default="arena.html", show_default=True, help="The page."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the order and the sides.")
@click.option(
    "--votes", multiple=True, type=click.Path(dir_okay=False), metavar="FILE", help="Rate by these votes."
)
@click.option(
    "--preferences",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Of the votes, write rows for a dataset with format = preference.",
)
def command(
    runs: tuple[str, ...],
    tasks: tuple[str, ...],
    out: str,
    seed: int,
    votes: tuple[str, ...],
    preferences: str | None,
) -> None:
    """Write a page on which two answers to a prompt are compared without knowing whose they are. RUN is a recipe that was
    run, or its compiled folder; with several, models of different runs meet.

    The page is one file, and works without network: ← or → for the better answer, t tie, b both bad, s skip, u undo.
    The browser keeps the votes; "Save votes" gives votes.jsonl, which --votes rates the models by (Elo of Bradley and
    Terry's model with 95% intervals). The names are hidden from the eye, not from who decodes them.

    Ends with 0, with 1 if there is nothing to compare or the votes are wrong, with 2 if there is no such run.
    """
    from smolc.compiler.cli.common import folder_of

    folders = [str(folder_of(run)) for run in runs]
    if importlib.util.find_spec("numpy") is None:
        click.echo("error: the arena needs numpy and friends: pip install 'smolc[train]'", err=True)
        sys.exit(2)
    arguments = [sys.executable, "-m", "smolc.runtime.arena", f"--out={out}", f"--seed={seed}"]
    arguments += [f"--task={task}" for task in tasks] + [f"--votes={file}" for file in votes]
    arguments += [f"--preferences={preferences}"] if preferences is not None else []
    sys.exit(look([*arguments, "--", *folders]))
