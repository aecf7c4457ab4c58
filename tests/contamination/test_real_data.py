"""GSM8K: its test problems among its training problems, as they are and with 50 of them put in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smolc.runtime.contamination.overlap import Overlap

GSM8K = Path(__file__).parents[3] / "shared" / "data" / "gsm8k"


@pytest.mark.skipif(not GSM8K.is_dir(), reason="shared/data/gsm8k is not here")
def test_no_test_problem_of_gsm8k_is_found_but_those_that_are_planted() -> None:
    test, train = (
        [json.loads(line) for line in (GSM8K / name).read_text(encoding="utf-8").splitlines()]
        for name in ("example_model_solutions.jsonl", "train.jsonl")
    )
    made = Overlap(
        ((0, i, row[key]) for i, row in enumerate(test) for key in ("question", "ground_truth")), 13
    )
    assert len(made.compared) == len(test)
    texts = [text for row in train for text in (row["question"], row["answer"])]
    planted = range(0, 1000, 20)
    for at in planted:
        texts[at] = f"PROBLEM: {test[at]['question'].upper().replace('.', ' --')}"
    assert [(match.text, match.problem) for match in made.matches(texts)] == [(at, at) for at in planted]
