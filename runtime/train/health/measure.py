"""A trained model beside the one that it started from, on held-out rows: log-probabilities, exact KL, greedy answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from smolc.runtime.evaluate.engines.base import Sampling, Wanted
from smolc.runtime.evaluate.engines.padded import padded
from smolc.runtime.evaluate.engines.transformers import TransformersEngine
from smolc.runtime.train.health.numbers import Answers, Measured, Side, Spoken

TOKENS = {"cuda": 2048, "cpu": 1024}
"""Of a batch, with padding: both models' logits are held, (tokens, vocabulary)."""
POSITIONS = 512
"""Positions whose distributions are compared at once, in fp32."""


@dataclass(frozen=True)
class Answer:
    """One held-out answer. good: chosen, or labelled as good. row: whose it is."""

    row: int
    good: bool
    prompt: list[int]
    ids: list[int]


@dataclass(frozen=True)
class Scores:
    """Of answers, (answers,) each: tokens; sums of log-probabilities under both models, nats; sums of KL over positions."""

    tokens: Any
    start: Any
    trained: Any
    kl: Any


def answers_of(rows: Sequence[dict[str, Any]]) -> list[Answer]:
    """Of pairs both, chosen first; of unpaired rows the one. Answers without a token tell nothing."""
    found = []
    for number, row in enumerate(rows):
        if "label" in row:
            found.append(Answer(number, bool(row["label"]), row["prompt_ids"], row["completion_ids"]))
            continue
        found += [
            Answer(number, good, row["prompt_ids"], row[name])
            for good, name in ((True, "chosen_ids"), (False, "rejected_ids"))
        ]
    return [a for a in found if a.ids and a.prompt]


@torch.inference_mode()  # type: ignore[untyped-decorator]
def scores_of(answers: Sequence[Answer], start: Any, trained: Any) -> Scores:
    """Both models are on one device, in evaluation."""
    size = len(answers)
    kept = Scores(*(np.zeros(size) for _ in range(4)))
    for numbers in _batches(answers, TOKENS[trained.device.type]):
        ids, mask = (
            x.to(trained.device) for x in padded([answers[i].prompt + answers[i].ids for i in numbers])
        )
        logits = [
            model(input_ids=ids, attention_mask=mask, use_cache=False).logits for model in (start, trained)
        ]
        for at, i in enumerate(numbers):
            begin, end = len(answers[i].prompt), len(answers[i].prompt) + len(answers[i].ids)
            kept.tokens[i] = end - begin
            for low in range(begin, end, POSITIONS):
                high = min(low + POSITIONS, end)
                labels = ids[at, low:high]
                # What is at a position is predicted by the one before it.
                q, p = (x[at, low - 1 : high - 1].float().log_softmax(-1) for x in logits)
                kept.start[i] += float(q.gather(-1, labels[:, None]).sum())
                kept.trained[i] += float(p.gather(-1, labels[:, None]).sum())
                kept.kl[i] += float((p.exp() * (p - q)).sum())
    return kept


def _batches(answers: Sequence[Answer], budget: int) -> Iterator[list[int]]:
    """Numbers of answers of about one length, longest first."""
    length = [len(a.prompt) + len(a.ids) for a in answers]
    order = sorted(range(len(answers)), key=lambda i: -length[i])
    while order:
        size = max(1, budget // length[order[0]])
        yield order[:size]
        order = order[size:]


def summed_up(answers: Sequence[Answer], scores: Scores, paired: bool) -> Measured | None:
    """None where there is nothing on one of the two sides."""
    good = np.array([a.good for a in answers], dtype=bool)
    if not good.any() or good.all():
        return None
    ratio = scores.trained - scores.start
    sides = []
    for sums in (scores.start, scores.trained):
        chosen, rejected = (sums[side].sum() / scores.tokens[side].sum() for side in (good, ~good))
        sides.append(Side(float(chosen), float(rejected), apart(answers, sums / scores.tokens, paired)))
    kl = [float(scores.kl[side].sum() / scores.tokens[side].sum()) for side in (good, ~good)]
    return Measured(
        pairs=int(min(good.sum(), (~good).sum())),
        paired=paired,
        chosen_tokens=float(scores.tokens[good].mean()),
        rejected_tokens=float(scores.tokens[~good].mean()),
        start=sides[0],
        trained=sides[1],
        margin=float(ratio[good].mean() - ratio[~good].mean()),
        preferred=apart(answers, ratio, paired),
        kl_chosen=kl[0],
        kl_rejected=kl[1],
    )


def apart(answers: Sequence[Answer], values: Any, paired: bool) -> float:
    """Share of pairs of a good and a bad answer in which the good one has the higher value; ties count half. paired: of
    one row; else all pairs (the area under the ROC curve)."""
    good, bad = (
        {a.row: float(v) for a, v in zip(answers, values, strict=True) if a.good is side}
        for side in (True, False)
    )
    if paired:
        both = [(good[row], bad[row]) for row in good if row in bad]
    else:
        both = [(x, y) for x in good.values() for y in bad.values()]
    won = sum(1.0 if x > y else 0.5 if x == y else 0.0 for x, y in both)
    return won / len(both) if both else 0.5


def spoken(model: Any, tokenizer: Any, prompts: Sequence[list[int]], room: int) -> Spoken:
    """Greedy answers of at most `room` tokens. The model says where it ends."""
    ends = model.generation_config.eos_token_id
    ends = tuple(ends) if isinstance(ends, (list, tuple)) else (ends,)
    said: dict[int, list[int]] = {}
    wanted = [Wanted(tuple(ids), room, 0, ()) for ids in prompts]
    TransformersEngine(model, tokenizer).generate(wanted, Sampling(0.0, 1.0, ends), said.__setitem__)
    lengths = [len(ids) for ids in said.values()]
    stopped = sum(bool(ids) and ids[-1] in ends for ids in said.values())
    return Spoken(sum(lengths) / len(lengths), stopped / len(lengths))


def spoken_by_both(
    answers: Sequence[Answer], start: Any, trained: Any, tokenizer: Any, most: int, room: int
) -> Answers:
    """To `most` of the prompts, spread evenly."""
    first = {a.row: a for a in reversed(answers)}
    some = [first[row] for row in spread(sorted(first), most)]
    prompts = [a.prompt for a in some]
    rows = {a.row for a in some}
    chosen = [len(a.ids) for a in answers if a.good and a.row in rows]
    return Answers(
        len(prompts),
        room,
        sum(chosen) / len(chosen) if chosen else None,
        spoken(start, tokenizer, prompts, room),
        spoken(trained, tokenizer, prompts, room),
    )


def spread(things: Sequence[Any], most: int) -> list[Any]:
    """At most `most` of them, evenly spaced; always the same ones."""
    if len(things) <= most:
        return list(things)
    return [things[int(i)] for i in np.linspace(0, len(things) - 1, most)]
