"""Who judges: the model and its weights, the prompts, and how it decodes. A score is only comparable with those that
the same judge gave."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from smolc.runtime.evaluate.judge.prompts import prompt_of
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import Judge


def demand_pin(judge: Judge, weights: str, key: str = "judge_pin", what: str = "scores") -> None:
    """weights: the fingerprint of the judge's weights. key: where the recipe demands one. what: is made of what it says.
    Raises JobError if the recipe demands another one."""
    if judge.pin is not None and judge.pin != weights:
        raise JobError(
            f"the judge `{judge.name}` is another model than the recipe demands: its weights are {weights}, "
            f"{key} is {judge.pin}",
            help=f"{what} of two judges cannot be compared: take the judge that was pinned, or write the new "
            f"fingerprint and {'measure' if what == 'scores' else 'make'} everything again with it",
        )


def identity(context: Context, judge: Judge, styles: Iterable[str], weights: str) -> dict[str, Any]:
    """What results.json says of the judge. `identity` is the hash of all that its judgments depend on."""
    at = context.model_of(judge.job)
    is_hub = "hub" in context.result_of(judge.job)["model"]
    prompts = {style: prompt_of(style).about for style in sorted(styles)}
    decided = {
        "weights": weights,
        "prompts": prompts,
        "template": judge.template.model_dump() if judge.template else None,
        "decode": {"temperature": 0.0, "max_new": judge.max_new},
    }
    return {
        "name": judge.name,
        "model": at.source if is_hub else judge.job,
        "revision": at.revision,
        **decided,
        "prompt_hash": _hash(prompts),
        "identity": _hash(decided),
        "pinned": judge.pin is not None,
    }


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
