"""`smolc plan`: what would run, and what is done."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("recipe", type=click.Path())
@click.option("--on", metavar="CLUSTER", help="Where it will run.")
@click.option("--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override a value first.")
@click.option("-o", "--out", type=click.Path(), help="The compiled folder; build/NAME unless given.")
@click.option("--json", "as_json", is_flag=True, help="Everything, for programs.")
def command(recipe: str, on: str | None, overrides: tuple[str, ...], out: str | None, as_json: bool) -> None:
    """What RECIPE would run: its jobs in order, the batch, steps and tokens of each stage, and what is done already.

    \b
    + would run for the first time
    ~ would run again, and why
    ? is done, and runs again only if a job before it decides otherwise
    = is done: the same job, made from the same files

    Nothing is written. Ends with 0, with 1 if the recipe has errors, with 2 if it cannot be read.
    """
    from smolc.compiler.cli.common import compile_recipe, misused
    from smolc.compiler.diagnostics import Severity

    compiled = compile_recipe(recipe, overrides, on)
    errors = [d for d in compiled.found if d.severity is Severity.ERROR]
    if compiled.plan is None or compiled.recipe is None or compiled.resolved is None or errors:
        from smolc.compiler.diagnostics.render import render_full

        click.echo(render_full(errors, color=sys.stderr.isatty()), nl=False, err=True)
        sys.exit(2 if compiled.resolved is None or misused(compiled.found) else 1)
    from smolc.compiler.plan.overview import as_json as to_json
    from smolc.compiler.plan.overview import overview
    from smolc.compiler.plan.paths import root_of

    folder = Path(out) if out else Path("build") / compiled.plan.recipe
    view = overview(compiled.plan, compiled.recipe, folder, root_of(compiled.resolved))
    if as_json:
        import json

        click.echo(json.dumps(to_json(view), indent=2))
        return
    from smolc.compiler.plan.report import as_text

    click.echo(as_text(view, sys.stdout.isatty()), nl=False)
