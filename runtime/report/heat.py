"""A grid over two things as a map: one cell a run, its value written in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from smolc.runtime.report.outputs import number
from smolc.runtime.report.svg import path, picture, rectangle, text
from smolc.runtime.report.text import clean, decimal, label, setting

SHADES = 8
"""Classes h0 ... h7 of one hue: they differ in lightness alone, so that they are told apart without seeing colours, and on
paper."""
MOST_MAPS = 6
LEADING = "lr", "beta"
"""What is on the axes, if it was varied: x, y."""


@dataclass(frozen=True)
class Cell:
    """value: None where there is none, and `mark` says why. runs: values that it is the mean of."""

    value: float | None
    mark: str = ""
    winner: bool = False
    runs: int = 1


@dataclass(frozen=True)
class Map:
    """cells[y][x]; None where nothing was tried. rest: what else was varied, and is the same in all cells."""

    x: str
    y: str
    xs: tuple[Any, ...]
    ys: tuple[Any, ...]
    cells: tuple[tuple[Cell | None, ...], ...]
    rest: str


Tried = Sequence[tuple[dict[str, Any], Cell]]


def maps_of(tried: Tried) -> list[Map]:
    """tried: what was set in each run, and its cell. A map needs two things that were varied; what was varied beside them
    makes a map each, but runs that differ in their seed alone are one cell. None if that would be too many maps."""
    keys = [k for k in dict.fromkeys(k for values, _ in tried for k in values) if _last(k) != "seed"]
    varied = [k for k in keys if len({setting(values.get(k)) for values, _ in tried}) > 1]
    if len(varied) < 2:
        return []
    by_rank = sorted(varied, key=lambda k: (_rank(k), varied.index(k)))
    x, y = by_rank[0], by_rank[1]
    others = [k for k in varied if k not in (x, y)]
    groups: dict[str, list[tuple[dict[str, Any], Cell]]] = {}
    for values, cell in tried:
        rest = ", ".join(f"{label(_last(k))} = {setting(values.get(k))}" for k in others)
        groups.setdefault(rest, []).append((values, cell))
    if len(groups) > MOST_MAPS:
        return []
    xs, ys = (_ordered([values.get(k) for values, _ in tried]) for k in (x, y))
    made = []
    for rest, some in groups.items():
        cells = tuple(
            tuple(_joined([c for v, c in some if v.get(x) == at_x and v.get(y) == at_y]) for at_x in xs)
            for at_y in ys
        )
        made.append(Map(_last(x), _last(y), xs, ys, cells, rest))
    return made


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def _rank(key: str) -> int:
    return LEADING.index(_last(key)) if _last(key) in LEADING else len(LEADING)


def _ordered(values: Sequence[Any]) -> tuple[Any, ...]:
    """Numbers by size, others as they were written; each once."""
    found = list(dict.fromkeys(values))
    if all(number(v) is not None for v in found):
        found.sort(key=float)
    return tuple(found)


def _joined(cells: list[Cell]) -> Cell | None:
    if len(cells) < 2:
        return cells[0] if cells else None
    scored = [c.value for c in cells if c.value is not None]
    without = len(cells) - len(scored)
    mark = f"{without} of {len(cells)} {next(c.mark for c in cells if c.value is None)}" if without else ""
    winner = any(c.winner for c in cells)
    return Cell(sum(scored) / len(scored) if scored else None, mark, winner, len(scored))


WIDTH, TOP, LEFT, ROW, BOTTOM = 520.0, 22.0, 92.0, 50.0, 38.0


def heat_map(
    drawn: Map, what: str, *, largest: bool, span: tuple[float, float], said: Callable[[float], str]
) -> Markup:
    """A stronger colour is better: the largest value, or the smallest. span: of all values of all maps beside each other."""
    wide = (WIDTH - LEFT) / len(drawn.xs)
    height = TOP + ROW * len(drawn.ys) + BOTTOM
    parts = [
        text(LEFT, 12, drawn.y, "axis-name", "end"),
        text(WIDTH, height - 6, drawn.x, "axis-name", "end"),
    ]
    # The largest of y at the top, as on an axis; words in the order in which they were written.
    rows = list(zip(drawn.ys, drawn.cells, strict=True))
    if all(number(y) is not None for y in drawn.ys):
        rows.reverse()
    for row, (at_y, cells) in enumerate(rows):
        top = TOP + row * ROW
        parts.append(text(LEFT - 8, top + ROW / 2 + 4, _short(setting(at_y)), "tick", "end"))
        for column, (at_x, cell) in enumerate(zip(drawn.xs, cells, strict=True)):
            left = LEFT + column * wide
            name = f"{drawn.x} = {setting(at_x)}, {drawn.y} = {setting(at_y)}"
            parts += _cell(cell, left, top, wide, name, largest, span, said)
    for column, at_x in enumerate(drawn.xs):
        middle = LEFT + (column + 0.5) * wide
        parts.append(text(middle, TOP + ROW * len(drawn.ys) + 16, _short(setting(at_x)), "tick", "middle"))
    return picture(parts, WIDTH, height, f"{what} by {drawn.x} and {drawn.y}. {_about(drawn, largest, said)}")


def _about(drawn: Map, largest: bool, said: Callable[[float], str]) -> str:
    """The best of the cells, and how many have no value; each cell says its own."""
    placed = [
        (c, x, y)
        for y, row in zip(drawn.ys, drawn.cells, strict=True)
        for c, x in zip(row, drawn.xs, strict=True)
        if c
    ]
    scored = [(c.value, x, y) for c, x, y in placed if c.value is not None]
    if not scored:
        return "No run has a value"
    value, x, y = (max if largest else min)(scored, key=lambda found: found[0])
    best = f"Best: {said(value)} at {drawn.x} = {setting(x)}, {drawn.y} = {setting(y)}"
    return best + (
        f"; {len(placed) - len(scored)} of {len(placed)} without a value" if len(scored) < len(placed) else ""
    )


def _cell(
    cell: Cell | None,
    left: float,
    top: float,
    wide: float,
    name: str,
    largest: bool,
    span: tuple[float, float],
    said: Callable[[float], str],
) -> list[Markup]:
    middle, half = left + wide / 2, top + ROW / 2
    hover = f"{name}: {_in_words(cell, said)}"
    if cell is None:
        return [rectangle(left + 1, top + 1, wide - 2, ROW - 2, "untried", hover)]
    if cell.value is None:
        lines = [[(left + 6, top + a), (left + wide - 6, top + b)] for a, b in ((6, ROW - 6), (ROW - 6, 6))]
        return [
            rectangle(left + 1, top + 1, wide - 2, ROW - 2, "untried", hover),
            *(path(line, "cross thin") for line in lines),
            rectangle(
                middle - 3.6 * len(_short(cell.mark)) - 3,
                half - 9,
                7.2 * len(_short(cell.mark)) + 6,
                18,
                "plate",
            ),
            text(middle, half + 4, _short(cell.mark), "value", "middle"),
        ]
    shade = _shade(cell.value, span, largest)
    dark = " dark" if shade >= SHADES // 2 else ""
    parts = [rectangle(left + 1, top + 1, wide - 2, ROW - 2, f"heat h{shade}", hover)]
    if cell.winner:
        parts.append(rectangle(left + 3, top + 3, wide - 6, ROW - 6, "frame" + dark))
    under = "winner" if cell.winner else _short(cell.mark)
    under = f"mean of {cell.runs}" if not under and cell.runs > 1 else under
    parts.append(text(middle, half + (-2 if under else 4), said(cell.value), f"inner{dark}", "middle"))
    if under:
        parts.append(text(middle, half + 14, under, f"under{dark}", "middle"))
    return parts


def _shade(value: float, span: tuple[float, float], largest: bool) -> int:
    low, high = span
    if high <= low:
        return 1  # all are alike
    part = (value - low) / (high - low)
    return min(SHADES - 1, int((part if largest else 1 - part) * SHADES))


def _in_words(cell: Cell | None, said: Callable[[float], str]) -> str:
    if cell is None:
        return "not tried"
    if cell.value is None:
        return cell.mark
    return ", ".join(w for w in (said(cell.value), cell.mark, "winner" if cell.winner else "") if w)


def _short(words: str) -> str:
    words = clean(words)
    return words if len(words) <= 12 else words[:11] + "…"


def span_of(maps: Sequence[Map]) -> tuple[float, float]:
    """The smallest and the largest value of all cells; (0, 1) if there are none."""
    values = [c.value for m in maps for row in m.cells for c in row if c is not None and c.value is not None]
    return (min(values), max(values)) if values else (0.0, 1.0)


def spread_said(span: tuple[float, float]) -> Callable[[float], str]:
    """How values are written so that those of a map differ: `decimal`, or with as many digits as their spread needs."""
    low, high = span
    if high - low < 1e-3 * max(abs(low), abs(high)):
        return lambda value: f"{value:.6g}"
    return decimal
