"""The look at a preference run at its end: by the main process, when the model is saved."""

from __future__ import annotations

import gc
import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from smolc.runtime.jobs.context import Context, ModelAt
from smolc.runtime.jobs.prepare import PAIRED, Method
from smolc.runtime.jobs.train import DpoLoss, TrainJob
from smolc.runtime.train.health import words
from smolc.runtime.train.health.numbers import Measured

MOST_ROWS, FEWEST_ROWS = 512, 16
WORK = {"cuda": 4e15, "cpu": 1e12}
"""Operations for the log-probabilities of both models: some 20 seconds, whatever the model's size."""
PROMPTS = 16
SHARE = 0.9
"""Of a device's free memory."""
MOST_ROOM = {"cuda": 1024, "cpu": 128}
"""Tokens of an answer, at most."""
ROOM, PERCENTILE = 2.0, 95
"""An answer may be twice as long as the longest 5% of the held-out ones, so that longer ones show."""


def watched(job: TrainJob) -> bool:
    return job.method in (*PAIRED, "kto")


def answer_lengths(rows: Any | None, job: TrainJob) -> dict[str, float]:
    """By which the held-out `eval_logps/chosen` and `eval_logps/rejected` are divided to be of a token: mean lengths where
    TRL logs means of sums, 1 where it logs means over tokens (ORPO, SimPO, CPO's ipo)."""
    if rows is None or not watched(job):
        return {}
    if job.method in ("orpo", "simpo") or getattr(job.loss, "loss", None) == "ipo":
        return {"chosen": 1.0, "rejected": 1.0}
    if job.method == "kto":
        good = np.asarray(rows["label"], dtype=bool)
        lengths = np.array([len(ids) for ids in rows["completion_ids"]])
        sides = {"chosen": lengths[good], "rejected": lengths[~good]}
    else:
        sides = {name: np.array([len(ids) for ids in rows[f"{name}_ids"]]) for name in ("chosen", "rejected")}
    return {name: float(side.mean()) for name, side in sides.items() if side.size and side.mean() > 0}


def look(context: Context, job: TrainJob, made: Any, validation: Any | None) -> dict[str, Any]:
    """What result.json says as `health`: `measured` (or `why_not`), and `said`. Nothing that fails here fails the run,
    whose model is there."""
    began = time.monotonic()
    measured, why_not = None, "the data keeps no rows out of training: add `holdout = 200seq` to its mixture"
    if validation is not None:
        try:
            measured, why_not = _measured(context, job, made, validation), ""
            if measured is None:
                why_not = "its held-out rows have answers of one label only"
        except Exception as error:  # of a model's own code, or the memory
            why_not = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    seen = words.Seen(
        method=job.method,
        losses=job.loss.loss if isinstance(job.loss, DpoLoss) else (),
        curve=_curve(context.out / "metrics.jsonl"),
        held_out=0 if validation is None else len(validation),
        measured=measured,
        why_not=why_not,
    )
    said = words.findings(seen)
    for finding in said:
        print(("warning: " if finding.bad else "") + finding.text, flush=True)
    return {
        "measured": measured.to_json() if measured else None,
        "why_not": why_not or None,
        "seconds": round(time.monotonic() - began, 3),
        "said": [{"word": f.word, "text": f.text, "bad": f.bad} for f in said],
    }


def _curve(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _measured(context: Context, job: TrainJob, made: Any, validation: Any) -> Measured | None:
    import torch
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    from smolc.runtime.train import model as models
    from smolc.runtime.train.health import measure
    from smolc.runtime.train.reference_pass import computing

    unset_hf_deepspeed_config()  # otherwise ZeRO-3 would spread these copies over all processes
    device = made.trainer.accelerator.device
    _make_room(made, job)
    if device.type == "cuda":
        weights = sum(p.stat().st_size for p in (context.out / "model").glob("*.safetensors"))
        vocabulary = made.trainer.model.config.get_text_config().vocab_size
        demand_room(weights, vocabulary, torch.cuda.mem_get_info(device)[0])
    ends = context.model_of(job.init), ModelAt(str(context.out / "model"))
    attention = "eager" if made.attention_name == "eager" else "sdpa"
    pair = []
    for at in ends:
        loaded = models.load_model(at, computing(job), attention)
        models.match_tokenizer(loaded, made.tokenizer)
        pair.append(loaded.eval().to(device))
    start, trained = pair
    rows = _rows(validation, job.method, trained.num_parameters(), device.type)
    answers = measure.answers_of(rows)
    paired = job.method in PAIRED
    found: Measured | None = measure.summed_up(answers, measure.scores_of(answers, start, trained), paired)
    if found is not None:
        longest = np.percentile([len(a.ids) for a in answers], PERCENTILE)
        room = max(8, min(math.ceil(ROOM * float(longest)), MOST_ROOM[device.type]))
        said = measure.spoken_by_both(answers, start, trained, made.tokenizer, PROMPTS, room)
        found = replace(found, answers=said)
    del pair, start, trained
    if device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()
    return found


def demand_room(weights: int, vocabulary: int, free: int) -> None:
    """weights: bytes of one model. free: bytes of the device. Raises MemoryError before anything is loaded: a model that
    was trained in shards may fit neither on the device nor into the host's memory."""
    from smolc.runtime.train.health.measure import POSITIONS, TOKENS

    # Logits of two models in half precision, and six passes over some positions in fp32.
    need = 2 * weights + vocabulary * (TOKENS["cuda"] * 4 + POSITIONS * 24)
    if need > SHARE * free:
        told, there = (f"{size / 2**30:.1f} GiB" for size in (need, free))
        raise MemoryError(
            f"two copies of the model and their logits are {told}, and {there} of the device are free"
        )


def _rows(validation: Any, method: Method, parameters: int, device: str) -> list[dict[str, Any]]:
    """As many as the work allows, spread evenly."""
    from smolc.runtime.train.health.measure import spread
    from smolc.runtime.train.rows import count_tokens

    each = float(count_tokens(validation, method).tokens.mean())
    most = int(WORK[device] / (4 * max(1, parameters) * max(1.0, each)))
    numbers = spread(range(len(validation)), max(FEWEST_ROWS, min(MOST_ROWS, most)))
    return [validation[i] for i in numbers]


def _make_room(made: Any, job: TrainJob) -> None:
    """The optimiser's state is the largest part of what training held, where nothing is sharded."""
    if job.parallel.type != "ddp":
        return
    trainer = made.trainer
    trainer.optimizer = trainer.callback_handler.optimizer = trainer.lr_scheduler = None
    trainer.accelerator.free_memory()
