"""`smolc lsp`: the language server."""

from __future__ import annotations

import importlib.util
import sys

import click

MISSING = "error: the language server needs pygls: pip install 'smolc[lsp]'"


@click.command()
@click.option("--stdio", is_flag=True, help="Speak over stdin and stdout; there is no other way.")
def command(stdio: bool) -> None:
    """Start the language server; editors do this, and speak to it over stdin and stdout."""
    if importlib.util.find_spec("pygls") is None:
        click.echo(MISSING, err=True)
        sys.exit(2)
    if sys.stdin.isatty():
        click.echo("smolc lsp waits for an editor on stdin; Ctrl-C ends it", err=True)
    from smolc.compiler.editor.server import serve

    serve()
