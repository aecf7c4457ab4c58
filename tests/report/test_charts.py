from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from markupsafe import Markup

from smolc.runtime.report.charts import (
    HEIGHT,
    WIDTH,
    Series,
    grid_plot,
    histogram,
    line_chart,
    share_bars,
    thinned,
)
from smolc.runtime.report.scale import Scale, scale_over, tick_text

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


def texts(svg: Markup) -> list[str]:
    return [t.text or "" for t in ET.fromstring(svg).iter("text")]


def inside(svg: Markup) -> bool:
    """Every circle is within the picture."""
    circles = ET.fromstring(svg).iter("circle")
    return all(0 <= float(c.attrib["cx"]) <= WIDTH and 0 <= float(c.attrib["cy"]) <= HEIGHT for c in circles)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=20), st.booleans(), st.booleans())
def test_any_numbers_make_a_chart(points: list[tuple[float, float]], log_x: bool, log_y: bool) -> None:
    svg = line_chart(
        [Series("a", points, 0, dots=True), Series("b", points, 1)], "x", "y", log_x=log_x, log_y=log_y
    )
    assert inside(svg)
    assert not re.search(r"\b(nan|inf)\b", str(svg))


@given(st.lists(st.tuples(NUMBERS, st.none() | NUMBERS, st.text(max_size=5)), max_size=8), st.booleans())
def test_any_grid_makes_a_plot(points: list[tuple[float, float | None, str]], log_x: bool) -> None:
    assert inside(grid_plot(points, 0, "x", "y", log_x=log_x))


def test_lines_are_named_at_their_ends_apart_from_each_other() -> None:
    series = [Series(f"run {i}", [(0, 1), (10, 0.5 + i / 1000)], i) for i in range(4)]
    found = ET.fromstring(line_chart(series, "step", "loss"))
    places = sorted(float(t.attrib["y"]) for t in found.iter("text") if (t.text or "").startswith("run"))
    assert len(places) == 4
    assert all(b - a >= 13 for a, b in pairwise(places))


def test_one_line_needs_no_name() -> None:
    assert "only" not in texts(line_chart([Series("only", [(0, 1), (1, 2)], 0)], "step", "loss"))


def test_the_winner_is_ringed_and_a_run_without_a_score_is_crossed() -> None:
    svg = grid_plot([(1e-4, 2.0, "a"), (1e-3, 1.0, "b"), (1e-2, None, "diverged")], 1, "lr", "loss")
    assert "1 · winner" in texts(svg)
    assert "diverged" in texts(svg)
    assert str(svg).count('class="ring') == 1
    assert [t for t in texts(svg) if t in ("1e-4", "1e-3", "0.01", "1e-2")] == ["1e-4", "1e-3", "0.01"]


def test_shares_fill_the_bar() -> None:
    svg = share_bars([("declared", [("a", 3.0), ("b", 1.0)])])
    bars = [float(r.attrib["width"]) for r in ET.fromstring(svg).iter("rect")]
    assert bars[0] / bars[1] == pytest.approx(3, rel=0.02)
    assert texts(svg) == ["declared", "75.0%", "25.0%"]


def test_bars_are_as_high_as_their_counts() -> None:
    svg = histogram([0, 10, 20], [5, 10], "tokens", "rows")
    heights = [float(r.attrib["height"]) for r in ET.fromstring(svg).iter("rect")]
    assert heights[1] == pytest.approx(2 * heights[0], abs=0.2)


def test_lengths_stand_by_ratios_and_the_limit_is_drawn() -> None:
    svg = histogram([64, 128, 256, 512], [5, 10, 1], "tokens", "rows", mark=(256, "length 256"))
    tree = ET.fromstring(svg)
    bars = list(tree.iter("rect"))
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert widths == pytest.approx([widths[0]] * 3, abs=0.2)
    assert [bar.attrib["class"] for bar in bars] == ["bar", "bar", "bar over"]
    assert "length 256" in texts(svg)
    line = next(e for e in tree.iter("path") if e.attrib["class"] == "mark")
    at = float(line.attrib["d"].removeprefix("M").split()[0])
    assert at == pytest.approx(float(bars[2].attrib["x"]), abs=0.6)
    assert "length 9" not in texts(histogram([64, 128], [5], "tokens", "rows", mark=(9, "length 9")))


@pytest.mark.parametrize("name", ["<script>", "]]>", '"><g onload=x>', "&amp;", "\x00\x1b[2J"])
def test_names_stay_text(name: str) -> None:
    parts = [(name, 1.0)]
    for svg in (
        line_chart([Series(name, [(0, 1), (1, 2)], i) for i in range(2)], name, name),
        grid_plot([(1.0, 1.0, name), (2.0, None, name)], 0, name, name),
        share_bars([(name, parts)]),
        histogram([0, 1], [1], name, name, mark=(1, name), about=name),
    ):
        tree = ET.fromstring(svg)
        assert {e.tag for e in tree.iter()} <= {"svg", "g", "path", "circle", "rect", "text", "title"} - {"g"}


def test_long_curves_are_thinned_without_losing_a_spike() -> None:
    points = [(float(i), math.sin(i / 500)) for i in range(50_000)]
    points[31_234] = (31_234.0, 99.0)
    kept = thinned(points)
    assert len(kept) <= 450
    assert (31_234.0, 99.0) in kept
    assert kept == sorted(kept)


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(2, 8))
def test_ticks_are_inside_and_a_few(low: float, size: float, about: int) -> None:
    assume(size > 1e-9 * abs(low))
    ticks = Scale(low, low + size).ticks(about)
    assert 1 <= len(ticks) <= 2 * about + 2
    assert all(low - 1e-6 * size <= t <= low + size * (1 + 1e-6) for t in ticks)


@pytest.mark.parametrize(
    ("values", "log", "said"),
    [
        ((0.0, 1.0), False, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ((0, 240), False, ["0", "50", "100", "150", "200", "250"]),
        ((0, 40_000), False, ["0", "10k", "20k", "30k", "40k"]),
        ((1e-5, 1e-2), True, ["1e-5", "1e-4", "1e-3", "0.01"]),
        ((2.0, 2.0), False, ["1.8", "1.9", "2.0", "2.1", "2.2"]),
    ],
)
def test_ticks_are_numbers_one_would_write(values: tuple[float, float], log: bool, said: list[str]) -> None:
    ticks = scale_over(values, log).ticks(5)
    assert [tick_text(t, ticks) for t in ticks] == said


def test_a_stopped_run_is_a_cross_where_it_was() -> None:
    """And no part of the line between those that ended."""
    points = [(1e-4, 3.0, "a stopped"), (1e-3, 1.0, "b"), (1e-2, 2.0, "c")]
    svg = grid_plot(points, 1, "lr", "loss", apart={0})
    assert svg.count('class="cross"') == 2 and "3 · stopped" in texts(svg)
    assert svg.count('class="dot') == 2 and "1 · winner" in texts(svg)
    thread = next(part for part in svg.split("<path") if 'class="thread"' in part)
    assert thread.split('d="')[1].split('"')[0].count("L") == 1


def test_a_lost_run_ends_in_a_cross() -> None:
    lines = [Series("a", [(0, 1), (1, 2)], 0), Series("b, diverged", [(0, 1), (1, 9)], 1, lost=True)]
    svg = line_chart(lines, "step", "loss", about="in words")
    assert svg.count('class="cross"') == 2 and 'aria-label="in words"' in svg
    assert "b, diverged" in texts(svg)
