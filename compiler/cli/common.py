"""What the commands share: going from a file to a recipe or a plan, and showing what was found."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smolc.compiler.diagnostics import Diagnostic, Severity, Source
from smolc.compiler.diagnostics.types import has_errors

if TYPE_CHECKING:
    from smolc.compiler.lint.settings import Settings
    from smolc.compiler.lock.pin import Locked
    from smolc.compiler.model.recipe import Recipe
    from smolc.compiler.plan.types import Plan
    from smolc.compiler.resolve import Resolved


FOLLOWS = frozenset(
    {
        "bad-sweep",
        "empty-mixture",
        "missing-key",
        "no-files",
        "no-holdout",
        "no-recipe",
        "no-tasks",
        "nothing-to-do",
        "one-source",
        "unknown-name",
    }
)
"""What a statement that could not be read brings about: saying so would be a second report of one mistake."""


@dataclass
class Compiled:
    """As far as it went: each is None where errors stopped it. locked: the `smolc.lock` beside the recipe, whose
    commits `recipe` and `plan` have; None if there is none."""

    resolved: Resolved | None
    recipe: Recipe | None
    plan: Plan | None
    found: list[Diagnostic]
    locked: Locked | None = None

    @property
    def source(self) -> Source | None:
        return self.resolved.source if self.resolved else None

    @property
    def hash(self) -> str | None:
        return self.plan.hash if self.plan else None


def compile_recipe(
    path: str,
    overrides: tuple[str, ...] = (),
    on: str | None = None,
    *,
    shown: str | None = None,
    texts: Mapping[Path, str] | None = None,
    settings: Settings | None = None,
) -> Compiled:
    """Text to plan, with lint's findings; everything that is wrong is in `found`.

    shown: the file's name in messages. texts: content that stands for that of files (by resolved path). settings: which
    rules run; those of the nearest pyproject.toml unless given. Raises Refused where that, or the lock, cannot be
    understood.
    """
    from smolc.compiler.resolve import resolve

    resolved, found = resolve(Path(path), overrides, shown=shown or path, texts=texts)
    if resolved is None:
        return Compiled(None, None, None, found)
    from smolc.compiler.model.build import build

    broken = has_errors(found)
    recipe, more = build(resolved)
    found.extend(d for d in more if not (broken and _follows(d)))
    if recipe is None or broken:
        return Compiled(resolved, None, None, found)
    from smolc.compiler.lock import NAME
    from smolc.compiler.plan import plan

    locked = None
    if os.path.lexists(resolved.files[0].parent / NAME):
        from smolc.compiler.lock.pin import apply_lock

        recipe, locked = apply_lock(recipe, resolved)
    made, more = plan(recipe, resolved, on)
    found.extend(more)
    from smolc.compiler.lint import lint
    from smolc.compiler.lint.settings import settings_for

    found.extend(lint(recipe, resolved, made, settings or settings_for(Path(path))))
    return Compiled(resolved, recipe, made, found, locked)


def misused(found: list[Diagnostic]) -> bool:
    """Whether `--set` or `--on` say what cannot be: the call is wrong, not the recipe."""
    return any(
        d.severity is Severity.ERROR
        and (d.name == "unknown-cluster" if d.span is None else d.span.source.name == "--set")
        for d in found
    )


def folder_of(path: str) -> Path:
    """The compiled folder `path`, or that which `smolc run` makes of a recipe. Says what is wrong, and exits."""
    if Path(path).is_dir():
        return Path(path)
    compiled = compile_recipe(path)
    if compiled.plan is None:
        show([d for d in compiled.found if d.severity is Severity.ERROR])
        sys.exit(2 if compiled.resolved is None else 1)
    folder = Path("build") / compiled.plan.recipe
    if not (folder / "manifest.json").is_file():
        print(f"error: {folder}: not there yet; smolc run {path} makes it", file=sys.stderr)
        sys.exit(2)
    return folder


def _follows(found: Diagnostic) -> bool:
    """A name that is nearly one which is there was mistyped, whatever else could not be read."""
    return found.name in FOLLOWS and not (
        found.name == "unknown-name" and found.help is not None and found.help.startswith("did you mean")
    )


def show(found: list[Diagnostic], form: str = "full") -> None:
    """Print diagnostics; colours only where somebody looks."""
    from smolc.compiler.diagnostics.render import render_concise, render_full, render_json

    if form == "json":
        sys.stdout.write(render_json(found) + "\n")
    elif found:
        text = render_concise(found) if form == "concise" else render_full(found, color=sys.stdout.isatty())
        sys.stdout.write(text.rstrip("\n") + "\n")
