"""DPO through adapters, in float64: the weights are those of the papers' formulas, the reference those without adapter."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import built
import numpy as np
import pytest
import reference
from compiled import LORA

LOSS = {"type": "dpo", "loss": ["sigmoid"], "weights": None, "beta": 0.3, "label_smoothing": 0.0}


@pytest.mark.parametrize(
    "said",
    [{"scaling": "rank"}, {"scaling": "rsqrt"}, {"dora": True, "scaling": "rank"}],
    ids=["lora", "rslora", "dora"],
)
def test_the_loss_is_that_of_the_adapted_weights(said: dict[str, Any], tmp_path: Path) -> None:
    adapter = LORA | {"alpha": 6.0, "rank": 4} | said
    trainer = built.build(
        tmp_path,
        built.pairs(60),
        batches=20,
        method="dpo",
        loss=LOSS | {"reference": "base"},
        adapter=adapter,
    )
    assert trainer.ref_model is None
    model = trainer.accelerator.unwrap_model(trainer.model)
    scale = 6.0 / 4 if adapter["scaling"] == "rank" else 6.0 / 4**0.5
    adapted, start = Adapted(model, scale), Adapted(model, 0.0)

    def ratio(row: dict[str, Any], side: str) -> float:
        ids, n = row["prompt_ids"] + row[f"{side}_ids"], len(row[f"{side}_ids"])
        return float((adapted.log_probs(ids) - start.log_probs(ids))[-n:].sum())

    def losses() -> Iterator[tuple[float, float]]:
        for loss, (rows,) in built.steps(trainer):
            gaps = np.array([ratio(row, "chosen") - ratio(row, "rejected") for row in rows])
            yield loss, float(-reference.log_sigmoid(0.3 * gaps).mean())

    built.agree(adapter["scaling"] + (" dora" if adapter["dora"] else ""), losses())


class Adapted(reference.Llama):
    """scale: alpha / r (LoRA, Hu et al. 2021, arXiv 2106.09685) or alpha / sqrt(r) (rsLoRA, Kalajdzievski 2023, arXiv
    2312.03732); 0 for the adapter switched off. W + scale B A, and in DoRA (Liu et al. 2024, arXiv 2402.09353, equation 5)
    each output's row of that with the length that is learnt, m."""

    def __init__(self, model: Any, scale: float) -> None:
        super().__init__(model.base_model.model)
        raw, self.weights = self.weights, {}
        for name, weight in raw.items():
            if "lora_" in name:
                continue
            plain, layer = name.replace(".base_layer", ""), name.removesuffix(".base_layer.weight")
            if scale and layer != name:
                a, b = (raw[f"{layer}.lora_{part}.default.weight"] for part in "AB")
                weight = weight + scale * b @ a
                if (lengths := raw.get(f"{layer}.lora_magnitude_vector.default.weight")) is not None:
                    weight = lengths[:, None] * weight / np.linalg.norm(weight, axis=1, keepdims=True)
            self.weights[plain] = weight
