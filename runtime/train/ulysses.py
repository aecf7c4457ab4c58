"""Sequence parallel (DeepSpeed-Ulysses) in the trainer: who gets which part of which row, attention, and the loss.

DeepSpeed exchanges parts of the row for heads around the attention of each layer. accelerate's way to feed it gathers
batches over the group, changes their order with the accumulation, cannot be resumed, and averages the loss per micro
batch. Here each device reads its group's rows itself and keeps its part of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from smolc.runtime.train import attention
from smolc.runtime.train.linear_loss import IGNORED

Batch = dict[str, Any]
DOCUMENTS = "smolc_documents"


class GroupBatches(torch.utils.data.Sampler[list[int]]):  # type: ignore[misc]
    """Row numbers of one group's micro batches. order: of all rows, a multiple of micro x groups.

    Batch `i` of the order goes to group `i % groups`, as accelerate hands batches to devices.
    """

    def __init__(
        self, order: np.ndarray[Any, np.dtype[np.int64]], micro: int, groups: int, group: int
    ) -> None:
        self.batches = order.reshape(-1, groups, micro)[:, group]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches.tolist())


class PartOf:
    """A collator that keeps part `part` of `parts` of each row, of tensors (rows, length)."""

    def __init__(self, collator: Callable[[list[Batch]], Batch], part: int, parts: int) -> None:
        self.collator, self.part, self.parts = collator, part, parts

    def __call__(self, rows: list[Batch]) -> Batch:
        batch = self.collator(rows)
        del batch["labels"]  # shift_labels say it
        each = batch["input_ids"].shape[1] // self.parts
        return {key: value[:, each * self.part : each * (self.part + 1)] for key, value in batch.items()}


class SequenceParallel:
    """Mixin in front of the trainer for cpt and sft."""

    model_accepts_loss_kwargs: bool

    def get_train_dataloader(self) -> Any:
        import deepspeed

        trainer: Any = self
        accelerator, args = trainer.accelerator, trainer.args
        # On CPUs nobody else does, below ZeRO-3; it takes over the process group that is there.
        deepspeed.init_distributed(torch.distributed.get_backend(), auto_mpi_discovery=False)
        parts = accelerator.parallelism_config.sp_size
        # The rows are cut already; transformers would do it again.
        accelerator.deepspeed_ulysses_dl_adapter = lambda loader, model: loader
        # It counts the trained tokens of a step, unless it believes that the loss does not want to know.
        self.model_accepts_loss_kwargs = True
        rank, groups = accelerator.process_index, accelerator.num_processes // parts
        workers = args.dataloader_num_workers
        return torch.utils.data.DataLoader(
            trainer.train_dataset,
            batch_sampler=GroupBatches(
                trainer.order, args.per_device_train_batch_size, groups, rank // parts
            ),
            collate_fn=PartOf(trainer.data_collator, rank % parts, parts),
            num_workers=workers,
            persistent_workers=workers > 0 and args.dataloader_persistent_workers,
            pin_memory=args.dataloader_pin_memory,
        )

    def _get_num_items_in_batch(self, batch_samples: list[Batch], device: Any) -> Any:
        """Trained tokens of the whole step: every device has other parts of rows."""
        count = sum((batch["shift_labels"] != IGNORED).sum() for batch in batch_samples)
        trainer: Any = self
        return trainer.accelerator.gather(torch.as_tensor(count, device=device)).sum()

    def compute_loss(
        self, model: Any, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The mean over the trained tokens of the step; logged as the mean over all devices.

        ZeRO-3 averages gradients over all devices, too. ZeRO-1 and 2 average over groups what each adds up (DeepSpeed
        0.19: `sequence_parallel_size` in zero/stage_1_and_2.py, which stage3.py leaves out where it reduces by
        scattering): there the gradient, not the value, is that of one part.
        """
        trainer: Any = self
        if not trainer.model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)  # type: ignore[misc]
        parts = trainer.accelerator.parallelism_config.sp_size
        items = num_items_in_batch.clamp(min=1)
        outputs = model(**inputs, use_cache=False, num_items_in_batch=items, fused_lm_head=True)
        loss = outputs.loss * trainer.accelerator.num_processes
        if model.zero_optimization_stage() < 3:
            loss = loss / parts + (loss - loss / parts).detach()
        trained, right = (inputs["shift_labels"] != IGNORED).sum(), outputs.is_top1.sum()
        trainer._add(torch.zeros_like(loss).detach(), trained.to(loss.dtype), right.to(loss.dtype))
        return (loss, outputs) if return_outputs else loss


def register(*, varlen: bool) -> str:
    """Attention within the documents of packed rows, by their position ids; transformers' name of it.

    varlen: FlashAttention, on GPUs and in half precision; otherwise sdpa with a mask of (rows, 1, length, length).
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import flash_attention_mask

    AttentionInterface.register(DOCUMENTS, varlen_documents if varlen else masked_documents)
    AttentionMaskInterface.register(DOCUMENTS, flash_attention_mask)
    return DOCUMENTS


def masked_documents(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    position_ids: torch.Tensor,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """position_ids: of whole rows (rows, length), 0 where a document begins."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    number = (position_ids == 0).cumsum(1)
    same = number[:, None, :, None] == number[:, None, None, :]
    return sdpa_attention_forward(module, query, key, value, same.tril(), **kwargs)  # type: ignore[no-any-return]


def varlen_documents(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    position_ids: torch.Tensor,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """As `masked_documents`, without a mask."""
    starts = (position_ids.reshape(-1) == 0).nonzero().squeeze(1)
    bounds = torch.cat([starts, starts.new_tensor([position_ids.numel()])]).to(torch.int32)
    longest = int(bounds.diff().max())
    return attention.varlen_forward(
        module, query, key, value, None, cu_seq_lens_q=bounds, max_length_q=longest, **kwargs
    )
