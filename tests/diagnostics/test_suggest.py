from __future__ import annotations

import pytest

from smolc.compiler.diagnostics.suggest import closest

KEYS = [
    "init",
    "method",
    "data",
    "template",
    "packing",
    "batch",
    "length",
    "optim",
    "schedule",
    "parallel",
    "seed",
]


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("bacth", "batch"),
        ("Batch", "batch"),
        ("optimizer", None),
        ("optm", "optim"),
        ("packign", "packing"),
        ("schedul", "schedule"),
        ("sched", "schedule"),
        ("shcedule", "schedule"),
        ("dat", "data"),
        ("data_", "data"),
        ("tempalte", "template"),
        ("x", None),
        ("", None),
        ("-", None),
        ("zzzzzz", None),
        ("lr", None),
        ("metod", "method"),
        ("lenght", "length"),
        ("sed", "seed"),
        ("need", "seed"),
        ("kitchen", None),
    ],
)
def test_closest(word: str, wanted: str | None) -> None:
    assert closest(word, KEYS) == wanted


def test_the_nearest_wins_and_then_the_first() -> None:
    assert closest("gsm8", ["gsm8k", "gsm"]) == "gsm8k"
    assert closest("apo_zro", ["apo_down", "apo_zero"]) == "apo_zero"
    assert closest("sft2", ["sft1", "sft3"]) == "sft1"
    assert closest("best-fit", ["best_fit"]) == "best_fit"
    assert closest("smol", ["smollm2", "smollm3"]) is None
    assert closest("anything", []) is None
