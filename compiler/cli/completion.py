"""`smolc completion`: commands, options, recipes and rules, completed by the shell."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, get_completion_class

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "_SMOLC_COMPLETE"
"""Set by the shell while it asks for completions."""
HOW = {
    "bash": """put `eval "$(smolc completion bash)"` into ~/.bashrc""",
    "zsh": """put `eval "$(smolc completion zsh)"` into ~/.zshrc, behind `compinit`""",
    "fish": "smolc completion fish > ~/.config/fish/completions/smolc.fish",
}
DEEPEST, MOST = 4, 200


@click.command()
@click.argument("shell", type=click.Choice(list(HOW)), required=False)
def command(shell: str | None) -> None:
    """Print what makes SHELL complete smolc's commands, options, recipes and rules. Without one: your shell's."""
    shell = shell or Path(os.environ.get("SHELL", "")).name
    if shell not in HOW:
        raise click.UsageError(f"say which shell: {', '.join(HOW)}")
    made = get_completion_class(shell)
    assert made is not None
    completer = made(click.Command("smolc"), {}, "smolc", VARIABLE)
    script = completer.source_template % completer.source_vars()
    how = f"# To install: {HOW[shell]}\n"
    # zsh reads `#compdef` only in a file's first line.
    first, newline, rest = script.lstrip("\n").partition("\n")
    text = f"{first}{newline}{how}{rest}" if first.startswith("#compdef") else f"{how}{first}{newline}{rest}"
    sys.stdout.write(text)


class RecipeFile(click.Path):
    """A path, completed to the recipes below what is written; folders and other files only where there are none."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        found = sorted(_recipes(incomplete), key=lambda name: (name.count("/"), name))[:MOST]
        return [CompletionItem(name) for name in found] or [CompletionItem(incomplete, type="file")]


def _recipes(incomplete: str) -> Iterator[str]:
    folder, _, _ = incomplete.rpartition("/")
    start = f"{folder}/" if folder or incomplete.startswith("/") else ""
    for above, folders, files in os.walk(start or "."):
        inside = os.path.relpath(above, start or ".")
        deep = 0 if inside == "." else inside.count(os.sep) + 1
        folders[:] = [] if deep >= DEEPEST else [f for f in sorted(folders) if f[0] not in "._"]
        prefix = start if inside == "." else f"{start}{Path(inside).as_posix()}/"
        yield from (
            prefix + f for f in files if f.endswith(".recipe") and (prefix + f).startswith(incomplete)
        )


class RuleNames(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """Names and codes of rules; with `listed` also several with commas between."""

    name = "rules"

    def __init__(self, listed: bool) -> None:
        self.listed = listed

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from smolc.compiler.lint.discover import all_rules

        before, comma, last = incomplete.rpartition(",") if self.listed else ("", "", incomplete)
        rules = [(name, one.title) for one in all_rules() for name in (one.rule.name, one.rule.code)]
        return [
            CompletionItem(f"{before}{comma}{name}", help=title)
            for name, title in rules
            if name.startswith(last) and (last or name[0].islower())
        ]


_TYPES: dict[str, click.ParamType] = {  # type: ignore[type-arg, unused-ignore]
    **dict.fromkeys(("recipe", "recipes", "paths", "first", "second"), RecipeFile()),
    **dict.fromkeys(("select", "ignore"), RuleNames(listed=True)),
    "explain.name": RuleNames(listed=False),
}
"""By the names that the commands give their parameters, `COMMAND.` before those that mean something else elsewhere."""


def attach(name: str, command: click.Command) -> None:
    """Tell a command's parameters how they are completed. Only done while the shell asks, since it reads the rules."""
    for param in command.params:
        kind = _TYPES.get(f"{name}.{param.name}") or _TYPES.get(param.name or "")
        if kind is not None:
            param.type = kind
