"""`smolc explain`: what a rule checks, why, and what to write instead."""

from __future__ import annotations

import re
import sys

import click

_CODE = re.compile(r"[A-Za-z][0-9]{3}")
_OWN = "SRVLCFA"


@click.command()
@click.argument("rule", required=False, metavar="[NAME_OR_CODE]")
def command(rule: str | None) -> None:
    """What the rule NAME_OR_CODE checks, why, and what to write instead. Without one: all rules."""
    from smolc.compiler.lint.discover import find

    if rule is None:
        _list()
        return
    loaded = find(rule)
    if loaded is None:
        click.echo(_unknown(rule), err=True)
        sys.exit(2)
    _show(f"# {loaded.rule.code} {loaded.rule.name}: {loaded.docs.strip()}\n")


def _list() -> None:
    from smolc.compiler.lint.discover import all_rules

    rules = [(one.rule.code, one.rule.name, one.rule.severity.word, one.title) for one in all_rules()]
    widths = [max(len(row[column]) for row in rules) for column in range(3)]
    for row in rules:
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[3]]))


def _unknown(rule: str) -> str:
    from smolc.compiler.diagnostics.suggest import closest
    from smolc.compiler.lint.discover import all_rules

    if _CODE.fullmatch(rule) and rule[0].upper() in _OWN:
        return f"{rule.upper()} is reported by the compiler itself, and its message says all there is to say"
    near = closest(rule, [name for one in all_rules() for name in (one.rule.name, one.rule.code)])
    hint = f"did you mean `{near}`?" if near else "`smolc explain` lists them"
    return f"there is no rule `{rule}`; {hint}"


def _show(markdown: str) -> None:
    if not sys.stdout.isatty():
        sys.stdout.write(markdown)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console(width=min(Console().width, 100)).print(Markdown(markdown))
