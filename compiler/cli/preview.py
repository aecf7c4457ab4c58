"""`smolc preview`: real rows as they will be trained."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from pathlib import Path

import click

from smolc.compiler.cli.executor import look


@click.command()
@click.argument("recipe", type=click.Path())
@click.argument("stage", required=False)
@click.option(
    "--rows", type=click.IntRange(1, 1000), default=3, show_default=True, help="Rows of each source."
)
@click.option("--source", metavar="NAME", help="Only this dataset of the mixture.")
@click.option(
    "--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write them as a web page, too."
)
@click.option("--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override a value first.")
@click.option("--on", metavar="CLUSTER", help="Where it will run.")
def command(
    recipe: str,
    stage: str | None,
    rows: int,
    source: str | None,
    html: str | None,
    overrides: tuple[str, ...],
    on: str | None,
) -> None:
    """Show the first rows of RECIPE's data as STAGE (or each stage) will be trained on them: rendered by the chat
    template, turn by turn, with what is trained in colour, what is too long and cut, and how rows are packed.

    Nothing needs to have run, unless the stage learns from `pairs`: of the start model only the tokenizer is loaded, of
    the data only the first rows are read. Nothing is written but FILE. What `smolc run` has prepared in build/NAME
    already is used to tell the shares and lengths of all rows.

    Without colours, trained text stands in ⟦ ⟧. Ends with 0, with 1 if the recipe or its data is wrong, with 2 if there
    is no such recipe, stage or dataset.
    """
    from smolc.compiler.cli.common import compile_recipe, misused
    from smolc.compiler.diagnostics import Severity

    if html is not None and Path(html).suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"{html}: name the page .html", param_hint="--html")
    compiled = compile_recipe(recipe, overrides, on)
    errors = [d for d in compiled.found if d.severity is Severity.ERROR]
    if compiled.plan is None or compiled.resolved is None or errors:
        from smolc.compiler.diagnostics.render import render_full

        click.echo(render_full(errors, color=sys.stderr.isatty()), nl=False, err=True)
        sys.exit(2 if compiled.resolved is None or misused(compiled.found) else 1)
    if any(importlib.util.find_spec(name) is None for name in ("transformers", "pyarrow")):
        click.echo(
            "error: showing rows needs the tokenizers' library and friends: pip install 'smolc[train]'",
            err=True,
        )
        sys.exit(2)
    from smolc.compiler.plan.paths import root_of
    from smolc.compiler.render import files, write

    # Never in build/NAME: with other values than those of the last build, its jobs would no longer count as done.
    earlier = Path("build") / compiled.plan.recipe
    with tempfile.TemporaryDirectory(prefix="smolc-preview-") as temporary:
        folder = Path(temporary) / "build"
        root = Path(os.path.relpath(root_of(compiled.resolved), os.path.realpath(folder))).as_posix()
        write(folder, files(compiled.plan, root, Path(recipe).name))
        arguments = [sys.executable, "-m", "smolc.runtime.preview", f"--rows={rows}"]
        arguments += [f"--source={source}"] if source is not None else []
        arguments += [f"--html={html}"] if html is not None else []
        arguments += [f"--earlier={earlier}"] if (earlier / "manifest.json").is_file() else []
        arguments += ["--", str(folder), *([stage] if stage is not None else [])]
        code = look(arguments)
    sys.exit(code)
