"""`smolc show`: the whole recipe in one text, and where each value comes from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from smolc.compiler.diagnostics import Diagnostic
from smolc.compiler.diagnostics.types import Refused, has_errors

if TYPE_CHECKING:
    from smolc.compiler.resolve import Resolved


@click.command()
@click.argument("recipe", type=click.Path())
@click.argument("address", required=False)
@click.option("--origin", is_flag=True, help="Say behind each value where it was written.")
@click.option("--defaults", is_flag=True, help="Show also what nobody wrote.")
@click.option(
    "--flat", is_flag=True, help="One self-contained text that builds to the same plan, with what is locked."
)
@click.option("--json", "as_json", is_flag=True, help="Every value with its address and origin, as JSON.")
@click.option("--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override a value first.")
@click.option("--on", metavar="CLUSTER", help="Where it will run, for --flat's check and for defaults.")
def command(
    recipe: str,
    address: str | None,
    origin: bool,
    defaults: bool,
    flat: bool,
    as_json: bool,
    overrides: tuple[str, ...],
    on: str | None,
) -> None:
    """The flattened RECIPE: parents, drops and overrides folded in, as a recipe. ADDRESS shows a part of it, such as
    `stage.sft` or `sft.optim.lr`.

    Relative paths start from the recipe's folder, also those that a parent wrote in another one.
    Ends with 2 if the recipe has errors, or no such ADDRESS.
    """
    if flat:
        if address or origin or defaults or as_json:
            raise click.UsageError(
                "--flat is a whole recipe: leave out ADDRESS, --origin, --defaults and --json"
            )
        text, new = flat_text(recipe, overrides, on)
        click.echo(text, nl=False)
        from smolc.compiler.diagnostics.excerpt import plain

        for one in new:
            note = (
                f"note: lint says more of the flat text than of its parts: {one.name}: {plain(one.message)}"
            )
            click.echo(note, err=True)
        return
    from smolc.compiler.resolve import resolve

    resolved, found = resolve(Path(recipe), overrides, shown=recipe)
    if resolved is None or has_errors(found):
        _stop(found)
    if defaults:
        resolved = _with_defaults(recipe, overrides, on)
    if address is not None:
        click.echo(_part(recipe, resolved, address, overrides, on, origin, as_json), nl=False)
        return
    from smolc.compiler.show.text import as_text, to_json

    click.echo(to_json(resolved) if as_json else as_text(resolved, origin, defaults), nl=False)


def _stop(found: list[Diagnostic]) -> NoReturn:
    from smolc.compiler.diagnostics import Severity
    from smolc.compiler.diagnostics.render import render_full

    errors = [d for d in found if d.severity is Severity.ERROR]
    click.echo(render_full(errors, color=sys.stderr.isatty()), nl=False, err=True)
    sys.exit(2)


def _with_defaults(recipe: str, overrides: tuple[str, ...], on: str | None) -> Resolved:
    from smolc.compiler.cli.common import compile_recipe
    from smolc.compiler.show.defaults import with_defaults

    compiled = compile_recipe(recipe, overrides, on)
    if compiled.resolved is None or compiled.recipe is None:
        _stop(compiled.found)
    return with_defaults(compiled.resolved, compiled.recipe)


def _part(
    recipe: str,
    resolved: Resolved,
    address: str,
    overrides: tuple[str, ...],
    on: str | None,
    origin: bool,
    as_json: bool,
) -> str:
    from smolc.compiler.show.part import find, hint
    from smolc.compiler.show.text import as_text, part_json, part_text

    part = find(resolved, address)
    if part is None:
        # A key that nobody wrote has a value all the same.
        full = _with_defaults(recipe, overrides, on)
        part = find(full, address)
        origin = True
        if part is None or isinstance(part, list):
            raise Refused(f"{recipe} has nothing at `{address}`; {hint(full, address)}")
    if as_json:
        return part_json(resolved, part)
    if isinstance(part, list):
        from dataclasses import replace

        return as_text(replace(resolved, sections=part), origin, False, header=False)
    return part_text(part, origin)


def flat_text(recipe: str, overrides: tuple[str, ...], on: str | None) -> tuple[str, list[Diagnostic]]:
    """The text of `--flat`, and what lint says of it but not of the recipe: parents are spared some of its rules.

    Ends the program on errors; raises Refused if no text builds to the same plan.
    """
    from smolc.compiler.cli.common import compile_recipe
    from smolc.compiler.format import formatted
    from smolc.compiler.show.flat import USELESS, differs, new_findings, self_contained, without_useless

    before = compile_recipe(recipe, overrides, on)
    if before.resolved is None or before.recipe is None or before.plan is None or has_errors(before.found):
        _stop(before.found)
    locked = before.locked is not None
    text = formatted(self_contained(before.resolved, before.recipe, before.plan, locked))
    # A name that no lock knows: the text has to stand without one.
    place = Path(recipe).resolve()
    place = place.with_name(f"{place.name}.flat")
    after = compile_recipe(str(place), (), on, shown=recipe, texts={place: text})
    if locked or not any(d.name == USELESS for d in before.found):
        text = formatted(without_useless(text, after.found))
        after = compile_recipe(str(place), (), on, shown=recipe, texts={place: text})
    wrong = differs(before.plan, after.plan)
    if wrong:
        raise Refused(
            f"{recipe} cannot be said in one text: another plan would be built ({', '.join(wrong)})"
        )
    return text, new_findings(before.found, after.found)
