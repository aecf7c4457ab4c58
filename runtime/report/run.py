"""`kind: report`: everything under `out/` as one page, `report.html`. It needs no network and no scripts."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from smolc.runtime.card.write import write_cards
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.report.checks import gates, replicated
from smolc.runtime.report.collect import collect
from smolc.runtime.report.contamination import contamination
from smolc.runtime.report.data import data_sections
from smolc.runtime.report.evals import eval_tables
from smolc.runtime.report.merges import merges
from smolc.runtime.report.pairs import pairs_section
from smolc.runtime.report.samples import samples
from smolc.runtime.report.story import environment, job_lines, problems, stage_lines
from smolc.runtime.report.text import clean, duration, label, shorten
from smolc.runtime.report.training import trainings
from smolc.runtime.report.vibes import vibes
from smolc.runtime.results.lines import write_lines


def run(context: Context) -> None:
    write_report(context.folder)
    print(f"wrote {context.folder / 'report.html'}")
    for path in write_cards(context.folder):
        print(f"wrote {path}")


def write_report(folder: Path) -> Path:
    """And `results.jsonl` beside it. Raises BrokenFolder if there is no manifest."""
    write_lines(collect(folder))
    path = folder / "report.html"
    write_atomically(path, render(folder))
    return path


def render(folder: Path) -> str:
    """The page. Every value is escaped by the template engine; only the charts and the style sheet are
    markup."""
    run = collect(folder)
    engine, style = _engine()
    return engine.get_template("report.html.j2").render(
        style=style,
        title=label(run.manifest.recipe),
        about=shorten(clean(run.manifest.about[:4000], lines=True), 2000),
        hash=label(run.manifest.hash)[:12],
        written=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        total=duration(run.seconds()),
        problems=problems(run),
        evals=eval_tables(run),
        gates=gates(run),
        contamination=contamination(run),
        replicated=replicated(run),
        stages=stage_lines(run),
        merges=merges(run),
        trainings=trainings(run),
        pairs=pairs_section(run),
        data=data_sections(run),
        vibes=vibes(run),
        samples=samples(run),
        environment=environment(run),
        jobs=job_lines(run),
    )


@cache
def _engine() -> tuple[Environment, Markup]:
    """The template engine, and our own style sheet."""
    loader = PackageLoader("smolc.runtime.report", "")
    engine = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return engine, Markup(loader.get_source(engine, "report.css")[0])
