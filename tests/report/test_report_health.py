from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fake_folder import fake_folder

from smolc.runtime.execute.outcome import in_short
from smolc.runtime.jobs.manifest import read_manifest
from smolc.runtime.report.health import health_of, log_probabilities, measured_of, words_of
from smolc.runtime.report.run import render

MEASURED = {
    "pairs": 64,
    "paired": True,
    "chosen_tokens": 7.8,
    "rejected_tokens": 8.8,
    "start": {"chosen": -0.23, "rejected": -11.2, "likelier": 0.97},
    "trained": {"chosen": -0.32, "rejected": -12.2, "likelier": 1.0},
    "margin": 8.435,
    "preferred": 0.9375,
    "kl_chosen": 0.038,
    "kl_rejected": 0.075,
    "answers": {
        "prompts": 16,
        "room": 18,
        "chosen": 7.8,
        "start": {"tokens": 7.8, "stopped": 1.0},
        "trained": {"tokens": 12.4, "stopped": 0.5},
    },
}
SAID = [
    {"word": "does not stop", "text": "Answers no longer end by themselves.", "bad": True},
    {"word": "", "text": "Only 12 held-out pairs.", "bad": False},
]
RESULT = {"health": {"measured": MEASURED, "why_not": None, "said": SAID}}


def test_the_numbers_stand_beside_those_of_the_start_model() -> None:
    health = health_of(RESULT)
    assert health is not None
    rows = {what.partition(" (")[0]: (before, after) for what, before, after in health.rows}
    assert rows == {
        "chosen answer likelier, a token": ("97.0%", "100.0%"),
        "chosen answer gained on the rejected one": ("", "93.8%"),
        "margin, nats an answer": ("", "8.4350"),
        "log-probability of chosen answers, a token": ("-0.2300", "-0.3200"),
        "log-probability of rejected answers, a token": ("-11.20", "-12.20"),
        "KL to the start model on chosen answers, nats a token": ("", "0.0380"),
        "KL to the start model on rejected answers, nats a token": ("", "0.0750"),
        "own answers, tokens": ("7.8", "12.4"),
        "own answers that stop within 18 tokens": ("100.0%", "50.0%"),
    }
    assert health.said == ((SAID[0]["text"], True), (SAID[1]["text"], False))
    assert words_of(RESULT) == "does not stop"
    assert measured_of(RESULT, "kl_chosen") == 0.038


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"health": None},
        {"health": []},
        {"health": {"said": []}},
        {"health": {"said": [None, 3]}},
        {"health": {"measured": 5, "said": SAID}},
        {"health": {"measured": {"start": 1, "answers": []}, "said": SAID}},
        {"health": {"measured": {"pairs": "many", "margin": float("nan")}, "said": [{"text": None}]}},
    ],
)
def test_what_is_damaged_is_left_out(result: dict[str, Any]) -> None:
    health = health_of(result)
    assert health is None or all(len(row) == 3 for row in health.rows)
    assert measured_of(result, "preferred") is None
    assert isinstance(words_of(result), str)


def test_curves_begin_at_the_start_model() -> None:
    curve = [
        {"step": 5, "loss": 0.6},
        *(
            {"step": s, "eval_logps/chosen_per_token": -s, "eval_logps/rejected_per_token": -2 * s}
            for s in (5, 10)
        ),
    ]
    series, note = log_probabilities(curve, RESULT)
    assert [(s.name, list(s.points)) for s in series] == [
        ("chosen", [(0.0, -0.23), (5.0, -5.0), (10.0, -10.0)]),
        ("rejected", [(0.0, -11.2), (5.0, -10.0), (10.0, -20.0)]),
    ]
    assert note == "Step 0: the start model."
    series, note = log_probabilities(curve, {})
    assert series[0].points[0] == (5.0, -5.0) and note == ""
    assert log_probabilities([], RESULT) == ([], "")


def text_of(page: str) -> str:
    page = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_the_page_says_what_went_wrong(tmp_path: Path) -> None:
    folder = fake_folder(tmp_path)
    folder.finish()
    place = tmp_path / "out/dpo"
    result = json.loads((place / "result.json").read_text())
    hostile = {"word": "<b>", "text": "<script>alert(1)</script>", "bad": True}
    health = RESULT["health"] | {"said": [*SAID, hostile]}
    (place / "result.json").write_text(json.dumps(result | {"health": health}))
    with (place / "metrics.jsonl").open("a") as file:
        file.write(
            '{"step": 60, "eval_logps/chosen_per_token": -0.3, "eval_logps/rejected_per_token": -12}\n'
        )
    entry = next(e for e in read_manifest(tmp_path).jobs if e.id == "dpo")
    assert in_short(tmp_path, entry).endswith("tok/s   does not stop, <b>")
    page = render(tmp_path)
    text = text_of(page)
    assert "⚠ Answers no longer end by themselves." in text
    assert "Log-probability of held-out chosen and rejected answers Step 0: the start model." in text
    assert "KL to the start model on chosen answers, nats a token 0.0380" in text
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page
