"""Trainers as a training job builds them, on random rows, and what they make of a step's batches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import reference
import torch
from compiled import MODEL, SPECIAL, TRAIN, context_of, finished, write_folder, write_rows

from smolc.runtime.train import start
from smolc.runtime.train.assemble import assemble, rows_of
from smolc.runtime.train.scratch import bytes_tokenizer

BATCHES = 100
TOKENIZER = bytes_tokenizer(SPECIAL, 128)


def ids(random: Any, least: int, most: int) -> list[int]:
    return random.integers(0, 64, random.integers(least, most + 1)).tolist()  # type: ignore[no-any-return]


def pairs(count: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(5)
    names = ("prompt_ids", 2, 9), ("chosen_ids", 1, 12), ("rejected_ids", 1, 12)
    return [{name: ids(random, a, b) for name, a, b in names} for _ in range(count)]


def unpaired(count: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(6)
    return [
        {
            "prompt_ids": ids(random, 2, 9),
            "completion_ids": ids(random, 1, 12),
            "label": bool(random.random() < 0.6),
        }
        for _ in range(count)
    ]


def documents(count: int) -> list[dict[str, Any]]:
    """Some tokens are trained, in random places; in one row of ten, none."""
    random = np.random.default_rng(7)
    rows = []
    for _ in range(count):
        tokens = ids(random, 3, 20)
        trained = random.random(len(tokens)) < (0.6 if random.random() < 0.9 else 0.0)
        rows.append(
            {
                "input_ids": tokens,
                "labels": [t if on else -100 for t, on in zip(tokens, trained, strict=True)],
            }
        )
    return rows


def build(folder: Path, rows: list[dict[str, Any]], *, batches: int = BATCHES, **said: Any) -> Any:
    """The trainer of a job over so many micro batches. Its weights are moved away from the start model's, the reference."""
    batch = said.get("batch", {"micro": 3, "accumulation": 1})
    sequences = batch["micro"] * batch["accumulation"]
    batch = batch | {"global_sequences": sequences, "data_parallel": 1}
    steps = {"epochs": None, "steps": batches // batch["accumulation"], "tokens": None}
    write_folder(folder, MODEL, TRAIN | said | {"batch": batch, "duration": steps})
    if not (folder / "out").exists():
        start.run(context_of(folder, "base"))
        write_rows(folder, TOKENIZER, rows, [])
    finished(folder, "base")
    finished(folder, "data")
    os.environ["ACCELERATE_MIXED_PRECISION"] = "no"
    context = context_of(folder, "sft")
    trainer = assemble(context, context.job, rows_of(context, context.job)).trainer
    trainer.near = None  # it does not start from its reference any more
    torch.manual_seed(11)
    with torch.no_grad():
        for weight in trainer.model.parameters():
            if weight.requires_grad:
                weight.add_(0.1 * torch.randn_like(weight))
    return trainer


def steps(trainer: Any, *, backward: bool = False) -> Iterator[tuple[float, list[Any]]]:
    """For each optimiser step: its loss, and the rows of each of its micro batches. Without `backward`, steps are one micro
    batch, and its loss is only computed."""
    trainer.model.train()
    micro, accumulation = trainer.args.per_device_train_batch_size, trainer.args.gradient_accumulation_steps
    trainer.current_gradient_accumulation_steps = accumulation
    order = trainer.order.reshape(-1, accumulation, micro)
    batches = iter(trainer.get_train_dataloader())
    for numbers in order:
        inputs, items = trainer.get_batch_samples(batches, accumulation, trainer.args.device)
        assert len(inputs) == accumulation and (backward or accumulation == 1)
        if backward:
            loss = sum(float(trainer.training_step(trainer.model, given, items)) for given in inputs)
        else:
            with torch.no_grad():
                given = trainer._prepare_inputs(inputs[0])
                loss = float(trainer.compute_loss(trainer.model, given, num_items_in_batch=items))
        yield loss, [[trainer.train_dataset[int(i)] for i in each] for each in numbers]


def pairs_of(model: reference.Llama, rows: list[dict[str, Any]]) -> reference.Pairs:
    """What float64 makes of pairs, for losses without a reference."""
    answers = [
        [model.log_probs(row["prompt_ids"] + row[f"{name}_ids"]) for row in rows]
        for name in ("chosen", "rejected")
    ]
    lengths = (np.array([float(len(row[f"{name}_ids"])) for row in rows]) for name in ("chosen", "rejected"))
    return reference.Pairs(*answers, *answers, *lengths)


def agree(name: str, losses: Iterator[tuple[float, float]]) -> None:
    """Each loss with its reference, to 1e-5; prints the largest relative deviation. What cancels to nearly nothing, as a
    hinge does near its corner, is as near as its terms, which are about 1."""
    largest, count = 0.0, 0
    for loss, expected in losses:
        assert abs(loss - expected) <= 1e-5 * max(abs(expected), 1.0), (count, loss, expected)
        largest, count = max(largest, abs(loss - expected) / max(abs(expected), 1e-2)), count + 1
    assert count > 0
    print(f"{name}: {count} losses, {largest:.1e}")


@torch.no_grad()
def make_table(model: Any, table: dict[tuple[int, int], float]) -> None:
    """Makes a Llama answer from a table: p(next | token) = table[token, next], and what is left of 1 goes to token 40.

    Layers add nothing; token i is a unit vector of its own, i < 32, which picks the head's column i.
    """
    width = model.config.hidden_size
    embeddings, head = model.get_input_embeddings().weight, model.get_output_embeddings()
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
    model.model.norm.weight.fill_(1.0)
    # Long, so that the norm's epsilon is nothing; the norm then makes them sqrt(width) long.
    embeddings.copy_(torch.eye(len(embeddings), width) * 1e4)
    logits = torch.full_like(embeddings, -1e3)
    for token in range(width):
        known = {following: p for (before, following), p in table.items() if before == token}
        for following, p in {40: 1 - sum(known.values()), **known}.items():
            logits[following, token] = np.log(p) if p > 0 else -1e3
    # The two weights are tied in the start model.
    head.weight = torch.nn.Parameter(logits / width**0.5)
