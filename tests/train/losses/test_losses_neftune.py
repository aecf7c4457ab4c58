"""NEFTune's noise: on the embeddings, in training alone, and as large as a sequence's length says, however it is batched."""

from pathlib import Path
from typing import Any

import built
import pytest
import torch
from compiled import LORA, pack

from smolc.runtime.train.neftune import lengths
from smolc.runtime.train.rows import Collator

ALPHA, WIDTH = 5.0, 32
LENGTHS = [20, 3, 9, 16]


def documents() -> list[dict[str, Any]]:
    return [{"input_ids": list(range(n)), "labels": list(range(n))} for n in LENGTHS]


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_each_token_knows_its_sequences_length(packed: bool, flat: bool) -> None:
    rows = pack(documents(), 24) if packed else documents()
    batch = Collator(0, flat=flat)(rows)
    found = lengths(batch)
    assert found.shape == batch["input_ids"].shape
    ends = [(0, 20), (20, 23), (0, 9), (0, 16)] if packed else [(0, n) for n in LENGTHS]
    row_of = [0, 0, 1, 2] if packed else [0, 1, 2, 3]
    if flat:
        assert found[0].tolist() == [n for n in LENGTHS for _ in range(n)]
        return
    for n, row, (begin, end) in zip(LENGTHS, row_of, ends, strict=True):
        assert (found[row, begin:end] == n).all()


def embedded(trainer: Any, batch: dict[str, Any]) -> torch.Tensor:
    """What the first layer is given in a step."""
    seen = []
    layer = trainer.accelerator.unwrap_model(trainer.model).get_decoder().layers[0]
    hook = layer.register_forward_pre_hook(lambda module, given: seen.append(given[0].detach()))
    try:
        if trainer.model.training:
            trainer.compute_loss(trainer.model, batch, num_items_in_batch=torch.tensor(48))
        else:
            trainer.prediction_step(trainer.model, batch, prediction_loss_only=True)
    finally:
        hook.remove()
    return seen[0]


@pytest.mark.parametrize("adapter", [{"type": "full"}, LORA])
def test_the_noise_is_uniform_and_as_large_as_the_paper_says(adapter: dict[str, Any], tmp_path: Path) -> None:
    """Evenly from +-alpha / sqrt(L d), another in each step, and none in evaluation."""
    loss = {"type": "cross_entropy", "neftune": ALPHA}
    trainer = built.build(
        tmp_path, documents(), loss=loss, adapter=adapter, batch={"micro": 4, "accumulation": 1}, batches=1
    )
    batch = next(iter(trainer.get_train_dataloader()))
    trainer.model.eval()
    clean = embedded(trainer, batch)
    assert torch.equal(clean, embedded(trainer, batch))
    trainer.model.train()
    trained = [embedded(trainer, batch) - clean for _ in range(20)]
    assert not torch.equal(trained[0], trained[1])
    for row, n in enumerate(batch["attention_mask"].sum(1).tolist()):
        noise = torch.cat([step[row, :n].flatten() for step in trained])
        bound = ALPHA / (n * WIDTH) ** 0.5
        assert noise.abs().max() < bound * 1.0001
        # Of an even draw from +-1 of 1920 numbers or more, the largest is above 0.99 and the deviation 1 / sqrt(3).
        assert noise.abs().max() > 0.99 * bound
        assert noise.std() == pytest.approx(bound / 3**0.5, rel=0.05)
        assert noise.mean() == pytest.approx(0, abs=0.05 * bound)


def test_there_is_no_noise_unless_asked_for(tmp_path: Path) -> None:
    trainer = built.build(tmp_path, documents(), batch={"micro": 4, "accumulation": 1}, batches=1)
    batch = next(iter(trainer.get_train_dataloader()))
    trainer.model.train()
    assert torch.equal(embedded(trainer, batch), embedded(trainer, batch))
