"""`smolc explain`: what a rule checks, or what the compiler reports, why, and what to write instead; and evals
that have a name, and methods of training."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click


@click.command()
@click.argument("name", required=False, metavar="[NAME_OR_CODE]")
@click.option("--all", "everything", is_flag=True, help="List the compiler's own codes, too.")
def command(name: str | None, everything: bool) -> None:
    """What NAME_OR_CODE is about, why, wrong and right: a lint rule, or a code of the compiler's own.

    Of an eval that has a name (ifeval): what it asks, how it is scored, its licence and what it costs. Of a method of
    training (dpo): what it optimises, its arguments, and what to watch.

    Without one: all rules.
    """
    if name is None:
        _list(everything)
        return
    if everything:
        raise click.UsageError("`--all` lists everything; leave the name out")
    # The rules take longer to load.
    text = _code(name) or _eval(name) or _method(name) or _rule(name)
    if text is None:
        click.echo(_unknown(name), err=True)
        sys.exit(2)
    _show(text)


def _rule(name: str) -> str | None:
    from smolc.compiler.lint.discover import find

    loaded = find(name)
    if loaded is None:
        return None
    return f"# {loaded.rule.code} {loaded.rule.name}: {loaded.docs.strip()}\n"


def _code(name: str) -> str | None:
    from smolc.compiler.reference.entries import find

    code = find(name)
    return None if code is None else f"# {code.code} {code.name}: {code.title}\n\n{code.docs}\n"


def _method(name: str) -> str | None:
    from smolc.compiler.reference.page_of_method import methods, page_of_method

    return page_of_method(name) + "\n" if name in methods() else None


def _eval(name: str) -> str | None:
    from smolc.compiler.reference.suite import find

    return find(name)


def _list(everything: bool) -> None:
    from smolc.compiler.lint.discover import all_rules

    rules = [(one.rule.code, one.rule.name, one.rule.severity.word, one.title) for one in all_rules()]
    _table(rules)
    if not everything:
        click.echo(
            "\n`smolc explain NAME` says why; `smolc explain --all` lists the compiler's own codes, too."
        )
        return
    from smolc.compiler.reference.entries import FAMILIES, family

    for letter, (_, about) in FAMILIES.items():
        click.echo(f"\n{about}\n")
        _table((code.code, code.name, code.title) for code in family(letter))


def _table(rows: Iterable[tuple[str, ...]]) -> None:
    """Left-aligned columns; the last one may be of any length."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row[:-1], widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]))


def _unknown(name: str) -> str:
    from smolc.compiler.diagnostics.suggest import closest
    from smolc.compiler.lint.discover import all_rules
    from smolc.compiler.reference.entries import all_codes

    rules = [known for one in all_rules() for known in (one.rule.name, one.rule.code)]
    codes = [known for one in all_codes() for known in (one.name, one.code)]
    near = closest(name, [*rules, *codes])
    hint = f"did you mean `{near}`?" if near else "`smolc explain --all` lists them"
    return f"there is no rule and no code `{name}`; {hint}"


def _show(markdown: str) -> None:
    if not sys.stdout.isatty():
        sys.stdout.write(markdown)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console(width=min(Console().width, 100)).print(Markdown(markdown))
