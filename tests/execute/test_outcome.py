"""A finished job in a few words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smolc.runtime.execute.outcome import in_short
from smolc.runtime.jobs.manifest import Entry


@pytest.mark.parametrize(
    ("trained", "asked", "said"),
    [
        (1.6, 1.0, "loss 0.5   1.60 epochs of 1: whole steps"),
        (1.04, 1.0, "loss 0.5"),
        (1.6, None, "loss 0.5"),
    ],
)
def test_more_epochs_than_were_asked_for_are_said(
    trained: float, asked: float | None, said: str, tmp_path: Path
) -> None:
    (tmp_path / "out/sft").mkdir(parents=True)
    result = {"train_loss": 0.5, "epochs": trained, "epochs_asked": asked}
    (tmp_path / "out/sft/result.json").write_text(json.dumps(result))
    entry = Entry(id="sft", kind="train", title="t", stage="sft", needs=(), hash="h")
    assert in_short(tmp_path, entry).replace("0.5000", "0.5") == said
