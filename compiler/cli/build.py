"""`smolc build`: recipe -> compiled folder."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import click

from smolc.compiler.cli.common import Compiled, compile_recipe, misused, show
from smolc.compiler.diagnostics.types import has_errors

OPTIONS = (
    click.argument("recipe", type=click.Path()),
    click.option(
        "--on",
        metavar="CLUSTER",
        help="Where it will run: a cluster of the recipe, or 8xh100, 2x8xh100, cpu.",
    ),
    click.option(
        "--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override a value: sft.optim.lr=1e-5."
    ),
    click.option(
        "--baseline",
        is_flag=True,
        help="Also train every stage as smolc would by default, and measure that beside it.",
    ),
    click.option("-o", "--out", type=click.Path(), help="Folder to write; build/NAME unless given."),
    click.option("--locked", is_flag=True, help="Refuse unless everything is as `smolc.lock` says."),
)


@click.command()
def command(
    recipe: str,
    on: str | None,
    overrides: tuple[str, ...],
    baseline: bool,
    out: str | None,
    locked: bool,
) -> None:
    """Compile RECIPE into a folder that a person can read and run.

    A `smolc.lock` beside it gives the commits of what comes from the hub.
    """
    folder, compiled = build_folder(recipe, on, overrides, out, locked, baseline)
    assert compiled.plan is not None
    jobs = len(compiled.plan.jobs)
    click.echo(f"{folder}: {jobs} jobs, plan {compiled.plan.hash[:12]}")
    also = " --baseline" if baseline else ""
    click.echo(f"read {folder}/run.sh; run it, or `smolc run {recipe}{also}`")


for _option in reversed(OPTIONS):
    command = _option(command)


def build_folder(
    recipe: str,
    on: str | None,
    overrides: tuple[str, ...],
    out: str | None,
    locked: bool,
    baseline: bool = False,
) -> tuple[Path, Compiled]:
    """Compile and write. Ends the program with 1 on errors in the recipe, or if it is not as `locked` demands; with 2
    if the folder cannot be written."""
    compiled = compile_recipe(recipe, overrides, on)
    show(compiled.found)
    if compiled.plan is None or compiled.resolved is None or has_errors(compiled.found):
        from smolc.compiler.diagnostics.render import render_summary

        click.echo(f"nothing was built: {render_summary(compiled.found)}", err=True)
        sys.exit(2 if compiled.resolved is None or misused(compiled.found) else 1)
    _compare_with_lock(compiled, recipe, locked)
    if baseline:
        compiled = _with_baseline(compiled, on)
    assert compiled.plan is not None and compiled.resolved is not None and compiled.recipe is not None
    from smolc.compiler.diagnostics.excerpt import plain
    from smolc.compiler.plan.paths import root_of
    from smolc.compiler.render import FolderRefused, edited, files, write
    from smolc.compiler.render.card import card_files

    folder = Path(out) if out else Path("build") / compiled.plan.recipe
    root = Path(os.path.relpath(root_of(compiled.resolved), os.path.realpath(folder))).as_posix()
    for name in edited(folder):
        click.echo(
            f"note: {plain(str(folder / name))} was edited by hand: it is written anew, as {recipe} says",
            err=True,
        )
    try:
        write(
            folder,
            card_files(compiled.recipe, compiled.resolved) | files(compiled.plan, root, Path(recipe).name),
        )
    except FolderRefused as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    return folder, compiled


def _with_baseline(compiled: Compiled, on: str | None) -> Compiled:
    """Planned anew with a baseline beside each stage; ends the program with 1 if there is none to plan."""
    assert compiled.recipe is not None and compiled.resolved is not None
    from smolc.compiler.plan import plan
    from smolc.compiler.plan.baseline import with_baseline

    if not compiled.recipe.stages:
        click.echo("error: --baseline: the recipe trains nothing that could have one", err=True)
        sys.exit(1)
    recipe = with_baseline(compiled.recipe)
    made, found = plan(recipe, compiled.resolved, on)
    told = {(d.message, d.span) for d in compiled.found}
    show([replace(d, message=f"--baseline: {d.message}") for d in found if (d.message, d.span) not in told])
    if made is None:
        click.echo("nothing was built: the recipe itself is fine, so leave out --baseline", err=True)
        sys.exit(1)
    return replace(compiled, recipe=recipe, plan=made)


def _compare_with_lock(compiled: Compiled, recipe: str, demanded: bool) -> None:
    """Say what is not as locked; ends the program with 1 if that is demanded."""
    assert compiled.plan is not None and compiled.resolved is not None
    beside = compiled.locked
    if beside is None or beside.section is None:
        if demanded:
            why = "there is no smolc.lock beside it" if beside is None else "its smolc.lock does not name it"
            click.echo(
                f"nothing was built: {recipe} is not locked: {why}; run `smolc lock {recipe}`", err=True
            )
            sys.exit(1)
        return
    from smolc.compiler.diagnostics.excerpt import plain
    from smolc.compiler.lock.drift import drift

    found = drift(beside.lock, beside.section, beside.hub, compiled.plan, compiled.resolved, whole=demanded)
    for one in found:
        click.echo(plain(f"{'error' if demanded else 'warning'}: not as locked: {one}"), err=True)
    if found and demanded:
        click.echo(f"nothing was built; `smolc lock {recipe}` locks it as it is now", err=True)
        sys.exit(1)
