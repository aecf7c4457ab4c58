from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from smolc.runtime.report.grid import _maps
from smolc.runtime.report.heat import Cell, Map, heat_map, maps_of, span_of, spread_said
from smolc.runtime.report.text import decimal

LR, BETA, LOSS = "optim.lr", "method.beta", "method.loss"


def tried(*rows: tuple[dict[str, Any], float | None]) -> list[tuple[dict[str, Any], Cell]]:
    return [(values, Cell(score, "" if score is not None else "diverged")) for values, score in rows]


def grid(**more: Any) -> list[tuple[dict[str, Any], float | None]]:
    """Higher rates score less; the highest diverged at the smallest beta."""
    found: list[tuple[dict[str, Any], float | None]] = []
    for lr in (1e-6, 1e-7, 5e-7):
        for beta in (0.5, 0.01, 0.1):
            score = (
                None
                if (lr, beta) == (1e-6, 0.01)
                else max(0.001, beta - lr * 1e5)
                if beta > 0.01 or lr < 5e-7
                else -0.04
            )
            found.append(({BETA: beta, LR: lr, **more}, score))
    return found


def drawn(maps: list[Map], **how: Any) -> Any:
    return heat_map(maps[0], "score", **{"largest": True, "span": span_of(maps), "said": decimal} | how)


def texts(svg: Any, style: str) -> list[str]:
    return [t.text or "" for t in ET.fromstring(svg).iter("text") if style in t.attrib["class"].split()]


def hovers(svg: Any) -> list[str]:
    return [t.text or "" for t in ET.fromstring(svg).iter("title")]


def shades(svg: Any) -> dict[str, int]:
    """By what is shown on hover."""
    found = {}
    for shape in ET.fromstring(svg).iter("rect"):
        classes = shape.attrib["class"].split()
        if classes[0] == "heat":
            found[shape[0].text or ""] = int(classes[1][1:])
    return found


def test_rates_go_right_and_betas_up_with_every_value_in_its_cell() -> None:
    maps = maps_of(tried(*grid()))
    assert [(m.x, m.y, m.rest) for m in maps] == [("lr", "beta", "")]
    assert maps[0].xs == (1e-7, 5e-7, 1e-6) and maps[0].ys == (0.01, 0.1, 0.5)
    svg = drawn(maps)
    # Row by row from the top, where the largest beta is.
    shown = ["0.4900", "0.4500", "0.4000", "0.0900", "0.0500", "0.0010", "0.0010", "-0.0400"]
    assert texts(svg, "inner") == shown
    assert texts(svg, "tick") == ["0.5", "0.1", "0.01", "1e-7", "5e-7", "1e-6"]


def test_a_run_that_diverged_is_crossed_and_said() -> None:
    svg = drawn(maps_of(tried(*grid())))
    assert texts(svg, "value") == ["diverged"]
    crosses = [p for p in ET.fromstring(svg).iter("path") if "cross" in p.attrib["class"]]
    assert len(crosses) == 2
    assert "lr = 1e-6, beta = 0.01: diverged" in hovers(svg)
    about = "score by lr and beta. Best: 0.4900 at lr = 1e-7, beta = 0.5; 1 of 9 without a value"
    assert ET.fromstring(svg).attrib["aria-label"] == about


@pytest.mark.parametrize("largest", [True, False])
def test_the_better_is_the_darker(largest: bool) -> None:
    found = shades(drawn(maps_of(tried(*grid())), largest=largest))
    best, worst = found["lr = 1e-7, beta = 0.5: 0.4900"], found["lr = 5e-7, beta = 0.01: -0.0400"]
    assert (best, worst) == ((7, 0) if largest else (0, 7))


def test_text_on_dark_cells_is_light() -> None:
    svg = drawn(maps_of(tried(*grid())))
    dark = [t.text for t in ET.fromstring(svg).iter("text") if t.attrib["class"] == "inner dark"]
    assert dark == ["0.4900", "0.4500", "0.4000"]


def test_the_winner_is_framed() -> None:
    runs = tried(*grid())
    runs[3] = (runs[3][0], Cell(0.9, winner=True))
    svg = drawn(maps_of(runs))
    assert texts(svg, "under") == ["winner"]
    assert sum("frame" in r.attrib["class"] for r in ET.fromstring(svg).iter("rect")) == 1


def test_another_thing_that_was_varied_makes_a_map_each_with_one_scale() -> None:
    runs = tried(*grid(**{LOSS: "sigmoid"}), *grid(**{LOSS: "apo_zero"}))
    maps = maps_of(runs)
    assert [m.rest for m in maps] == ["loss = sigmoid", "loss = apo_zero"]
    charts = _maps(runs, "ifeval", True, None)
    assert [c.title for c in charts] == [
        f"Ifeval by lr and beta, loss = {loss}" for loss in ("sigmoid", "apo_zero")
    ]


def test_losses_stand_in_the_order_in_which_they_were_written() -> None:
    lost = (1e-6, 3)
    runs = tried(
        *(
            (
                {LR: lr, BETA: beta, "seed": seed},
                None if (lr, seed) == lost and beta < 0.5 else lr * 1e6 + seed,
            )
            for beta in (0.1, 0.5)
            for lr in (1e-7, 1e-6)
            for seed in (1, 2, 3)
        )
    )
    maps = maps_of(runs)
    low, high = maps[0].cells[0]
    assert low is not None and high is not None
    assert (low.value, low.runs, low.mark) == (pytest.approx(2.1), 3, "")
    assert (high.value, high.runs, high.mark) == (pytest.approx(2.5), 2, "1 of 3 diverged")
    assert "mean of 3" in texts(drawn(maps), "under")


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [({LR: lr}, 1.0) for lr in (1e-7, 1e-6)],
        # The second thing is the same throughout.
        [({LR: lr, BETA: 0.1}, 1.0) for lr in (1e-7, 1e-6)],
        [({LR: 1e-7, "seed": seed}, 1.0) for seed in (1, 2)],
        # Seven maps would be no picture.
        [({LR: lr, BETA: b, LOSS: str(n)}, 1.0) for lr in (1e-7, 1e-6) for b in (0.1, 0.2) for n in range(7)],
    ],
)
def test_what_is_no_map(rows: list[tuple[dict[str, Any], float | None]]) -> None:
    assert maps_of(tried(*rows)) == []


def test_what_was_not_tried_is_empty() -> None:
    maps = maps_of(tried(({LR: 1e-7, BETA: 0.1}, 1.0), ({LR: 1e-6, BETA: 0.5}, 2.0)))
    svg = drawn(maps)
    assert sum(r.attrib["class"] == "untried" for r in ET.fromstring(svg).iter("rect")) == 2
    assert "lr = 1e-6, beta = 0.1: not tried" in hovers(svg)


def test_values_that_hardly_differ_are_told_apart() -> None:
    said = spread_said((0.69312, 0.69315))
    assert said(0.69312) != said(0.69315)
    assert spread_said((0.1, 0.9))(0.5) == "0.5000"
    assert span_of([]) == (0.0, 1.0)


@pytest.mark.parametrize("name", ["<script>", "]]>", '"><g onload=x>', "&amp;", "\x00\x1b[2J", "x" * 300])
def test_words_stay_text(name: str) -> None:
    runs = [
        ({LR: lr, name: value}, Cell(None if value == name else 1.0, name))
        for lr in (1e-7, 1e-6)
        for value in (name, "b")
    ]
    tree = ET.fromstring(drawn(maps_of(runs)))
    assert {e.tag for e in tree.iter()} <= {"svg", "path", "rect", "text", "title"}
