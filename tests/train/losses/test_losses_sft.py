"""Cross entropy of cpt and sft against float64 on 100 random batches: the mean over the trained tokens of an optimiser step,
whatever rows are padded, packed or laid end to end, and whoever computes it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import built
import numpy as np
import pytest
import reference
import varlen_on_cpu
from compiled import pack

from smolc.runtime.train import head, spread
from smolc.runtime.train.attention import varlen

ACCUMULATED = {"micro": 3, "accumulation": 2}


def test_padded_rows(tmp_path: Path) -> None:
    trainer = built.build(tmp_path, built.documents(300), batch=ACCUMULATED)
    assert trainer.own_loss
    built.agree("padded", against_reference(trainer))


def test_padded_rows_whose_loss_is_left_to_trl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "why_not", lambda model, job: "a test")
    trainer = built.build(tmp_path, built.documents(300), batch=ACCUMULATED)
    assert not trainer.own_loss
    built.agree("padded, TRL's loss", against_reference(trainer))


def test_packed_rows(tmp_path: Path) -> None:
    trainer = built.build(tmp_path, packed(), batch=ACCUMULATED, packing="best_fit")
    built.agree("packed", against_reference(trainer))


def test_dynamic_fine_tuning(tmp_path: Path) -> None:
    loss = {"type": "cross_entropy", "neftune": None, "dft": True}
    trainer = built.build(tmp_path, packed(), batch=ACCUMULATED, packing="best_fit", loss=loss)
    built.agree("dft", against_reference(trainer, reference.dft))
    # A held-out loss is plain.
    trainer.model.eval()
    batch = next(iter(trainer.get_train_dataloader()))
    held_out = trainer.prediction_step(trainer.model, batch, True)[0]
    trainer.dft = False
    assert held_out == trainer.prediction_step(trainer.model, batch, True)[0]


def test_rows_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As FlashAttention takes them; a slow kernel stands in for it."""
    route_of = spread.route_of
    monkeypatch.setattr(
        spread, "route_of", lambda *a, **k: replace(route_of(*a, **k), kind="varlen", flat=True)
    )
    monkeypatch.setattr(varlen, "half_dtype", lambda value: value.dtype)
    with varlen_on_cpu.kernel() as calls:
        trainer = built.build(tmp_path, packed(), batch=ACCUMULATED, packing="best_fit")
        built.agree("flat", against_reference(trainer))
        assert calls


def packed() -> list[dict[str, Any]]:
    """300 rows."""
    return pack(built.documents(1300), 48)[:300]


def against_reference(
    trainer: Any, loss_of: Callable[[reference.Floats], reference.Floats] = np.negative
) -> Iterator[tuple[float, float]]:
    """loss_of: log-probabilities of trained tokens -> their losses."""
    model = reference.Llama(trainer.accelerator.unwrap_model(trainer.model))
    for loss, micro in built.steps(trainer, backward=True):
        yield loss, float(loss_of(log_probs(model, [row for rows in micro for row in rows])).mean())


def log_probs(model: reference.Llama, rows: list[dict[str, Any]]) -> reference.Floats:
    """Of all trained tokens. Each document alone; its first token is never trained."""
    found = []
    for row in rows:
        ends = np.cumsum(row.get("seq_lengths", [len(row["input_ids"])]))[:-1]
        for ids, labels in zip(np.split(row["input_ids"], ends), np.split(row["labels"], ends), strict=True):
            found.append(model.log_probs(ids.tolist())[labels[1:] != -100])
    return np.concatenate(found)
