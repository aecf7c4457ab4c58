"""How a preference run went: what went wrong in words, and the numbers behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smolc.runtime.report.charts import Point, Series
from smolc.runtime.report.outputs import mapping, number, objects
from smolc.runtime.report.text import clean, count, decimal, label, percent, shorten

PER_TOKEN = "eval_logps/{}_per_token"
NOTE = (
    "KL(trained | start) is exact at each position of held-out answers; on answers that the model itself would give it "
    "is another number."
)


@dataclass(frozen=True)
class Health:
    """said: sentences, and whether one is bad. rows: what, of the start model, of the trained one."""

    said: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[str, str, str], ...]
    note: str


def _sentence(text: Any) -> str:
    """One of words.py's, whole."""
    return shorten(clean(str(text)[:2000]), 1000)


def health_of(result: dict[str, Any]) -> Health | None:
    """None if the run says nothing of it: other methods, or none of its own."""
    health = mapping(result.get("health"))
    said = tuple((_sentence(f.get("text")), f.get("bad") is True) for f in objects(health.get("said")))
    if not said:
        return None
    rows = tuple(_rows(mapping(health.get("measured"))))
    return Health(said, rows, NOTE if rows else "")


def words_of(result: dict[str, Any]) -> str:
    """What went wrong, for a table's cell."""
    bad = (f for f in objects(mapping(result.get("health")).get("said")) if f.get("bad") is True)
    return ", ".join(label(str(f.get("word"))) for f in bad)


def measured_of(result: dict[str, Any], key: str) -> float | None:
    """`preferred`: the share of held-out pairs whose chosen answer gained on the rejected one; `kl_chosen`."""
    return number(mapping(mapping(result.get("health")).get("measured")).get(key))


def _rows(measured: dict[str, Any]) -> list[tuple[str, str, str]]:
    if not measured:
        return []
    sides = [mapping(measured.get(side)) for side in ("start", "trained")]
    answers = mapping(measured.get("answers"))
    spoken = [mapping(answers.get(side)) for side in ("start", "trained")]
    pairs = number(measured.get("pairs")) or 0
    of = (
        f"{count(pairs)} held-out pairs"
        if measured.get("paired") is True
        else f"{count(pairs)} good and bad answers each"
    )

    def both(name: str, key: str, values: list[dict[str, Any]], how: Any) -> tuple[str, str, str]:
        first, second = (number(v.get(key)) for v in values)
        return (name, "–" if first is None else how(first), "–" if second is None else how(second))

    def trained(name: str, key: str, how: Any) -> tuple[str, str, str]:
        value = number(measured.get(key))
        return (name, "", "–" if value is None else how(value))

    rows = [
        both(f"chosen answer likelier, a token ({of})", "likelier", sides, percent),
        trained("chosen answer gained on the rejected one", "preferred", percent),
        trained("margin, nats an answer (times beta: the reward margin)", "margin", decimal),
        both("log-probability of chosen answers, a token", "chosen", sides, decimal),
        both("log-probability of rejected answers, a token", "rejected", sides, decimal),
        trained("KL to the start model on chosen answers, nats a token", "kl_chosen", decimal),
        trained("KL to the start model on rejected answers, nats a token", "kl_rejected", decimal),
    ]
    if answers:
        prompts, room = (number(answers.get(k)) or 0 for k in ("prompts", "room"))
        data = number(answers.get("chosen"))
        beside = "" if data is None else f"; chosen ones have {data:.0f}"
        rows += [
            both(
                f"own answers, tokens ({count(prompts)} prompts, greedy{beside})",
                "tokens",
                spoken,
                lambda n: f"{n:.1f}",
            ),
            both(f"own answers that stop within {count(room)} tokens", "stopped", spoken, percent),
        ]
    return rows


def log_probabilities(curve: list[dict[str, Any]], result: dict[str, Any]) -> tuple[list[Series], str]:
    """Of held-out chosen and rejected answers, over steps, and a note; from the start model's on, if it was measured."""
    before = mapping(mapping(mapping(result.get("health")).get("measured")).get("start"))
    series = []
    for colour, side in enumerate(("chosen", "rejected")):
        points: list[Point] = []
        for row in curve:
            step, value = number(row.get("step")), number(row.get(PER_TOKEN.format(side)))
            if step is not None and value is not None:
                points.append((step, value))
        if not points:
            return [], ""
        first = number(before.get(side))
        series.append(Series(side, [(0.0, first), *points] if first is not None else points, colour))
    return series, "Step 0: the start model." if before else ""
