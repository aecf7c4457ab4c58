"""A reward model scores answers: a sequence-classification model with one number as its output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from smolc.runtime.data.template import RenderError, read_template
from smolc.runtime.data.tokenizer import load_tokenizer
from smolc.runtime.evaluate.engines.fingerprint import fingerprint
from smolc.runtime.evaluate.engines.padded import padded
from smolc.runtime.evaluate.opened import answers_of
from smolc.runtime.evaluate.subjects import device_of
from smolc.runtime.jobs.context import Context, ModelAt
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.pairs import PairsJob, Scorer
from smolc.runtime.pairs.candidates import Group
from smolc.runtime.pairs.couples import Compared, by_scores
from smolc.runtime.pairs.drops import Drops

LONG = "too long for the scorer"
NO_NUMBER = "the scorer gave no number"
TOKENS_AT_ONCE = {"cuda": 1 << 15, "cpu": 1 << 12}
"""With their padding; half of it where memory does not suffice."""


def by_scorer(
    context: Context, job: PairsJob, by: Scorer, groups: Sequence[Group], drops: Drops
) -> tuple[list[Compared], dict[str, Any]]:
    """Raises JobError if it is no reward model."""
    at = context.model_of(by.model)
    _is_scorer(at, by.name, job.trust_remote_code)
    tokenizer = load_tokenizer(at, job.trust_remote_code)
    if tokenizer.chat_template is None:
        raise JobError(
            f"the scorer `{by.name}` has no chat template, so that nobody knows how it reads a conversation",
            help="take one whose tokenizer has a template: reward models are published with it",
        )
    model = _loaded(at, job, by.name)
    template = read_template(context.folder, None, tokenizer)
    longest = getattr(model.config, "max_position_embeddings", None) or tokenizer.model_max_length
    answers = [(group, i) for group in groups for i in range(len(group.candidates))]
    wanted: list[list[int]] = []
    for group, i in answers:
        said = [*group.prompt, {"role": "assistant", "content": group.candidates[i].final}]
        try:
            text = template.render(said, prompt=False)[0]
        except RenderError as error:
            raise JobError(
                f"{by.name}: {error}", help="does the scorer's template know such messages?"
            ) from error
        wanted.append(list(tokenizer.encode(text, add_special_tokens=False)))
    fitting = [k for k, ids in enumerate(wanted) if len(ids) <= longest]
    total = len(fitting)
    scores = dict(
        zip(
            fitting,
            scored(
                model, [wanted[k] for k in fitting], lambda n: context.progress(n, total, "answer", "scoring")
            ),
            strict=True,
        )
    )
    found: dict[str, dict[int, float]] = {group.key: {} for group in groups}
    for k, (group, i) in enumerate(answers):
        score, candidate = scores.get(k), group.candidates[i]
        if score is None or score != score:
            why = LONG if score is None else NO_NUMBER
            drops.add(why, [candidate.source], candidate.place, candidate.final, bad=True)
        else:
            found[group.key][i] = score
    weights = fingerprint(at, model, answers_of(context))
    about = {"name": by.name, "model": at.source if at.revision else by.model, "revision": at.revision}
    known = sorted(score for score in scores.values() if score == score)
    quantiles = {
        name: round(known[min(len(known) - 1, int(part * len(known)))], 4)
        for name, part in (("p10", 0.1), ("p50", 0.5), ("p90", 0.9))
        if known
    }
    compared = [by_scores(group.candidates, found[group.key], by.margin) for group in groups]
    return compared, {**about, "weights": weights, "margin": by.margin, "scores": quantiles}


def _loaded(at: ModelAt, job: PairsJob, name: str) -> Any:
    """In evaluation mode on its device. Raises JobError."""
    try:
        model = AutoModelForSequenceClassification.from_pretrained(
            at.source,
            revision=at.revision or "main",
            dtype=torch.bfloat16 if job.precision == "bf16" else torch.float32,
            trust_remote_code=job.trust_remote_code,
            use_safetensors=True,
        )
        return model.to(device_of(job)).eval()
    except torch.OutOfMemoryError as error:
        raise JobError(f"{name}: does not fit the GPU's memory") from error
    except JobError:
        raise
    except Exception as error:  # damaged, missing, of an unknown kind: transformers raises many types
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise JobError(f"{name}: the scorer cannot be loaded: {reason}") from error


def _is_scorer(at: ModelAt, name: str, trust_remote_code: bool) -> None:
    """Its output layer would be drawn at random otherwise, with a warning only."""
    help = "take a reward model: of the architecture ...ForSequenceClassification, with num_labels = 1"
    try:
        config = AutoConfig.from_pretrained(
            at.source, revision=at.revision or "main", trust_remote_code=trust_remote_code
        )
    except Exception as error:
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise JobError(f"{name}: the scorer cannot be loaded: {reason}") from error
    kinds = [str(kind) for kind in getattr(config, "architectures", None) or ()]
    if not any("SequenceClassification" in kind or "RewardModel" in kind for kind in kinds):
        raise JobError(
            f"{name} is no scorer: it is a {', '.join(kinds) or 'model of an unknown kind'}", help=help
        )
    if config.num_labels != 1:
        raise JobError(f"{name} is no scorer: it tells {config.num_labels} classes apart", help=help)


def scored(model: Any, texts: Sequence[Sequence[int]], tell: Callable[[int], None]) -> list[float]:
    """The model's number for each text of token ids, in their order: those of like lengths together, padded on the
    right. Raises JobError if one alone is too much for the memory."""
    found = [0.0] * len(texts)
    order = sorted(range(len(texts)), key=lambda k: -len(texts[k]))
    room, done = TOKENS_AT_ONCE.get(model.device.type, 1 << 12), 0
    pad = model.config.pad_token_id
    if pad is None:  # where there is none, its classifier finds the last token of single texts only
        pad, room = 0, 0
    while order:
        size = max(1, room // max(1, len(texts[order[0]])))
        now = order[:size]
        try:
            numbers = _forward(model, [texts[k] for k in now], pad)
        except torch.OutOfMemoryError as error:
            if size == 1:
                raise JobError("out of memory while scoring", help="take a smaller reward model") from error
            numbers = None
        if numbers is None:
            torch.cuda.empty_cache()
            room //= 2
            continue
        for k, number in zip(now, numbers, strict=True):
            found[k] = number
        order, done = order[size:], done + len(now)
        tell(done)
    return found


def _forward(model: Any, texts: Sequence[Sequence[int]], pad: int) -> list[float]:
    ids, mask = padded(texts, pad)
    with torch.inference_mode():
        out = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device))
    return [float(number) for number in out.logits[:, 0].float().cpu()]
