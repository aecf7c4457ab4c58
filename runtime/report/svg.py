"""The few SVG shapes that the charts are made of. All text is cleaned and escaped; `said` is shown on
hover."""

from __future__ import annotations

from markupsafe import Markup

from smolc.runtime.report.text import label


def text(x: float, y: float, words: str, style: str, anchor: str) -> Markup:
    """`anchor`: start, middle or end."""
    shape = Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
    return shape.format(style, x, y, anchor, label(words))


def circle(x: float, y: float, radius: float, style: str, said: str = "") -> Markup:
    shape = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{:g}">{}</circle>')
    return shape.format(style, x, y, radius, _title(said))


def rectangle(x: float, y: float, width: float, height: float, style: str, said: str = "") -> Markup:
    shape = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">{}</rect>')
    return shape.format(style, x, y, max(0.0, width), max(0.0, height), _title(said))


def path(places: list[tuple[float, float]], style: str, said: str = "") -> Markup:
    """Straight lines through `places`."""
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    return Markup('<path class="{}" d="M{}">{}</path>').format(style, line, _title(said))


def picture(parts: list[Markup], width: float, height: float, about: str) -> Markup:
    """about: what a screen reader says."""
    head = Markup('<svg class="chart" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">')
    return head.format(width, height, label(about)) + Markup("").join(parts) + Markup("</svg>")


def _title(said: str) -> Markup:
    return Markup("<title>{}</title>").format(label(said)) if said else Markup("")
