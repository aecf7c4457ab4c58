"""Pages beside the report: their templates, and their style sheets after the report's."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@cache
def page_engine(package: str, sheet: str) -> tuple[Environment, Markup]:
    """The template engine of a package, and our own style sheets: the report's and what `sheet` adds to it."""
    loader, report = PackageLoader(package, ""), PackageLoader("smolc.runtime.report", "")
    engine = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    sheets = [report.get_source(engine, "report.css")[0], loader.get_source(engine, sheet)[0]]
    return engine, Markup("\n".join(sheets))
