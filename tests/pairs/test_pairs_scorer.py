"""Reward models: what they score, one by one and together, and what is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from paired import answered, made, pairs_in, result_of
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.pairs.scorer import scored
from smolc.runtime.train.scratch import bytes_tokenizer

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SHAPE = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4,
    "vocab_size": 260, "max_position_embeddings": 128, "pad_token_id": 256, "bos_token_id": None,
    "eos_token_id": 257,
}  # fmt: skip
BY = {"type": "scorer", "name": "reward", "model": "reward", "margin": 0.0}


def saved(
    folder: Path, kind: Any = LlamaForSequenceClassification, template: bool = True, **more: Any
) -> Any:
    torch.manual_seed(0)
    model = kind(LlamaConfig(**SHAPE, **more)).eval()
    tokenizer = bytes_tokenizer(("<pad>", "<|im_start|>", "<|im_end|>"), 128)
    if template:
        tokenizer.chat_template = CHATML
    out = folder / "out" / "reward"
    model.save_pretrained(out / "model")
    tokenizer.save_pretrained(out / "model")
    (out / "result.json").write_text(json.dumps({"model": {"out": "reward/model"}}))
    return model


def test_together_as_one_by_one() -> None:
    torch.manual_seed(0)
    model = LlamaForSequenceClassification(LlamaConfig(**SHAPE, num_labels=1)).eval()
    texts = [[1 + (7 * i) % 250 for i in range(n)] for n in (5, 40, 1, 17, 40)]
    with torch.no_grad():
        alone = [float(model(input_ids=torch.tensor([text])).logits[0, 0]) for text in texts]
    told: list[int] = []
    assert scored(model, texts, told.append) == pytest.approx(alone, abs=1e-5)
    assert told[-1] == len(texts)


def test_the_higher_score_is_chosen(tmp_path: Path) -> None:
    saved(tmp_path, num_labels=1)
    tries = answered(tmp_path, "tries", {"a": ["one", "two", "z" * 200], "b": ["three", "four"]})
    context = made(tmp_path, [tries], BY, bad_pairs=0.5)
    lines = [json.loads(line) for line in (context.out / "pairs.jsonl").read_text().splitlines()]
    assert len(lines) == 2 and all(high > low for high, low in (line["scores"] for line in lines))
    result = result_of(context)
    assert result["bad"] == {"too long for the scorer": 1}
    assert result["by"]["weights"].startswith("sha256:") and set(result["by"]["scores"]) == {
        "p10",
        "p50",
        "p90",
    }
    found = pairs_in(context)
    widest = max(high - low for high, low in (line["scores"] for line in lines))
    with pytest.raises(
        JobError, match="no pairs came out of 5 answers: 2 as good, or nearer than the margin"
    ):
        made(tmp_path, [tries], {**BY, "margin": 2 * widest}, bad_pairs=0.5)
    assert {question for question, _, _ in found} == {"a", "b"}


@pytest.mark.parametrize(
    ("kind", "more", "why"),
    [
        (LlamaForCausalLM, {}, "reward is no scorer: it is a LlamaForCausalLM"),
        (LlamaForSequenceClassification, {"num_labels": 3}, "reward is no scorer: it tells 3 classes apart"),
        (LlamaForSequenceClassification, {"num_labels": 1, "template": False}, "has no chat template"),
    ],
)
def test_what_is_no_reward_model(kind: Any, more: dict[str, Any], why: str, tmp_path: Path) -> None:
    template = more.pop("template", True)
    saved(tmp_path, kind, template, **more)
    tries = answered(tmp_path, "tries", {"a": ["one", "two"]})
    with pytest.raises(JobError, match=why):
        made(tmp_path, [tries], BY)
