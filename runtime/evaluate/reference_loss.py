"""How likely a model finds the reference answers: the loss that training would have on these rows."""

from __future__ import annotations

from typing import Any

import torch

from smolc.runtime.data.template import ChatTemplate, RenderError
from smolc.runtime.evaluate.generate import ChatModel
from smolc.runtime.evaluate.tasks.base import Question
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import Task

Row = dict[str, Any]
MOST_LOGITS = 1 << 28
"""Of one forward pass (rows x length x vocabulary): 1 GiB in fp32."""


def reference_loss(lm: ChatModel, task: Task, questions: list[Question]) -> Row | None:
    """Mean negative log-likelihood (nats) of a token of the reference answers, end-of-turn included, over all tokens
    together as in training. The standard error is over problems. None without a chat template, whose rendering says
    where an answer begins and ends, or where the reference does not fit the model."""
    if lm.template is None:
        return None
    rows = [_encode(lm, lm.template, question) for question in questions]
    if any(len(ids) > lm.max_length or start >= len(ids) for ids, start in rows):
        return None
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i][0]))
    losses = lm.in_memory(lambda: _all_losses(lm, rows, order))
    sums, counts = [losses[i][0] for i in range(len(rows))], [losses[i][1] for i in range(len(rows))]
    tokens = sum(counts)
    value = sum(sums) / tokens
    # The ratio estimator's standard error: problems differ in length.
    n = len(rows)
    squares = sum((s - value * c) ** 2 for s, c in zip(sums, counts, strict=True))
    stderr = (n / max(1, n - 1) * squares) ** 0.5 / tokens
    return {
        "task": f"{task.name}_loss",
        "metric": "loss",
        "value": value,
        "stderr": stderr,
        "low": value - 1.96 * stderr,
        "high": value + 1.96 * stderr,
        "n": n,
        "k": 1,
        "no_answer": 0,
        "unterminated": 0,
        "stopped": None,
        "tokens": tokens,
        "thinking_scored": 0,
    }


def _encode(lm: ChatModel, template: ChatTemplate, question: Question) -> tuple[list[int], int]:
    """Token ids of the conversation up to the end of its last answer, and where that answer starts."""
    try:
        prompt = template.render(question.messages, question.tools, question.kwargs, prompt=True)[0]
        whole, spans = template.render([*question.messages, question.data], question.tools, question.kwargs)
    except RenderError as error:
        raise JobError(f"{question.place}: {error}", help="does this template know such messages?") from error
    end = spans[-1][1] if spans else len(whole.rstrip())
    return lm.tok_encode(whole[:end]), len(lm.tok_encode(prompt))


def _all_losses(
    lm: ChatModel, rows: list[tuple[list[int], int]], order: list[int]
) -> dict[int, tuple[float, int]]:
    """By row; those in front of `order` are the longest."""
    found: dict[int, tuple[float, int]] = {}
    vocabulary = int(lm.model.get_output_embeddings().weight.shape[0])
    while len(found) < len(order):
        longest = len(rows[order[len(found)]][0])
        size = max(1, min(lm.batch_size, MOST_LOGITS // (longest * vocabulary)))
        batch = order[len(found) : len(found) + size]
        found.update(zip(batch, _losses(lm, [rows[i] for i in batch]), strict=True))
    return found


def _losses(lm: ChatModel, rows: list[tuple[list[int], int]]) -> list[tuple[float, int]]:
    """For each row, the summed loss of its answer's tokens and how many they are."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, -100)
    for i, (row, start) in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
        labels[i, start : len(row)] = torch.tensor(row[start:])
    with torch.inference_mode():
        logits = lm.model(
            input_ids=ids.to(lm.device), attention_mask=mask.to(lm.device), use_cache=False
        ).logits
        targets = labels[:, 1:].to(lm.device)
        losses = torch.nn.functional.cross_entropy(
            logits[:, :-1].float().transpose(1, 2), targets, ignore_index=-100, reduction="none"
        )
    return [(float(row.sum()), int((t != -100).sum())) for row, t in zip(losses, targets, strict=True)]
