"""The transformers engine says what `generate` of transformers says, whatever the batch."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    Qwen3Config,
)

from smolc.runtime.evaluate.engines import transformers as engine_module
from smolc.runtime.evaluate.engines.base import Sampling, Wanted, cut
from smolc.runtime.evaluate.engines.transformers import TransformersEngine
from smolc.runtime.train.scratch import bytes_tokenizer

TOKENIZER = bytes_tokenizer(("<pad>", "<end>"), 256)
END = 257
SMALL: dict[str, Any] = {
    "vocab_size": 258, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
}  # fmt: skip
KINDS = {
    "llama": lambda: LlamaConfig(**SMALL),
    "qwen3": lambda: Qwen3Config(**SMALL, head_dim=16),
    "gpt2": lambda: GPT2Config(vocab_size=258, n_embd=32, n_layer=2, n_head=4, n_positions=512),
    "mistral, sliding window": lambda: MistralConfig(**SMALL, sliding_window=8),
}
GREEDY = Sampling(0.0, 1.0, (END,))


def model_of(kind: str) -> Any:
    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_config(KINDS[kind]()).float().eval()
    # Freshly made weights repeat one token; these say something else after each prompt.
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.mul_(8.0)
    return model


MODELS = {kind: model_of(kind) for kind in KINDS}


def prompts(n: int, longest: int = 90, seed: int = 0) -> list[tuple[int, ...]]:
    draw = random.Random(seed)
    lengths = [1, 2, longest, *(draw.randint(1, longest) for _ in range(n - 3))]
    return [tuple(draw.randrange(256) for _ in range(length)) for length in lengths]


def generated(engine: Any, wanted: Sequence[Wanted], sampling: Sampling = GREEDY) -> list[list[int]]:
    found: dict[int, list[int]] = {}

    def done(i: int, ids: list[int]) -> None:
        assert i not in found
        found[i] = ids

    engine.generate(wanted, sampling, done)
    return [found[i] for i in range(len(wanted))]


@cache
def expected(kind: str, want: Wanted) -> list[int]:
    """What `generate` says to one prompt alone."""
    model = MODELS[kind]
    ids = torch.tensor([want.ids])
    out = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=want.room, do_sample=False,
        eos_token_id=END, pad_token_id=256,
    )  # fmt: skip
    return cut(TOKENIZER, out[0, len(want.ids) :].tolist(), want, (END,))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [1, 3, None])
def test_greedy_answers_are_those_of_generate(kind: str, batch: int | None, capsys: Any) -> None:
    draw = random.Random(1)
    wanted = [Wanted(ids, draw.choice([1, 5, 17, 30]), 0, ()) for ids in prompts(12)]
    engine = TransformersEngine(MODELS[kind], TOKENIZER, batch)
    found = generated(engine, wanted)
    assert found == [expected(kind, want) for want in wanted]
    # They are no test if all are alike, or none of them or all end early.
    assert len({tuple(ids) for ids in found}) > 6
    assert ("batch by batch" in capsys.readouterr().out) == ("sliding" in kind)


def test_some_answers_end_early_and_others_never() -> None:
    wanted = [Wanted(ids, 60, 0, ()) for ids in prompts(24)]
    found = generated(TransformersEngine(MODELS["llama"], TOKENIZER, 8), wanted)
    early = [ids for ids in found if ids[-1] == END]
    assert 0 < len(early) < len(found)
    assert all(len(ids) == 60 for ids in found if ids[-1] != END)
    assert all(END not in ids[:-1] for ids in found)


@pytest.mark.parametrize("kind", ["llama", "mistral, sliding window"])
def test_stop_texts_end_an_answer_at_the_token_that_completes_them(kind: str) -> None:
    free = [Wanted(ids, 40, 0, ()) for ids in prompts(8)]
    engine = TransformersEngine(MODELS[kind], TOKENIZER, 3)
    whole = generated(engine, free)
    stops = [TOKENIZER.decode(ids[len(ids) // 2 : len(ids) // 2 + 1]) for ids in whole]
    wanted = [Wanted(w.ids, w.room, 0, ("never said", stop)) for w, stop in zip(free, stops, strict=True)]
    for ids, stop, found in zip(whole, stops, generated(engine, wanted), strict=True):
        n = next(n for n in range(1, len(ids) + 1) if stop in TOKENIZER.decode(ids[:n]))
        assert found == ids[:n]


@pytest.mark.parametrize("kind", ["llama", "mistral, sliding window"])
@pytest.mark.parametrize("top_p", [1.0, 0.8])
def test_drawn_answers_do_not_depend_on_the_batch(kind: str, top_p: float) -> None:
    sampling = Sampling(0.9, top_p, (END,))
    wanted = [Wanted(ids, 24, 1000 + i, ()) for i, ids in enumerate(prompts(8))]
    alone = [generated(TransformersEngine(MODELS[kind], TOKENIZER, 1), [w], sampling)[0] for w in wanted]
    order = random.Random(2).sample(range(8), 8)
    together = generated(TransformersEngine(MODELS[kind], TOKENIZER, 5), [wanted[i] for i in order], sampling)
    assert together == [alone[i] for i in order]
    again = [Wanted(w.ids, w.room, w.seed + 1, ()) for w in wanted]
    assert generated(TransformersEngine(MODELS[kind], TOKENIZER, 5), again, sampling) != alone


@pytest.mark.parametrize("kind", ["llama", "mistral, sliding window"])
def test_out_of_memory_halves_the_batch_and_is_told_once(kind: str, capsys: Any) -> None:
    """What a pass over more than five rows asks for is refused, as by a full GPU."""
    model = model_of(kind)
    forward = model.forward

    def limited(*args: Any, **kwargs: Any) -> Any:
        if kwargs["input_ids"].shape[0] > 5:
            raise torch.OutOfMemoryError("full")
        return forward(*args, **kwargs)

    limited.__signature__ = engine_module.inspect.signature(forward)  # type: ignore[attr-defined]
    model.forward = limited
    wanted = [Wanted(ids, 20, 0, ()) for ids in prompts(12)]
    engine = TransformersEngine(model, TOKENIZER, 16)
    assert generated(engine, wanted) == [expected(kind, want) for want in wanted]
    assert engine.most == 4
    assert capsys.readouterr().out.count("out of memory") == 1
    model.forward = None  # Not even one: what was raised comes through.
    model.forward = lambda **_: (_ for _ in ()).throw(torch.OutOfMemoryError("full"))
    engine = TransformersEngine(model, TOKENIZER, 1)
    engine._tried, engine._shapes = True, None
    with pytest.raises(torch.OutOfMemoryError):
        generated(engine, wanted)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sampling", [GREEDY, Sampling(0.9, 0.8, (END,))])
def test_a_gpu_says_what_a_cpu_says(kind: str, sampling: Sampling) -> None:
    wanted = [Wanted(ids, 40, 50 + i, ()) for i, ids in enumerate(prompts(60))]
    on_cpu = generated(TransformersEngine(MODELS[kind], TOKENIZER, 8), wanted, sampling)
    for batch in (7, None):
        found = generated(TransformersEngine(model_of(kind).cuda(), TOKENIZER, batch), wanted, sampling)
        # The last bits differ, and with them now and then a token.
        assert sum(a == b for a, b in zip(on_cpu, found, strict=True)) >= 57
