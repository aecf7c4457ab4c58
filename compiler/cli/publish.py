"""`smolc publish`: push trained models, with their cards, to where the recipe says."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import click

from smolc.compiler.cli.build import OPTIONS, build_folder
from smolc.compiler.cli.executor import Executor


@click.command()
@click.option(
    "--only", multiple=True, metavar="NAME", help="This `publish` block, no others; may be repeated."
)
@click.option("--dry-run", is_flag=True, help="Show the files and the card, and upload nothing.")
def command(
    recipe: str,
    on: str | None,
    overrides: tuple[str, ...],
    baseline: bool,
    out: str | None,
    locked: bool,
    only: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Push what the `publish` blocks of RECIPE (or of a compiled folder) name.

    Private unless the recipe says otherwise. Refused unless the model is trained as the recipe is now, and all that the
    recipe expects of its evals holds. The token is the hub's own: `hf auth login`, or HF_TOKEN.
    """
    if Path(recipe).is_dir():
        folder = Path(recipe)
    else:
        folder, _ = build_folder(recipe, on, overrides, out, locked, baseline)
    sys.exit(publish(folder, *only, *(["--dry-run"] if dry_run else [])))


def publish(folder: Path, *arguments: str) -> int:
    """Exit code of the runtime's own command."""
    if importlib.util.find_spec("huggingface_hub") is None:
        click.echo("error: publishing needs huggingface_hub: pip install 'smolc[train]'", err=True)
        return 2
    command = [sys.executable, "-m", "smolc.runtime.publish", str(folder), *arguments]
    return Executor().run(command)


for _option in reversed(OPTIONS):
    command = _option(command)
