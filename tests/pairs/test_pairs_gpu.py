"""On a GPU: the same scores in batches, a memory that runs out, and answers that go on from those that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from paired import MANIFEST, answered, made, pairs_in, write
from transformers import LlamaConfig, LlamaForSequenceClassification

from smolc.runtime.generate.run import run
from smolc.runtime.jobs.context import Context
from smolc.runtime.pairs import scorer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]
TEXTS = [[1 + (7 * i) % 250 for i in range(n)] for n in (5, 40, 1, 17, 40, 100, 99)]


def reward(dtype: torch.dtype) -> Any:
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(**shape, vocab_size=260, max_position_embeddings=128, pad_token_id=256, num_labels=1)
    return LlamaForSequenceClassification(config).eval().to("cuda", dtype)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 5e-2)])
def test_scores_in_batches(dtype: torch.dtype, tolerance: float) -> None:
    model = reward(dtype)
    with torch.no_grad():
        alone = [float(model(input_ids=torch.tensor([t], device="cuda")).logits[0, 0]) for t in TEXTS]
    assert scorer.scored(model, TEXTS, lambda _: None) == pytest.approx(alone, abs=tolerance)


def test_fewer_at_once_where_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model = reward(torch.float32)
    expected = scorer.scored(model, TEXTS, lambda _: None)
    forward, tried = scorer._forward, []

    def small(model: Any, texts: Any, pad: int) -> list[float]:
        tried.append(len(texts))
        if len(texts) > 2:
            raise torch.OutOfMemoryError("made up")
        return forward(model, texts, pad)

    monkeypatch.setattr(scorer, "_forward", small)
    assert scorer.scored(model, TEXTS, lambda _: None) == pytest.approx(expected, abs=1e-4)
    assert max(tried) > 2


@pytest.mark.parametrize("engine", ["transformers", "auto"])
def test_answers_and_pairs(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """auto: vLLM where it is installed."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "evaluate"))
    from evaluated import CHATML, TEMPLATE, save_model
    from test_generate import _job

    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "chatml.jinja").write_text(CHATML)
    save_model(tmp_path, "base", sharpness=8.0)
    write(tmp_path, "words", [{"question": f"q{i}", "answer": "x"} for i in range(40)])
    subject = {"name": "base", "job": "base", "template": TEMPLATE, "tokenizer": None}
    decode = {"temperature": 1.0, "top_p": 1.0, "max_new": 16}
    job = _job(subject=subject, decode=decode, samples=4, device="cuda", precision="bf16", engine=engine)
    run(Context(tmp_path, MANIFEST, job))
    lines = (tmp_path / "out" / "answers" / "answers.jsonl").read_text().splitlines()
    assert len(lines) == 160
    weak = {"type": "generated", "name": "weak", "job": "answers"}
    strong = answered(tmp_path, "strong", {f"q{i}": ["a better one"] for i in range(40)})
    context = made(tmp_path, [strong, weak], unfinished="keep", bad_pairs=0.5, device="cuda")
    assert {question for question, _, _ in pairs_in(context)} == {f"q{i}" for i in range(40)}
