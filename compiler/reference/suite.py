"""The page of the suite: what each named task asks, and what it costs."""

from __future__ import annotations

from smolc.compiler.model.suite import SUITE, Entry
from smolc.compiler.reference.page_of_block import table

ABOUT = """# The suite

Tasks that an eval can name in `tasks`. Tokens are what a model generates for all problems with the `avg` that the playbook takes, about:
problems x samples x tokens of a typical answer; a reasoning model takes many times as many. A copy of the data can be given with `file`."""


def suite() -> str:
    """Markdown, by family."""
    rows = [_row(name, entry) for name, entry in sorted(SUITE.items(), key=lambda item: item[1].family)]
    head = ("task", "family", "what it asks", "problems", "avg", "tokens", "needs", "licence of the data")
    return ABOUT + "\n\n" + table(head, rows)


def _row(name: str, entry: Entry) -> tuple[str, ...]:
    tokens = entry.problems * entry.k * entry.tokens
    said = f"{tokens / 1e6:.1f}M" if tokens >= 1e5 else f"{tokens:,}" if tokens else "none: likelihoods"
    return (
        f"`{name}`", entry.family, entry.about, f"{entry.problems:,}", str(entry.k), said, entry.needs, entry.licence
    )  # fmt: skip
