"""Generation with `generate` of transformers, batch by batch: for any model that it can run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)

from smolc.runtime.evaluate.engines.base import Done, Sampling, Wanted, cut, stopped_at
from smolc.runtime.evaluate.engines.padded import padded
from smolc.runtime.evaluate.engines.sampling import choose


class _Chosen(LogitsProcessor):  # type: ignore[misc]
    """Leaves only the token that is drawn."""

    def __init__(self, sampling: Sampling, seeds: torch.Tensor, width: int) -> None:
        self.sampling, self.seeds, self.width = sampling, seeds, width

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        steps = torch.full_like(self.seeds, input_ids.shape[1] - self.width)
        token = choose(scores, self.sampling.temperature, self.sampling.top_p, self.seeds, steps)
        return torch.full_like(scores, -torch.inf).scatter_(1, token[:, None], 0.0)


class _Stopped(StoppingCriteria):  # type: ignore[misc]
    def __init__(self, tokenizer: Any, wanted: Sequence[Wanted], width: int) -> None:
        self.tokenizer, self.wanted, self.width = tokenizer, wanted, width
        self.stopped = [False] * len(wanted)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        n = input_ids.shape[1] - self.width
        for i, want in enumerate(self.wanted):
            if not self.stopped[i]:
                ids = input_ids[i, self.width :].tolist()
                self.stopped[i] = (
                    n >= want.room or stopped_at(self.tokenizer, ids, want.stops, n - 1) is not None
                )
        return torch.tensor(self.stopped, device=input_ids.device)


def generate_batch(
    model: Any,
    tokenizer: Any,
    wanted: Sequence[Wanted],
    numbers: Sequence[int],
    sampling: Sampling,
    done: Done,
) -> None:
    """One batch, padded on the left. `done` is told all of `numbers` at its end."""
    batch = [wanted[i] for i in numbers]
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    ids, mask = padded([want.ids for want in batch], pad, "left")
    width = ids.shape[1]
    seeds = torch.tensor([want.seed for want in batch], device=model.device)
    processors = [_Chosen(sampling, seeds, width)] if sampling.temperature > 0 else []
    settings = GenerationConfig(
        max_new_tokens=max(want.room for want in batch),
        eos_token_id=list(sampling.end_ids) or None,
        pad_token_id=pad,
        use_cache=True,
        do_sample=False,
    )
    with torch.inference_mode():
        out = model.generate(
            input_ids=ids.to(model.device),
            attention_mask=mask.to(model.device),
            generation_config=settings,
            logits_processor=LogitsProcessorList(processors),
            stopping_criteria=StoppingCriteriaList([_Stopped(tokenizer, batch, width)]),
        )
    for i, want, new in zip(numbers, batch, out[:, width:].tolist(), strict=True):
        done(i, cut(tokenizer, new, want, sampling.end_ids))
