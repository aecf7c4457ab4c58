"""A comparison in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from smolc.runtime.report.scored import MARKS, chance, interval, signed
from smolc.runtime.report.text import count, one_line, shorten
from smolc.runtime.report.text import score as shown
from smolc.runtime.results.compare import Against, Comparison, Line
from smolc.runtime.results.evaluated import Score

LOOKS = {"better": "bold green", "worse": "bold red", "same": "dim", "": "bold yellow"}
REFUSED = "NOT COMPARABLE"


def show(found: Comparison, console: Console) -> None:
    names = [one_line(side.name) for side in found.sides]
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for head in ("model", "task", "metric"):
        table.add_column(head, overflow="fold")
    for number, name in enumerate(names):
        table.add_column(name, justify="right", overflow="fold")
        if number:
            table.add_column("difference", justify="right", no_wrap=True)
            table.add_column("p", justify="right", no_wrap=True)
            table.add_column("n", justify="right", no_wrap=True)
    for line in found.lines:
        table.add_row(*_cells(line))
    console.print(table, soft_wrap=not console.is_terminal)
    _line(console, "")
    for text, style in _said(found, names):
        _line(console, text, style)


def _cells(line: Line) -> Iterator[Text]:
    known = [a for a in line.others if a is not None]
    in_percent = all(score.is_share for a in known for score in (a.first, a.other))
    models = list(dict.fromkeys([line.model, *(a.other.model for a in known)]))
    yield Text(" / ".join(map(one_line, models)))
    yield Text(one_line(line.task))
    yield Text(one_line(known[0].first.metric), "dim")
    yield _score(known[0].first, in_percent)
    for against in line.others:
        yield from _against(against, in_percent)


def _against(against: Against | None, in_percent: bool) -> Iterator[Text]:
    if against is None:
        yield from (Text("–", "dim") for _ in range(4))
        return
    yield _score(against.other, in_percent)
    away = against.difference
    if away is None:
        yield Text(REFUSED, LOOKS[""])
        yield from (Text("") for _ in range(2))
        return
    mark = MARKS[against.verdict] + " " if against.p is not None else ""
    spread = interval(away.low, away.high, in_percent, sign=True)
    yield Text(f"{mark}{signed(away.value, in_percent)} {spread}".rstrip(), LOOKS[against.verdict])
    yield Text(chance(against.p), "dim")
    yield Text("–" if away.n is None else count(away.n), "dim")


def _score(score: Score, in_percent: bool) -> Text:
    spread = interval(score.low, score.high, in_percent)
    return Text.assemble(shown(score.value, in_percent), (f" {spread}" if spread else "", "dim"))


def _said(found: Comparison, names: list[str]) -> Iterator[tuple[str, str]]:
    """Reasons and warnings once, with all that they are about."""
    for refused, style in ((True, LOOKS[""]), (False, "dim")):
        for number, name in enumerate(names[1:]):
            by_words: dict[str, list[str]] = {}
            for line in found.lines:
                against = line.others[number]
                if against is None:
                    continue
                for words in against.about.reasons if refused else against.about.warnings:
                    by_words.setdefault(words, []).append(f"{line.model}.{line.task}")
            pair = f"{names[0]} and {name}"
            for words, about in by_words.items():
                what = shorten(one_line(", ".join(about)), 200)
                if refused:
                    yield f"{REFUSED}: {what} of {pair}: {one_line(words)}", style
                else:
                    yield f"note: {one_line(words)} ({what})", style
    for name, missing in zip(names, found.missing, strict=True):
        if missing:
            yield f"not in {name}: {shorten(one_line(', '.join(missing)), 400)}", "dim"
    if found.tested:
        times = f"{found.tested} comparison{'s' if found.tested != 1 else ''}"
        yield (
            f"▲ better, ▼ worse, ≈ no more than chance (p < 0.05; {times}, adjusted after Holm; paired bootstrap over "
            "the n problems, – where only the errors of both scores are known). In brackets: 95% intervals.",
            "dim",
        )


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style), soft_wrap=not console.is_terminal)
