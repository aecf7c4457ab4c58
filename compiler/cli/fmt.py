"""`smolc fmt`: recipes in the one canonical form."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from smolc.compiler.diagnostics import Diagnostic, Source

STDIN = "-"


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(readable=False))
@click.option("--check", is_flag=True, help="Write nothing; name the files that would change.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
@click.option("--stdin-filename", metavar="NAME", help="What to call the standard input in messages.")
def command(paths: tuple[str, ...], check: bool, diff: bool, stdin_filename: str | None) -> None:
    """Put recipes into the one canonical form.

    PATHS are recipes, folders (all `*.recipe` files in them), or `-` for the standard input, whose form goes to
    the standard output. Without any, the current folder.

    A file is only written if the comments are all there, the recipe is the same, and formatting it again would
    change nothing. Files with mistakes are left as they are.

    Ends with 0; with 1 if --check or --diff found something to change; with 2 if a file cannot be formatted.
    """
    if STDIN in paths and len(paths) > 1:
        raise click.UsageError("`-` is the standard input: give it alone, or give files")
    if stdin_filename is not None and paths != (STDIN,):
        raise click.UsageError("--stdin-filename goes with `-`: smolc fmt - --stdin-filename NAME")
    run = _Run(check, diff)
    if paths == (STDIN,):
        run.stdin(stdin_filename or "<stdin>")
    else:
        for path in _files(paths or (".",), run):
            run.file(path)
        run.summary()
    sys.exit(2 if run.failed else 1 if run.changed and (check or diff) else 0)


def _files(paths: tuple[str, ...], run: _Run) -> Iterator[str]:
    """The files named and those in the folders named, each once."""
    from smolc.compiler.format.files import recipes_in

    seen: set[str] = set()
    for path in paths:
        is_folder = os.path.isdir(path)  # noqa: PTH112  Path.is_dir raises where a name is too long
        found = list(recipes_in(path)) if is_folder else [path]
        if not found:
            run.fail(f"no *.recipe files in the folder `{path}`: name a recipe, or a folder that holds some")
        for file in found:
            real = os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                yield file


@dataclass
class _Run:
    """Formats one after the other; counts what became of them."""

    check: bool
    diff: bool
    changed: int = 0
    kept: int = 0
    failed: int = 0

    def file(self, path: str) -> None:
        from smolc.compiler.syntax.read import decode, empty_file, read_bytes

        data, found = read_bytes(Path(path), path)
        source: Source | None = None
        if data is not None:
            source, found = decode(data, path)
            if source is not None and not source.text.strip():
                found = [empty_file(path)]
        if data is None or source is None or found:
            self._refuse(found)
            return
        made = self._made(source)
        if made is None:
            return
        if made.encode() == data:
            self.kept += 1
            return
        if self.diff:
            self._show_diff(path, data.decode(), made)
        elif self.check:
            click.echo(f"would reformat: {_plain(path)}")
        else:
            from smolc.compiler.syntax.write import CannotWrite, replace_bytes

            try:
                replace_bytes(Path(path), data, made)
            except CannotWrite as error:
                self.fail(f"`{path}` was not written: {error}")
                return
            click.echo(f"reformatted: {_plain(path)}")
        self.changed += 1

    def stdin(self, name: str) -> None:
        from smolc.compiler.syntax.read import LARGEST, decode

        data = sys.stdin.buffer.read(LARGEST + 1)
        source, found = decode(data, name)
        if source is None:
            self._refuse(found)
            return
        made = self._made(source)
        if made is None:
            return
        self.changed = int(made.encode() != data)
        if self.diff and self.changed:
            self._show_diff(name, data.decode(), made)
        elif self.check and self.changed:
            click.echo(f"would reformat: {_plain(name)}")
        elif not (self.check or self.diff):
            sys.stdout.buffer.write(made.encode())

    def _made(self, source: Source) -> str | None:
        from smolc.compiler.format import HasMistakes, NotFaithful, format_source

        try:
            return format_source(source)
        except HasMistakes as mistakes:
            self._refuse(mistakes.found)
        except NotFaithful as error:
            name = _plain(source.name)
            click.echo(f"internal error: {name} was left as it is: if it were formatted, {error}", err=True)
            click.echo("This is a mistake in smolc, not in your recipe.", err=True)
            self.failed += 1
        return None

    def _refuse(self, found: list[Diagnostic]) -> None:
        from smolc.compiler.diagnostics.render import render_full

        click.echo(render_full(found, color=sys.stderr.isatty()), err=True)
        self.failed += 1

    def fail(self, message: str) -> None:
        click.echo(f"error: {_plain(message)}", err=True)
        self.failed += 1

    def _show_diff(self, name: str, before: str, after: str) -> None:
        from difflib import unified_diff

        is_terminal = sys.stdout.isatty()
        old, new = (text.splitlines(keepends=True) for text in (before, after))
        for line in unified_diff(old, new, _plain(name), _plain(name)):
            text = line.removesuffix("\n")
            if is_terminal:
                text = _painted(_plain(text))
            # What patch(1) reads as a last line without its end.
            ending = "" if line.endswith("\n") else "\n\\ No newline at end of file"
            click.echo(text + ending)

    def summary(self) -> None:
        """`1 file reformatted, 2 left unchanged`, beside the names or the diff."""
        would = "would be " if self.check or self.diff else ""
        kept = "already formatted" if would else "left unchanged"
        counts = [(self.changed, f"{would}reformatted"), (self.kept, kept)]
        counts.append((self.failed, "in error"))
        said = [f"{number} {word}" for number, word in counts if number]
        click.echo(", ".join(said), err=True)


def _painted(line: str) -> str:
    is_name = line.startswith(("--- ", "+++ "))
    color = "1" if is_name else {"+": "32", "-": "31", "@": "36"}.get(line[:1])
    return f"\x1b[{color}m{line}\x1b[0m" if color and "NO_COLOR" not in os.environ else line


def _plain(text: str) -> str:
    from smolc.compiler.diagnostics.excerpt import plain

    return plain(text)
