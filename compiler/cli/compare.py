"""`smolc compare`: scores of runs side by side."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import click

from smolc.compiler.cli.executor import look


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def command(runs: tuple[str, ...], as_json: bool) -> None:
    """Compare the scores of the first RUN with those of the others: each with its 95% interval, the difference problem
    by problem, and whether that is more than chance.

    RUN is a compiled folder (build/NAME), the NAME of one in build/, or a recipe whose folder is there. RUN:model is one
    model of it; so `smolc compare mine:sft mine:dpo` compares two models.

    Scores that do not measure the same thing in the same way are NOT COMPARABLE, with the reason: other problems, another
    chat template, decoding, metric or judge, or chains of thought that only one of them scored. Ends with 0, with 1 if
    there are such scores, with 2 if there is nothing to compare.
    """
    if len(runs) < 2:
        raise click.UsageError("name at least two runs")
    folders = [found_run(run) for run in runs]
    needs("numpy", "comparing")
    arguments = [sys.executable, "-m", "smolc.runtime.results", *(["--json"] if as_json else [])]
    sys.exit(look([*arguments, "--", *folders]))


def found_run(run: str) -> str:
    """The folder that is meant, with `:model` where that is asked for. Ends with 2 if there is none."""
    path, model = run, ""
    folder = _folder(run)
    if folder is None and ":" in run:
        path, _, name = run.rpartition(":")
        folder, model = _folder(path), f":{name}"
    if folder is None:
        from smolc.compiler.diagnostics.suggest import closest

        built = [p.parent.name for p in sorted(Path("build").glob("*/manifest.json"))]
        near = closest(Path(path).name, built)
        known = f"; did you mean `{near}`?" if near else f"; there are: {', '.join(built)}" if built else ""
        click.echo(
            f"error: {run}: no compiled folder, nor a recipe that was built to build/NAME{known}", err=True
        )
        sys.exit(2)
    return f"{folder}{model}"


def _folder(run: str) -> Path | None:
    path = Path(run)
    tried = [path, Path("build") / path]
    if path.suffix == ".recipe":
        tried.append(Path("build") / (_recipe_name(path) or path.stem))
    return next((p for p in tried if (p / "manifest.json").is_file()), None)


def _recipe_name(path: Path) -> str | None:
    """What the recipe calls itself, which is what its folder is called."""
    from smolc.compiler.cli.common import compile_recipe

    plan = compile_recipe(str(path)).plan if path.is_file() else None
    return plan.recipe if plan is not None else None


def needs(package: str, what: str) -> None:
    """Ends with 2 if a package of the runtime is not there."""
    if importlib.util.find_spec(package) is None:
        click.echo(f"error: {what} needs the runtime's libraries: pip install 'smolc[train]'", err=True)
        sys.exit(2)
