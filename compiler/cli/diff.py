"""`smolc diff`: what changed between two recipes, and what follows from it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smolc.compiler.diagnostics import Diagnostic
from smolc.compiler.diagnostics.types import Refused, has_errors

if TYPE_CHECKING:
    from smolc.compiler.compare.side import Side

DIFFERENT = 1


class _Broken(Exception):
    """A recipe that does not compile."""

    def __init__(self, found: list[Diagnostic]) -> None:
        super().__init__("a recipe has errors")
        self.found = found


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="[B]", required=False)
@click.option("--on", metavar="CLUSTER", help="Where both run.")
@click.option("--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override a value in both.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--exit-code", is_flag=True, help="End with 1 if they differ.")
def command(
    first: str,
    second: str | None,
    on: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
    exit_code: bool,
) -> None:
    """What changes from recipe A to recipe B, by address, and what follows from it: batches, steps, runs, and the jobs
    that must run again.

    One of the two may be a git revision: the other is then compared with what it was there. A recipe alone is compared
    with HEAD; a revision alone with all recipes in this folder. Order, comments and spelling do not count. What
    `smolc.lock` pins counts as it stood beside each.

    Ends with 0, with 1 if they differ and --exit-code is given, with 2 if they cannot be compared.
    """
    pairs, alone = _pairs(first, second)
    comparer = _Comparer(overrides, on)
    said: list[Any] = []
    differ = broken = False
    for path, ref, other in pairs:
        try:
            text, found, same = comparer.run(path, ref, other, as_json)
        except _Broken as error:
            _show(error.found)
            broken = True
            continue
        differ = differ or not same
        if as_json or not same or not alone:
            said.append(found if as_json else text)
    if as_json:
        click.echo(json.dumps(said if alone else (said or [None])[0], indent=2))
    elif said:
        click.echo("\n".join(said), nl=False)
    elif not broken:
        click.echo(f"no differences in {len(pairs)} recipe{'' if len(pairs) == 1 else 's'}")
    sys.exit(2 if broken else DIFFERENT if differ and exit_code else 0)


def _pairs(first: str, second: str | None) -> tuple[list[tuple[str, str | None, str]], bool]:
    """(old recipe, its revision or None, new recipe) for each comparison, and whether a revision stood alone."""
    given = [one for one in (first, second) if one is not None]
    recipes = [one for one in given if _is_recipe(one)]
    if len(recipes) == 2:
        return [(first, None, recipes[1])], False
    if recipes:
        ref = next((one for one in given if one != recipes[0]), "HEAD")
        return [(recipes[0], ref, recipes[0])], False
    if second is not None:
        raise Refused(f"neither `{first}` nor `{second}` is a recipe: there is no such file")
    from smolc.compiler.resolve.revision import recipes_since

    found = recipes_since(Path(), first)
    if not found:
        raise Refused(f"there are no recipes in this folder, and there were none at `{first}`")
    return [(str(path), first, str(path)) for path in found], True


def _is_recipe(said: str) -> bool:
    """Whether an argument is meant as a file. A name that is also a revision's is a file, as git would ask."""
    try:
        exists = Path(said).exists()
    except (OSError, ValueError):
        return False
    return exists or said.endswith(".recipe")


class _Comparer:
    def __init__(self, overrides: tuple[str, ...], on: str | None) -> None:
        self.overrides = overrides
        self.on = on

    def run(self, old: str, ref: str | None, new: str, as_json: bool) -> tuple[str, dict[str, Any], bool]:
        """Text, JSON, and whether they are the same. Raises _Broken and Refused."""
        from smolc.compiler.compare.changes import compare
        from smolc.compiler.compare.follows import follows

        before = self._side(old) if ref is None else self._at(old, ref)
        after = None if before is not None and ref is not None and not Path(new).exists() else self._side(new)
        names = [old if ref is None else f"{old} at {ref}", new]
        names = [f"{n} (not there)" if s is None else n for n, s in zip(names, (before, after), strict=True)]
        compared = compare(before, after)
        effects = follows(before, after, compared.names)
        if as_json:
            from smolc.compiler.compare.json import as_json as to_json

            return "", to_json(names[0], names[1], compared, effects), compared.same
        from smolc.compiler.compare.text import as_text

        text = as_text(names[0], names[1], compared, effects, sys.stdout.isatty())
        return text, {}, compared.same

    def _at(self, path: str, ref: str) -> Side | None:
        """None if the recipe is younger."""
        from smolc.compiler.lock import NAME as LOCK
        from smolc.compiler.resolve.revision import NotThere, at_revision

        try:
            with at_revision(Path(path), ref) as place:
                return self._side(str(place), f"{ref}:{path}", f"{ref}:{Path(path).with_name(LOCK)}")
        except NotThere:
            if not Path(path).exists():
                raise
            return None

    def _side(self, path: str, shown: str | None = None, lock: str | None = None) -> Side:
        """shown, lock: what the recipe and its lock are called in messages."""
        from smolc.compiler.cli.common import FOLLOWS
        from smolc.compiler.compare.side import Side
        from smolc.compiler.lock.pin import apply_lock
        from smolc.compiler.model.build import build
        from smolc.compiler.plan import plan
        from smolc.compiler.resolve import resolve

        resolved, found = resolve(Path(path), self.overrides, shown=shown or path)
        if resolved is None:
            raise _Broken(found)
        broken = has_errors(found)
        recipe, more = build(resolved)
        found.extend(d for d in more if not (broken and d.name in FOLLOWS))
        if recipe is None or broken:
            raise _Broken(found)
        pinned, locked = apply_lock(recipe, resolved, lock)
        made, more = plan(pinned, resolved, self.on)
        if made is None:
            raise _Broken([*found, *more])
        return Side(resolved, recipe, made, locked.section if locked else None)


def _show(found: list[Diagnostic]) -> None:
    from smolc.compiler.diagnostics import Severity
    from smolc.compiler.diagnostics.render import render_full

    errors = [d for d in found if d.severity is Severity.ERROR]
    click.echo(render_full(errors, color=sys.stderr.isatty()), nl=False, err=True)
