"""`smolc chat`: talk to what a recipe trained."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys

import click


@click.command()
@click.argument("recipe", type=click.Path(), metavar="RECIPE|FOLDER")
@click.argument("stage", required=False)
@click.option("--checkpoint", type=click.IntRange(min=1), metavar="STEP", help="As it was at this step.")
@click.option("--system", metavar="TEXT", help="What the model is told first.")
@click.option(
    "--temperature", type=click.FloatRange(0, 10), default=0.7, show_default=True, help="0 is greedy."
)
@click.option(
    "--top-p",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.95,
    show_default=True,
    help="Of sampling.",
)
@click.option(
    "--max-new", type=click.IntRange(min=1), default=512, show_default=True, help="Tokens of an answer."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of sampling.")
def command(
    recipe: str,
    stage: str | None,
    checkpoint: int | None,
    system: str | None,
    temperature: float,
    top_p: float,
    max_new: int,
    seed: int,
) -> None:
    """Talk to STAGE (or a model, or `sft@120`, a checkpoint) of RECIPE as it was run in build/NAME, or of a compiled
    FOLDER; to the last stage that is done if none is named. It is asked in its own chat template and stops where it was
    taught to. /help names what can be done besides talking.

    Reads one prompt a line if its input is no terminal. Ends with 0, with 1 if there is no model that can be loaded,
    with 2 if there is no such recipe, folder, stage or checkpoint.
    """
    from smolc.compiler.cli.common import folder_of

    folder = folder_of(recipe)
    if importlib.util.find_spec("torch") is None:
        click.echo("error: a chat needs torch and its friends: pip install 'smolc[train]'", err=True)
        sys.exit(2)
    arguments = [
        sys.executable,
        "-m",
        "smolc.runtime.chat",
        f"--temperature={temperature}",
        f"--top-p={top_p}",
    ]
    arguments += [f"--max-new={max_new}", f"--seed={seed}"]
    arguments += [f"--checkpoint={checkpoint}"] if checkpoint is not None else []
    arguments += [f"--system={system}"] if system is not None else []
    process = subprocess.Popen([*arguments, "--", str(folder), *([stage] if stage is not None else [])])
    # Ctrl-C is for the chat: it stops an answer, and ends nothing.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(process.wait())
