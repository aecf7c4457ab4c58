"""The one pass of the reference model over all answers."""

from __future__ import annotations

import gc
import os
import time
from typing import Any

import numpy as np
import torch
from trl.trainer.utils import add_fused_lm_head

from smolc.runtime.evaluate.engines.padded import padded
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.train import DpoLoss, KtoLoss, TrainJob
from smolc.runtime.train import model as models
from smolc.runtime.train.answers import Answer, Answers, Floats, ld_alpha_of
from smolc.runtime.train.reference import quantized
from smolc.runtime.train.unpadded import without_padding

TOKENS = {"cuda": 65536, "cpu": 4096}
"""Of a batch, with padding."""


def scored(
    context: Context,
    job: TrainJob,
    answers: Answers,
    numbers: Any,
    attention: str,
    *,
    flat: bool,
    on_cuda: bool,
) -> Floats:
    """Log-probabilities of some answers, longest first, given their prompts: (len(numbers),). flat: computed without
    padding. The model is on the device as long as this takes.

    Raises JobError."""
    assert isinstance(job.loss, (DpoLoss, KtoLoss))
    ld_alpha = ld_alpha_of(job.loss)
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if on_cuda else torch.device("cpu")
    if on_cuda:
        torch.cuda.set_device(device)
    began = time.monotonic()
    model: Any = models.load_model(
        context.model_of(job.loss.reference), computing(job), attention, quantized=quantized(job)
    )
    if not quantized(job):
        model.to(device)
    add_fused_lm_head(model.eval())
    if flat:
        without_padding(model)
    out = np.empty(len(numbers), dtype=np.float32)
    at, budget, told = 0, TOKENS[device.type], 0.0
    while at < len(numbers):
        some = _batch(answers, numbers, at, budget)
        try:
            half = job.precision == "fp16"
            out[at : at + len(some)] = log_probabilities(model, some, device, ld_alpha, half=half)
        except torch.OutOfMemoryError:
            if len(some) == 1:
                raise
            budget //= 2
            gc.collect()
            torch.cuda.empty_cache()
            continue
        at += len(some)
        if os.environ.get("RANK", "0") == "0" and time.monotonic() - told > 1:
            told = time.monotonic()
            context.progress(at, len(numbers), "answers", "reference")
    del model
    gc.collect()
    if on_cuda:
        torch.cuda.empty_cache()
    if os.environ.get("RANK", "0") == "0":
        print(
            f"reference: log-probabilities of {len(answers):,} answers computed in "
            f"{time.monotonic() - began:.1f} s, kept for other runs",
            flush=True,
        )
    return out


def computing(job: TrainJob) -> TrainJob:
    """The job with weights held as the trained model's are while it computes: bf16 beside fp32 masters, too."""
    return job.model_copy(update={"precision": "bf16_pure"}) if job.precision == "bf16" else job


def _batch(answers: Answers, numbers: Any, at: int, budget: int) -> list[Answer]:
    """Those from `at` on; the first is the longest, and there is always one."""
    first = answers[numbers[at]]
    size = max(1, budget // (len(first.prompt) + len(first.ids)))
    return [first, *(answers[n] for n in numbers[at + 1 : at + size])]


@torch.inference_mode()  # type: ignore[untyped-decorator]
def log_probabilities(
    model: Any, answers: list[Answer], device: torch.device, ld_alpha: float | None, *, half: bool
) -> Floats:
    """As TRL's loss has them: of tokens in fp32, summed over the answer, what is beyond its shared part `ld_alpha` times.
    half: under fp16 autocast."""
    ids, mask = padded([a.prompt + a.ids for a in answers])
    labels = torch.where(mask.bool(), ids, -100)
    weights = torch.ones(ids.shape, dtype=torch.float64)
    for i, one in enumerate(answers):
        labels[i, : len(one.prompt)] = -100
        weights[i, len(one.prompt) + one.shared :] = 1.0 if ld_alpha is None else ld_alpha
    with torch.autocast(device.type, torch.float16, enabled=half):
        out = model(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            labels=labels.to(device),
            use_cache=False,
            fused_lm_head=True,
        )
    # Its values are those of the tokens from the second on.
    found = out.log_probs.double() * weights[:, 1:].to(device)
    return found.sum(1).float().cpu().numpy()  # type: ignore[no-any-return]
