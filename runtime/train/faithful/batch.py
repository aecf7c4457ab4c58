"""The batch: how it is divided, and which tokens of which rows the first step is on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from smolc.runtime.jobs.prepare import PAIRED, Method
from smolc.runtime.jobs.train import Fsdp2
from smolc.runtime.train.faithful.seen import Seen
from smolc.runtime.train.faithful.table import Row, compared

IGNORED = -100


def rows(seen: Seen) -> Iterator[Row]:
    job, trainer, asked = seen.job, seen.trainer, seen.asked
    batch = job.batch
    micro, accumulation = trainer.args.per_device_train_batch_size, len(seen.batches)
    spread = trainer.accelerator.num_processes // job.sharers
    if seen.engine is not None:
        micro = seen.engine.train_micro_batch_size_per_gpu()
        spread = seen.engine.seq_dp_world_size // seen.engine.sequence_parallel_size
        yield compared(
            "DeepSpeed's accumulation", batch.accumulation, seen.engine.gradient_accumulation_steps()
        )
    yield compared(
        "micro batch x accumulation x devices = batch",
        said(batch.micro, batch.accumulation, batch.data_parallel, batch.global_sequences),
        said(micro, accumulation, spread, micro * accumulation * spread),
    )
    if seen.engine is None:
        # The trainer accumulates; accelerate would divide the loss once more. With DeepSpeed it repeats DeepSpeed's.
        yield compared("accumulation of accelerate", 1, trainer.accelerator.gradient_accumulation_steps)
    yield compared("steps", asked.length.steps, trainer.state.max_steps)

    first = trainer.state.global_step
    drawn = asked.order[first * asked.length.sequences : (first + 1) * asked.length.sequences]
    planned = planned_tokens(asked.rows, drawn, job.method)
    found = torch.stack([trained_tokens(b) for b in seen.batches]).sum(0).to(trainer.accelerator.device)
    # Under context parallel each batch is on all devices that share it, whole.
    copies = job.parallel.context if isinstance(job.parallel, Fsdp2) else 1
    count, ids = (int(n) // copies for n in trainer.accelerator.reduce(found, "sum"))
    yield compared(f"trained tokens of step {first + 1}", f"{planned[0]:,}", f"{count:,}")
    yield compared("their ids, added up", f"{planned[1]:,}", f"{ids:,}")
    if job.method in ("cpt", "sft") and seen.items is not None:
        yield compared("loss averaged over, tokens", f"{planned[0]:,}", f"{int(seen.items):,}")
    longest = max(lengths_of(asked.rows, drawn, job.method))
    yield Row("longest row of it", f"at most {job.length:,}", f"{longest:,}", longest <= job.length)
    packed = "seq_lengths" in asked.rows.column_names
    yield compared(
        "rows", *("packed" if there else "one sequence each" for there in (job.packing != "none", packed))
    )


def said(micro: int, accumulation: int, devices: int, product: int) -> str:
    return f"{micro} x {accumulation} x {devices} = {product}"


def trained_tokens(batch: dict[str, Any]) -> torch.Tensor:
    """Number of tokens that the loss of one batch is on, and the sum of their ids: int64 (2,)."""
    masked = []
    if "completion_mask" in batch:  # dpo, kto
        masked.append((batch["input_ids"], batch["completion_mask"] == 1))
    elif "chosen_labels" in batch:  # orpo, cpo, simpo
        masked += [(batch[f"{n}_labels"], batch[f"{n}_labels"] != IGNORED) for n in ("chosen", "rejected")]
    else:
        labels = batch["shift_labels"] if "shift_labels" in batch else batch["labels"]
        masked.append((labels, labels != IGNORED))
    sums = [torch.stack([on.sum(), torch.where(on, ids, 0).sum()]) for ids, on in masked]
    return torch.stack(sums).sum(0)


def planned_tokens(rows: Any, numbers: Any, method: Method) -> tuple[int, int]:
    """The same two numbers, of the prepared rows. A sequence's first token is not trained: nothing predicts it."""
    count = total = 0
    for row in picked(rows, numbers):
        for ids in trained_of(row, method):
            count, total = count + len(ids), total + int(ids.sum())
    return count, total


def trained_of(row: dict[str, Any], method: Method) -> list[Any]:
    if method == "kto":
        return [np.asarray(row["completion_ids"])]
    if method in PAIRED:
        return [np.asarray(row["chosen_ids"]), np.asarray(row["rejected_ids"])]
    labels = np.array(row["labels"])
    sizes = row.get("seq_lengths", [len(labels)])
    starts = np.cumsum([0, *sizes])[:-1]
    labels[starts[starts < len(labels)]] = IGNORED
    return [labels[labels != IGNORED]]


def lengths_of(rows: Any, numbers: Any, method: Method) -> Iterator[int]:
    """Tokens of each row; of a pair, of the longer conversation."""
    names = ("chosen_ids", "rejected_ids") if method in PAIRED else ("completion_ids",)
    for row in picked(rows, numbers):
        if method in ("cpt", "sft"):
            yield len(row["input_ids"])
        else:
            yield len(row["prompt_ids"]) + max(len(row[name]) for name in names)


def picked(rows: Any, numbers: Any) -> Any:
    return rows.select([int(n) for n in numbers]).with_format("numpy")
