"""`smolc run`: build, then run what is not done, and end in a report."""

from __future__ import annotations

import importlib.util
import sys

import click

from smolc.compiler.cli.build import OPTIONS, build_folder
from smolc.compiler.cli.executor import Executor
from smolc.compiler.cli.publish import publish as push
from smolc.compiler.diagnostics.types import Severity


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would run, and run nothing.")
@click.option(
    "--final",
    is_flag=True,
    help="Also the evals on test data (role = test), which are held back otherwise; each time is counted.",
)
@click.option(
    "--only", multiple=True, metavar="JOB", help="This job and what it needs, and no others; may be repeated."
)
@click.option(
    "--fresh",
    multiple=True,
    metavar="JOB",
    help="Run this job again from its beginning, also if it is done: its checkpoints are deleted. What was made from "
    "what it left before stays done. May be repeated.",
)
@click.option(
    "--publish",
    is_flag=True,
    help="In the end push what the recipe's `publish` blocks name, if all went well.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Independent jobs at the same time.")
def command(
    recipe: str,
    on: str | None,
    overrides: tuple[str, ...],
    baseline: bool,
    out: str | None,
    locked: bool,
    dry_run: bool,
    final: bool,
    only: tuple[str, ...],
    fresh: tuple[str, ...],
    publish: bool,
    jobs: int | None,
) -> None:
    """Build RECIPE, run its jobs and write report.html. What is done already is not done again.

    Evals with `role = test` are for the end: they are run with `--final` only.
    """
    folder, compiled = build_folder(recipe, on, overrides, out, locked, baseline)
    missing = [d for d in compiled.found if d.name == "missing-file" and d.severity is Severity.INFO]
    if missing and not dry_run:
        click.echo(
            "error: nothing was run, since files that the recipe reads are missing (see above)", err=True
        )
        sys.exit(1)
    if importlib.util.find_spec("torch") is None and not dry_run:
        click.echo("error: running needs torch and its friends: pip install 'smolc[train]'", err=True)
        sys.exit(2)
    if publish and not dry_run and (code := push(folder, "--check")):
        sys.exit(code)
    arguments = [sys.executable, "-m", "smolc.runtime.execute", str(folder)]
    arguments += ["--dry-run"] if dry_run else []
    arguments += ["--final"] if final else []
    arguments += [part for name in only for part in ("--only", name)]
    arguments += [part for name in fresh for part in ("--fresh", name)]
    arguments += ["--jobs", str(jobs)] if jobs else []
    executor = Executor()
    code = executor.run(arguments)
    well = code == 0 and executor.stopped is None
    sys.exit(push(folder) if publish and not dry_run and well else code)


for _option in reversed(OPTIONS):
    command = _option(command)
