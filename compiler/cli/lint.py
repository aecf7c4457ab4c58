"""`smolc lint`: review recipes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from smolc.compiler.cli.common import Compiled, compile_recipe, misused
from smolc.compiler.diagnostics import Diagnostic, Severity
from smolc.compiler.diagnostics.types import Refused

FORMATS = ("full", "concise", "json", "github", "gitlab", "sarif", "junit")
STDIN = "-"
NOT_FOLLOWED = frozenset({"A001", "A002", "A004"})
"""Suppressions without a reason, of a rule that is not there, or of a form that is none: lint was told what it cannot do."""


@click.command()
@click.argument("recipes", nargs=-1, required=True, type=click.Path())
@click.option("--format", "form", type=click.Choice(FORMATS), default="full", show_default=True)
@click.option(
    "-o", "--output-file", type=click.Path(), help="Write the findings there instead of to the terminal."
)
@click.option("--select", multiple=True, metavar="RULES", help="Only these: names, codes, T or D2, ALL.")
@click.option("--ignore", multiple=True, metavar="RULES", help="Not these.")
@click.option("--fix", is_flag=True, help="Mend what can be mended without changing the plan.")
@click.option("--unsafe-fixes", is_flag=True, help="Mend also what changes the plan. Read the difference.")
@click.option("--since", metavar="REF", help="Only what was added since this git revision.")
@click.option("--on", metavar="CLUSTER", help="Check the batch for this cluster.")
@click.option("--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override a value first.")
@click.option("--stdin-filename", type=click.Path(), help="What `-` is called, and where its paths start.")
def command(
    recipes: tuple[str, ...],
    form: str,
    output_file: str | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fix: bool,
    unsafe_fixes: bool,
    since: str | None,
    on: str | None,
    overrides: tuple[str, ...],
    stdin_filename: str | None,
) -> None:
    """Review RECIPES (`-` is stdin): all mistakes at once, with their place, why, and what to write instead.

    Ends with 0 if nothing is wrong, 1 on errors and warnings, 2 if a file, an option or a suppression cannot be understood.
    """
    fix = fix or unsafe_fixes
    if fix and (overrides or since is not None):
        raise click.UsageError("--fix mends the file as it is: leave out --set and --since")
    if fix and STDIN in recipes:
        raise click.UsageError("--fix needs a file to write to, not stdin")
    said: list[str] = []
    found: list[Diagnostic] = []
    names: list[str] = []
    unreadable = False
    for name in recipes:
        review = _Review(name, stdin_filename, overrides, on, select, ignore)
        if fix:
            said.extend(review.mend(unsafe_fixes))
        found.extend(review.found if since is None else review.added_since(since))
        names.append(review.shown)
        unreadable = unreadable or review.compiled.resolved is None
    _print(found, names, form, output_file)
    for line in said:
        click.echo(line, err=True)
    if form in ("full", "concise") or output_file:
        click.echo(_summary(found, len(names), fix), err=bool(found))
    if unreadable or misused(found) or any(d.code in NOT_FOLLOWED for d in found):
        sys.exit(2)
    sys.exit(1 if any(d.severity >= Severity.WARNING for d in found) else 0)


class _Review:
    """One recipe under review."""

    def __init__(
        self,
        name: str,
        stdin_filename: str | None,
        overrides: tuple[str, ...],
        on: str | None,
        select: tuple[str, ...],
        ignore: tuple[str, ...],
    ) -> None:
        from smolc.compiler.lint.settings import settings_for, split

        texts = {}
        self.shown = name
        if name == STDIN:
            self.shown = stdin_filename or "stdin.recipe"
            texts[Path(self.shown).resolve()] = sys.stdin.read()
        self.settings = settings_for(Path(self.shown), split(select), split(ignore))
        self.overrides, self.on = overrides, on
        self.compiled = self._compile(texts)

    @property
    def found(self) -> list[Diagnostic]:
        return self.compiled.found

    def _compile(self, texts: dict[Path, str] | None = None, path: Path | None = None) -> Compiled:
        return compile_recipe(
            str(path or self.shown),
            self.overrides,
            self.on,
            shown=self.shown,
            texts=texts,
            settings=self.settings,
        )

    def added_since(self, ref: str) -> list[Diagnostic]:
        """The findings that the recipe did not have at `ref`. Raises Refused where there is no such revision."""
        from smolc.compiler.lint.since import added
        from smolc.compiler.lock.read import BadLock
        from smolc.compiler.resolve.revision import NotThere, at_revision

        if self.compiled.resolved is None:
            return self.found
        try:
            with at_revision(Path(self.shown), ref) as old:
                return added(self.found, self._compile(path=old).found)
        except BadLock as error:
            raise Refused(f"at `{ref}`: {error}") from error
        except NotThere:
            return self.found

    def mend(self, unsafe: bool) -> list[str]:
        """Put the edits in and write the file. What there is to say about it."""
        from smolc.compiler.lint.fix import fix
        from smolc.compiler.syntax.write import CannotWrite, replace_text

        if self.compiled.source is None:
            return []
        path = Path(self.shown)
        compile: Callable[[str], Compiled] = lambda text: self._compile({path.resolve(): text})  # noqa: E731
        before = self.compiled.source.text
        fixed = fix(self.compiled, compile, unsafe)
        said = [
            f"{self.shown}: the fix of {d.name} was not applied: it would change what it must not; please report this"
            for d in fixed.refused
        ]
        if fixed.applied:
            try:
                replace_text(path, before, fixed.text)
            except CannotWrite as error:
                raise Refused(f"{self.shown} was not written: {error}") from error
            self.compiled = self._compile()
            counts = f"{len(fixed.applied)} finding{'s' if len(fixed.applied) > 1 else ''}"
            said.append(
                f"{self.shown}: mended {counts}: {', '.join(dict.fromkeys(d.name for d in fixed.applied))}"
            )
        return said


def _print(found: list[Diagnostic], recipes: list[str], form: str, file: str | None) -> None:
    from importlib import import_module

    color = file is None and sys.stdout.isatty()
    render = import_module(f"smolc.compiler.lint.output.{form}").render
    text = render(found, recipes, color)
    if file is None:
        sys.stdout.write(text)
    else:
        from smolc.compiler.syntax.write import write_text

        write_text(Path(file), text)


def _summary(found: list[Diagnostic], count: int, fixed: bool) -> str:
    from smolc.compiler.diagnostics.render import render_summary
    from smolc.compiler.lint.fix import is_safe

    files = f"{count} recipe{'s' if count > 1 else ''}"
    said = render_summary(found) or f"{files}: nothing to complain about"
    safe = sum(is_safe(d) for d in found)
    unsafe = sum(bool(d.edits) for d in found) - safe
    hints = [f"{safe} can be mended with --fix"] if safe and not fixed else []
    hints += [f"{unsafe} {'' if hints else 'can be mended '}with --unsafe-fixes"] if unsafe else []
    return "; ".join([said, ", ".join(hints)]) if hints else said
