"""`smolc`: the command. Each subcommand is a file of its own, imported only when it is called."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

import smolc

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "init": "start a recipe, from a few questions or flags",
    "fmt": "put recipes into the one canonical form",
    "lint": "review recipes",
    "explain": "what a rule checks, why, and what to write instead",
    "plan": "what would run: jobs, batches, tokens and steps",
    "preview": "rows of the data as they will be trained",
    "show": "the whole recipe, flattened, and where each value comes from",
    "diff": "what changed between two recipes, and what follows from it",
    "lock": "pin what a recipe reads: revisions, files, templates, packages",
    "build": "compile a recipe into a folder of jobs",
    "run": "build and run a recipe, and end in a report",
    "publish": "push trained models with their cards to where a recipe says",
    "chat": "talk to what a recipe trained",
    "arena": "compare answers without knowing whose they are, and rate the models by the votes",
    "inspect": "what models were asked and said, failures first",
    "compare": "scores of runs side by side: what is better by more than chance",
    "lsp": "the language server, for editors",
    "completion": "completion of commands and options for your shell",
}


class Lazy(click.Group):
    """Loads `smolc.compiler.cli.NAME` for a command, so that `--version` needs nothing else."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = import_module(f"smolc.compiler.cli.{name}").command
        assert isinstance(command, click.Command)
        if "_SMOLC_COMPLETE" in os.environ:
            from smolc.compiler.cli.completion import attach

            attach(name, command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Without loading the commands, as click would for their first sentences."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=what) for name, what in COMMANDS.items() if name.startswith(incomplete)
        ]
        return found or click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            from smolc.compiler.diagnostics.suggest import closest

            near = closest(args[0], COMMANDS)
            ctx.fail(f"no such command: {args[0]}" + (f"; did you mean `{near}`?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(smolc.__version__, prog_name="smolc")
def command() -> None:
    """Recipes for post-training language models: review them, compile them, run them."""


def main() -> None:
    # Plugins of pydantic would be looked for in the metadata of everything that is installed, at every start.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for stream in (sys.stdout, sys.stderr):
        # A recipe may hold characters that a terminal's encoding lacks; they are shown escaped, not as a crash.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        command()
    except Exception as error:
        if os.environ.get("SMOLC_DEBUG"):
            raise
        from smolc.compiler.diagnostics.types import Refused

        if isinstance(error, Refused):
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            print(f"error: what there is to say cannot be written: {error.strerror}", file=sys.stderr)
            sys.exit(2)
        said = str(error).splitlines()[0] if str(error) else ""
        print(f"internal error: {type(error).__name__}: {said}", file=sys.stderr)
        print("This is a mistake in smolc, not in your recipe. SMOLC_DEBUG=1 shows where.", file=sys.stderr)
        sys.exit(2)
