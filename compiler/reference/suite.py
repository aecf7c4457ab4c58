"""The suite: a page of what each named task asks and costs, and what `smolc explain` says of one."""

from __future__ import annotations

from smolc.compiler.model.suite import SUITE, Entry
from smolc.compiler.reference.page_of_block import table

ABOUT = """# The suite

Tasks that an eval can name in `tasks`. Tokens are what a model generates for all problems with the `avg` that the
playbook takes, about: problems x samples x tokens of a typical answer; a reasoning model takes many times as many. A copy
of the data can be given with `file`."""

SCORED = {
    "suite": "lm-eval's task `{task}`, by its metric `{metric}`",
    "code": "programs run against the tests of their problem; rows as {dialect} publishes them",
    "tools": "calls compared with the possible ones, as BFCL publishes them",
    "instructions": "constraints checked by programs; right if all of them are kept",
    "needle": "the number has to be in the answer, and no other; generated with `refresh` as seed",
    "fresh": "the last number of the answer; {variant} with `refresh` as seed",
    "judged": "by the eval's judge ({style})",
}


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


def find(name: str) -> str | None:
    """What `smolc explain` prints."""
    entry = SUITE.get(name.lower())
    return None if entry is None else f"# {name.lower()}: {entry.about}\n\n{_facts(entry)}\n"


def _facts(entry: Entry) -> str:
    lines = [f"- Measures: {entry.family}.", f"- Scored: {_scored(entry)}."]
    lines += [f"- Data: {_data(entry)}, {entry.licence}."]
    lines += [f"- Costs: {_cost(entry)}."]
    if entry.strata:
        lines += [f"- `subset` keeps the shares of the column `{entry.strata}`."]
    if entry.needs:
        lines += [f"- Needs: {entry.needs}."]
    return "\n".join(lines)


def _scored(entry: Entry) -> str:
    return SCORED[entry.type].format(
        task=entry.task,
        metric=entry.metric,
        dialect=entry.dialect,
        variant=entry.variant,
        style=entry.style,
    )


def _data(entry: Entry) -> str:
    if entry.type == "suite":
        return f"where lm-eval says `{entry.task}` lies"
    if not entry.hub:
        return "made by smolc"
    config = f" ({entry.config})" if entry.config else ""
    return f"`{entry.hub}`{config} on the hub, split `{entry.split}`"


def _cost(entry: Entry) -> str:
    if entry.type == "needle":
        return f"{entry.problems} problems for each length and depth, about {entry.tokens} tokens each"
    if not entry.tokens:
        return f"{entry.problems:,} problems, no token generated: likelihoods of the choices"
    tokens = entry.problems * entry.k * entry.tokens
    times = f" x {entry.k} samples" if entry.k > 1 else ""
    total = f"{tokens / 1e6:.1f}M" if tokens >= 1e6 else f"{tokens / 1e3:.0f}K"
    return f"{entry.problems:,} problems{times} x about {entry.tokens:,} tokens = {total} tokens"
