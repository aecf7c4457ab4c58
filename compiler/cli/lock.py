"""`smolc lock`: pin what recipes read."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smolc.compiler.diagnostics.types import Refused

if TYPE_CHECKING:
    from smolc.compiler.lock.make import Compiled, Maker
    from smolc.compiler.lock.types import Lock

EVERYTHING = "*"


@click.command()
@click.argument("recipes", nargs=-1, type=click.Path())
@click.option("--check", is_flag=True, help="Write nothing; say what drifted.")
@click.option(
    "--upgrade",
    metavar="[NAME]",
    is_flag=False,
    flag_value=EVERYTHING,
    multiple=True,
    help="Resolve anew: everything, or a block, a hub id or a package.",
)
@click.option("--allow-missing", is_flag=True, help="Leave out files that are not on this machine.")
def command(recipes: tuple[str, ...], check: bool, upgrade: tuple[str, ...], allow_missing: bool) -> None:
    """Pin what RECIPES depend on in `smolc.lock` beside them: commits of hub repositories, sha256 of local files, of
    parents and of templates, and releases of the packages that compute.

    Commits and packages that are pinned already stay, unless --upgrade names them; files are hashed as they are now.
    Commits come from the hub's local cache, or from the hub if HF_HUB_OFFLINE is not set.

    Ends with 0; with 1 if --check found drift or a recipe has errors; with 2 if something cannot be read or pinned.
    """
    # `--upgrade mine.recipe` is meant as `--upgrade` and a recipe.
    taken = tuple(name for name in upgrade if name.endswith(".recipe"))
    recipes = (*taken, *recipes)
    names = frozenset(EVERYTHING if name in taken else name for name in upgrade)
    if not recipes:
        raise click.UsageError("name the recipes to lock: smolc lock mine.recipe")
    if check and names:
        raise click.UsageError("--check changes nothing, and --upgrade does: give one of them")
    folders = _compiled(recipes)
    if check:
        _check(folders, allow_missing)
        return
    _write(folders, names, allow_missing)


def _compiled(recipes: tuple[str, ...]) -> dict[Path, list[Compiled]]:
    """The recipes by folder, each once. Ends the program with 1 on errors in one, with 2 if one cannot be read."""
    from smolc.compiler.cli.common import FOLLOWS
    from smolc.compiler.diagnostics import Severity
    from smolc.compiler.diagnostics.types import has_errors
    from smolc.compiler.lock.make import Compiled
    from smolc.compiler.model.build import build
    from smolc.compiler.plan import plan
    from smolc.compiler.resolve import resolve

    folders: dict[Path, list[Compiled]] = {}
    unread = broken = False
    for path in recipes:
        resolved, found = resolve(Path(path), shown=path)
        recipe = made = None
        if resolved is not None:
            failed = has_errors(found)
            recipe, more = build(resolved)
            found.extend(d for d in more if not (failed and d.name in FOLLOWS))
            if recipe is not None and not failed:
                made, more = plan(recipe, resolved)
                found.extend(more)
        if resolved is None or recipe is None or made is None:
            from smolc.compiler.diagnostics.render import render_full

            errors = [d for d in found if d.severity is Severity.ERROR]
            click.echo(render_full(errors, color=sys.stderr.isatty()), nl=False, err=True)
            unread, broken = unread or resolved is None, True
            continue
        here = folders.setdefault(resolved.files[0].parent, [])
        if all(one.name != resolved.files[0].name for one in here):
            here.append(Compiled(resolved, recipe, made))
    if broken:
        sys.exit(2 if unread else 1)
    return folders


def _check(folders: dict[Path, list[Compiled]], allow_missing: bool) -> None:
    from smolc.compiler.lock.drift import MISSING, drift
    from smolc.compiler.lock.pin import hub_of
    from smolc.compiler.lock.read import read_lock

    drifted = False
    for folder, recipes in folders.items():
        lock = read_lock(folder)
        for recipe in recipes:
            name = recipe.resolved.source.name
            section = lock.sections.get(recipe.name) if lock else None
            if lock is None or section is None:
                _say(f"{name}: not locked; `smolc lock {name}` does it")
                drifted = True
                continue
            hub = tuple(dict.fromkeys(one for _, one in hub_of(recipe.recipe)))
            found = drift(lock, section, hub, recipe.plan, recipe.resolved)
            found = [d for d in found if not (allow_missing and d.after == MISSING)]
            for one in found:
                _say(f"{name}: {one}")
            if not found:
                _say(f"{name}: as locked")
            drifted = drifted or bool(found)
    sys.exit(1 if drifted else 0)


def _write(folders: dict[Path, list[Compiled]], upgrade: frozenset[str], allow_missing: bool) -> None:
    from smolc.compiler.lock import NAME
    from smolc.compiler.lock.drift import between
    from smolc.compiler.lock.make import Maker, check_names
    from smolc.compiler.lock.read import parse_lock, read_lock_bytes
    from smolc.compiler.lock.text import as_text
    from smolc.compiler.lock.types import Lock
    from smolc.compiler.syntax.write import write_text

    check_names(upgrade, [recipe for recipes in folders.values() for recipe in recipes])
    made: list[tuple[Path, bytes | None, Lock, Lock]] = []
    makers = []
    for folder, recipes in folders.items():
        data = read_lock_bytes(folder)
        old = Lock() if data is None else parse_lock(data, str(_shown(folder / NAME)))
        maker = Maker(old, upgrade)
        here = frozenset(os.listdir(folder))  # noqa: PTH208  names alone are wanted
        made.append((folder, data, old, maker.lock(recipes, here)))
        makers.append(maker)
    _refuse(makers, allow_missing)
    for folder, data, old, new in made:
        path = _shown(folder / NAME)
        text = as_text(new)
        if text.encode() == data:
            _say(f"{path}: nothing changed")
            continue
        if read_lock_bytes(folder) != data:
            raise Refused(f"{path} changed while it was read; nothing was written")
        write_text(folder / NAME, text)
        _say(f"{path}: {_counts(new)}")
        for change in between(old, new) if data is not None else ():
            _say(f"  {_change(change.what, change.before, change.after, str(change))}")


def _refuse(makers: list[Maker], allow_missing: bool) -> None:
    """Raises Refused naming everything that could not be pinned."""
    unresolved = {hub: why for maker in makers for hub, why in maker.unresolved.items()}
    missing = [path for maker in makers for path in maker.missing]
    said = []
    if unresolved:
        said.append("these have no commit that is known here:")
        said += [f"  {hub.shown}: {why}" for hub, why in unresolved.items()]
        said.append(
            "download each once (`hf download ID`, `--repo-type dataset`), allow the network, or write the commit"
        )
        said.append('into the recipe: `revision = "..."` (`git ls-remote` of the repository tells it)')
    if missing and not allow_missing:
        said.append("these are not on this machine:")
        said += [f"  {path}" for path in missing]
        said.append("get them first, or leave them out of the lock: --allow-missing")
    if said:
        from smolc.compiler.diagnostics.excerpt import plain

        text = plain("\n".join(["nothing was locked:", *said]), keep_lines=True)
        raise Refused(text)
    for path in missing:
        _say(f"left out: {path} is not on this machine", err=True)


def _counts(lock: Lock) -> str:
    sections = lock.sections.values()
    counts = (
        (len(sections), "recipe"),
        (len({(hub, commit) for s in sections for hub, commit in s.hub.items()}), "commit"),
        (len({path for s in sections for path in s.files}), "file"),
        (sum(len(s.templates) for s in sections), "template"),
        (len(lock.packages), "package"),
    )
    return ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in counts if number)


def _change(what: str, before: str | None, after: str | None, both: str) -> str:
    return f"+ {what}" if before is None else f"- {what}" if after is None else f"~ {both}"


def _shown(path: Path) -> Path:
    """From the current folder, where it is below it."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path


def _say(text: str, err: bool = False) -> None:
    from smolc.compiler.diagnostics.excerpt import plain

    click.echo(plain(text), err=err)
