"""`smolc lint`: review recipes."""

from __future__ import annotations

import sys

import click

from smolc.compiler.cli.common import compile_recipe, show
from smolc.compiler.diagnostics import Diagnostic, Severity


@click.command()
@click.argument("recipes", nargs=-1, required=True, type=click.Path())
@click.option(
    "--format", "form", type=click.Choice(["full", "concise", "json"]), default="full", show_default=True
)
@click.option("--on", metavar="CLUSTER", help="Check the batch for this cluster.")
@click.option("--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override a value first.")
def command(recipes: tuple[str, ...], form: str, on: str | None, overrides: tuple[str, ...]) -> None:
    """Review RECIPES: every mistake at once, with its place, why, and what to write instead.

    Ends with 0 if nothing is wrong, 1 on errors and warnings, 2 if a file cannot be read.
    """
    found: list[Diagnostic] = []
    unreadable = False
    for recipe in recipes:
        compiled = compile_recipe(recipe, overrides, on)
        found.extend(compiled.found)
        unreadable = unreadable or compiled.resolved is None
    show(found, form)
    if form != "json":
        from smolc.compiler.diagnostics.render import render_summary

        files = f"{len(recipes)} recipe{'s' if len(recipes) > 1 else ''}"
        click.echo(render_summary(found) or f"{files}: nothing to complain about", err=bool(found))
    if unreadable:
        sys.exit(2)
    sys.exit(1 if any(d.severity >= Severity.WARNING for d in found) else 0)
