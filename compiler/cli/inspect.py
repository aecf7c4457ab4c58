"""`smolc inspect`: what the models of a run were asked and said."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from smolc.compiler.cli.compare import found_run, needs
from smolc.compiler.cli.executor import look


@click.command()
@click.argument("run")
@click.argument("eval_name", metavar="[EVAL]", required=False)
@click.option("--task", metavar="NAME", help="Only this task.")
@click.option("--model", "models", multiple=True, metavar="NAME", help="Only this model; may be repeated.")
@click.option("--failures", is_flag=True, help="Only what went wrong.")
@click.option("--all", "everything", is_flag=True, help="All problems, not the first of each task.")
@click.option("--id", "problem", metavar="ID", help="Only this problem, in full.")
@click.option("--rows", type=click.IntRange(1), default=10, show_default=True, help="Problems of each task.")
@click.option(
    "--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write them as a web page instead."
)
def command(
    run: str,
    eval_name: str | None,
    task: str | None,
    models: tuple[str, ...],
    failures: bool,
    everything: bool,
    problem: str | None,
    rows: int,
    html: str | None,
) -> None:
    """Show the prompts of RUN's evals as they were rendered, and of each answer what the model said, what of it was
    compared, its score and why it is wrong: failures first, the models side by side.

    RUN is a compiled folder (build/NAME), the NAME of one in build/, or a recipe whose folder is there; it need not be
    over. Chains of thought that were not scored are dim, or stand in ⟦ ⟧. For a pager: `smolc inspect RUN | less`.
    """
    if html is not None and Path(html).suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"{html}: name the page .html", param_hint="--html")
    folder = found_run(run)
    needs("numpy", "inspecting")
    arguments = [sys.executable, "-m", "smolc.runtime.inspect", f"--rows={rows}"]
    arguments += [f"--task={task}"] if task is not None else []
    arguments += [f"--model={model}" for model in models]
    arguments += ["--failures"] if failures else []
    arguments += ["--all"] if everything else []
    arguments += [f"--id={problem}"] if problem is not None else []
    arguments += [f"--html={html}"] if html is not None else []
    arguments += ["--", folder, *([eval_name] if eval_name is not None else [])]
    sys.exit(look(arguments))
