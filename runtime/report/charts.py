"""Charts as inline SVG. Every function is pure and returns markup in which all text is escaped.

Colours are classes (`c0` ... `c7`, `rest`), so that the style sheet can change them for dark screens and
print."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from smolc.runtime.report.scale import Scale, scale_over, shows, tick_text
from smolc.runtime.report.svg import circle, path, picture, rectangle, text
from smolc.runtime.report.text import clean, count, percent

WIDTH, HEIGHT = 520.0, 270.0
TOP, BOTTOM, LEFT = 26.0, 40.0, 46.0
# Points of a line on a screen this wide; more are thinned out.
MOST_POINTS = 400
COLOURS = 8
ROOM = 22
"""Characters of a name at the end of a line."""
Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line, or (dots) separate points. `strong` is drawn heavier; `lost` ends in a cross. Points with values that
    are not finite are left out."""

    name: str
    points: Sequence[Point]
    colour: int
    dots: bool = False
    strong: bool = False
    lost: bool = False


@dataclass(frozen=True)
class Frame:
    """The plot area of one chart."""

    x: Scale
    y: Scale
    right: float

    def px(self, value: float) -> float:
        return LEFT + self.x.at(value) * (WIDTH - LEFT - self.right)

    def py(self, value: float) -> float:
        return HEIGHT - BOTTOM - self.y.at(value) * (HEIGHT - TOP - BOTTOM)

    def holds(self, point: Point) -> bool:
        return shows(point[0], self.x.log) and shows(point[1], self.y.log)


def line_chart(
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    zero: bool = False,
    about: str = "",
) -> Markup:
    """Lines and dots over a common pair of axes; where there are several lines, each is named at its end.
    about: what a screen reader says."""
    frame = Frame(
        scale_over((x for s in series for x, _ in s.points), log_x, tight=True),
        scale_over((y for s in series for _, y in s.points), log_y, zero),
        _label_room([s.name for s in series if not s.dots]),
    )
    parts = _axes(frame, x_label, y_label)
    ends: list[tuple[float, float, str, str]] = []
    for s in sorted(series, key=lambda s: (s.dots, s.strong)):
        points = thinned([p for p in s.points if frame.holds(p)])
        if not points:
            continue
        style = f"c{s.colour % COLOURS}{' strong' if s.strong else ''}"
        places = [(frame.px(x), frame.py(y)) for x, y in points]
        if s.dots:
            marks = zip(places, points, strict=True)
            parts += [circle(*at, 3.5, f"dot {style}", f"{s.name}: {y:.4g}") for at, (_, y) in marks]
            continue
        parts.append(path(places, f"line {style}", s.name))
        if len(places) == 1:
            parts.append(circle(*places[0], 3, f"dot {style}", s.name))
        if s.lost:
            parts += _cross(*places[-1], s.name)
        ends.append((*places[-1], s.name, style))
    if len(ends) > 1:
        parts += _end_labels(ends)
    return picture(parts, WIDTH, HEIGHT, about or f"{y_label} over {x_label}")


def grid_plot(
    points: Sequence[tuple[float, float | None, str]],
    winner: int | None,
    x_label: str,
    y_label: str,
    *,
    log_x: bool = True,
    about: str = "",
    apart: Collection[int] = (),
) -> Markup:
    """Score against what was varied: (value, score, label) of each run, in the colours that `Series` with
    these indices have. A run without a score is a cross at the top. apart: indices of runs whose score is of another
    time than the others' (they were stopped): crosses where they were."""
    shown = [y for _, y, _ in points if y is not None and shows(y)]
    ended = [p for i, p in enumerate(points) if i not in apart]
    scored = [(x, y) for x, y, _ in ended if y is not None and shows(y)]
    frame = Frame(scale_over((x for x, _, _ in points), log_x), scale_over(shown), 18.0)
    # The runs are the ticks: nothing between them was tried.
    values = sorted({x for x, _, _ in points if shows(x, log_x)})
    parts = _axes(frame, x_label, y_label, values if len(values) <= 7 else None)
    ordered = [(frame.px(x), frame.py(y)) for x, y in sorted(scored) if frame.holds((x, y))]
    if len(ordered) > 1:
        parts.append(path(ordered, "thread"))
    for index, (x, y, label) in enumerate(points):
        if not frame.holds((x, 1.0 if y is None else y)):
            continue
        px, colour = frame.px(x), f"c{index % COLOURS}"
        if y is None:
            parts += _cross(px, TOP + 8, label)
            parts.append(text(px, TOP + 27, label, "note", "end" if px > WIDTH - 70 else "middle"))
            continue
        py = frame.py(y)
        if index in apart:
            parts += _cross(px, py, f"{label}: {y:.4g}")
            parts.append(_value_label(px, py, f"{y:.4g} · stopped"))
            continue
        if index == winner:
            parts.append(circle(px, py, 8.5, f"ring {colour}"))
        parts.append(circle(px, py, 4.5, f"dot {colour}", f"{label}: {y:.4g}"))
        parts.append(_value_label(px, py, f"{y:.4g}" + (" · winner" if index == winner else "")))
    return picture(parts, WIDTH, HEIGHT, about or f"{y_label} against {x_label}")


def share_bars(rows: Sequence[tuple[str, Sequence[tuple[str, float]]]], about: str = "") -> Markup:
    """Stacked bars, one a row: (what the bar is, [(part, share)]). All rows have the same parts in the same
    order; from the eighth on they share one colour. Shares are brought to a sum of 1."""
    height, step, bar = 8.0 + 44.0 * len(rows), 44.0, 20.0
    parts: list[Markup] = []
    for index, (name, shares) in enumerate(rows):
        y = 18.0 + index * step
        parts.append(text(0, y - 5, name, "row", "start"))
        whole = sum(max(0.0, s) for _, s in shares) or 1.0
        x = 0.0
        for place, (part, share) in enumerate(shares):
            width = max(0.0, share) / whole * WIDTH
            colour = f"c{place}" if place < COLOURS - 1 else "rest"
            said = f"{part}: {percent(share / whole)}"
            parts.append(rectangle(x, y, width - 1.5, bar, f"part {colour}", said))
            if width > 46:
                parts.append(text(x + 7, y + 14.5, percent(share / whole), "inside", "start"))
            x += width
    return picture(parts, WIDTH, height, about or "shares")


def histogram(
    edges: Sequence[float],
    counts: Sequence[float],
    x_label: str,
    y_label: str,
    *,
    mark: tuple[float, str] | None = None,
    about: str = "",
) -> Markup:
    """`counts[i]` are those between `edges[i]` and `edges[i + 1]`, by ratios if all edges are above 0. mark: a value to
    draw a line at, and what it is called; left out if it is not within the edges."""
    most = max([*counts, 0.0]) or 1.0
    log = edges[0] > 0
    frame = Frame(Scale(edges[0], edges[-1], log), Scale(0.0, most * 1.06), 12.0)
    ticks = list(edges[:: math.ceil(len(edges) / 7)]) if log else None
    parts = _axes(frame, x_label, y_label, ticks, [count(t) for t in ticks or ()])
    for low, high, number in zip(edges, edges[1:], counts, strict=False):
        left, right, top = frame.px(low), frame.px(high), frame.py(number)
        said = f"{count(low)} to {count(high)}: {count(number)}"
        style = "bar over" if mark is not None and low >= mark[0] else "bar"
        wide = max(1.5, right - left) - 1
        parts.append(rectangle(left + 0.5, top, wide, HEIGHT - BOTTOM - top, style, said))
    if mark is not None and edges[0] <= mark[0] <= edges[-1]:
        x = frame.px(mark[0])
        parts.append(path([(x, TOP - 18), (x, HEIGHT - BOTTOM)], "mark", mark[1]))
        right = x < WIDTH / 2
        parts.append(text(x + (6 if right else -6), TOP - 8, mark[1], "note", "start" if right else "end"))
    return picture(parts, WIDTH, HEIGHT, about or f"{y_label} by {x_label}")


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most about `most` points in the same order; the lowest and highest of each run of points stay, so
    that no spike is lost."""
    if len(points) <= most:
        return list(points)
    size = math.ceil(2 * len(points) / most)
    kept: list[Point] = [points[0]]
    for start in range(0, len(points), size):
        run = range(start, min(start + size, len(points)))
        low, high = min(run, key=lambda i: points[i][1]), max(run, key=lambda i: points[i][1])
        kept += [points[i] for i in sorted({low, high})]
    return [*kept, points[-1]]


def _cross(x: float, y: float, said: str) -> list[Markup]:
    low, high = y - 4, y + 4
    return [path([(x - 4, a), (x + 4, b)], "cross", said) for a, b in ((low, high), (high, low))]


def _value_label(px: float, py: float, said: str) -> Markup:
    """Above a dot; beside it where there is no room above; never out of the picture."""
    if py < TOP + 26:
        right = px < WIDTH / 2
        return text(px + (11 if right else -11), py + 4, said, "value", "start" if right else "end")
    side = "start" if px < LEFT + 40 else "end" if px > WIDTH - 70 else "middle"
    return text(px, py - 14, said, "value", side)


def _label_room(names: Sequence[str]) -> float:
    longest = max((len(clean(n)) for n in names), default=0) if len(names) > 1 else 0
    return 16 + 6.4 * min(longest, 22)


def _end_labels(ends: list[tuple[float, float, str, str]]) -> list[Markup]:
    """Names at the ends of lines, moved apart where they would touch."""
    gap, parts, last = 14.0, [], -math.inf
    ordered = sorted(ends, key=lambda e: e[1])
    places = []
    for _, y, *_ in ordered:
        last = max(y, last + gap)
        places.append(last)
    limit = HEIGHT - BOTTOM + 4
    for i in range(len(places) - 1, -1, -1):
        places[i] = min(places[i], limit)
        limit = places[i] - gap
    for (x, _, name, style), y in zip(ordered, places, strict=True):
        parts.append(text(x + 8, y + 4, _short(clean(name)), f"name {style}", "start"))
    return parts


def _short(name: str) -> str:
    """Of what was varied (`lr = 1e-3, beta = 0.3`) the values tell runs apart."""
    if len(name) > ROOM:
        name = ", ".join(part.rpartition(" = ")[2] for part in name.split(", "))
    return name if len(name) <= ROOM else name[: ROOM - 1] + "…"


def _axes(
    frame: Frame,
    x_label: str,
    y_label: str,
    x_ticks: list[float] | None = None,
    x_words: Sequence[str] = (),
) -> list[Markup]:
    """x_words: what is written at `x_ticks`, if not their numbers."""
    parts = []
    right, bottom = WIDTH - frame.right, HEIGHT - BOTTOM
    y_ticks = frame.y.ticks(4)
    for tick in y_ticks:
        y = frame.py(tick)
        parts.append(path([(LEFT, y), (right, y)], "rule"))
        parts.append(text(LEFT - 7, y + 4, tick_text(tick, y_ticks), "tick", "end"))
    ticks = frame.x.ticks(5) if x_ticks is None else x_ticks
    parts.append(path([(LEFT, bottom), (right, bottom)], "axis"))
    for tick, words in zip(ticks, x_words or [tick_text(tick, ticks) for tick in ticks], strict=True):
        parts.append(text(frame.px(tick), bottom + 17, words, "tick", "middle"))
    parts.append(text(0, 13, y_label, "axis-name", "start"))
    parts.append(text(right, HEIGHT - 6, x_label, "axis-name", "end"))
    return parts
