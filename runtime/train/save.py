"""Saving the trained model, whatever it was spread over."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.distributed.tensor import DTensor

from smolc.runtime.jobs.context import ModelAt
from smolc.runtime.jobs.manifest import BrokenFolder, read_job
from smolc.runtime.jobs.prepare import PrepareJob
from smolc.runtime.jobs.train import Full, TrainJob
from smolc.runtime.train.model import match_tokenizer, saved_dtype


@torch.no_grad()  # type: ignore[untyped-decorator]
def not_finite(trainer: Any) -> list[str]:
    """Names of the trained weights that hold what is no number; the same on all processes. Each looks at its part of them,
    where it lies.

    The last update comes after the last loss, and no loss sees a row of the embedding that no text uses.
    """
    model = trainer.accelerator.unwrap_model(trainer.model_wrapped, keep_torch_compile=False)
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    # What is offloaded lies beside parts that are not.
    device = trainer.accelerator.device
    bad = torch.stack([~torch.isfinite(_own_part(weight)).all().to(device) for weight in trained.values()])
    found = trainer.accelerator.reduce(bad.float(), "sum").tolist()
    return [name for name, times in zip(trained, found, strict=True) if times]


def _own_part(weight: Any) -> torch.Tensor:
    """What this process holds of a weight: ZeRO-3 keeps it beside, FSDP2 inside."""
    weight = getattr(weight, "ds_tensor", weight)
    return weight.to_local() if isinstance(weight, DTensor) else weight


def save_trained(
    job: TrainJob,
    trainer: Any,
    tokenizer: Any,
    start: ModelAt,
    out: Path,
    fixed: Mapping[str, str | int | float | bool],
) -> None:
    """Write `model/` (weights, tokenizer, template, where to stop), `adapter/` (with its tokenizer) for LoRA. All call it.

    ZeRO-3 and FSDP hold parts of the weights: they are gathered first, on the main process.
    fixed: variables that the chat template had in training.
    """
    if tokenizer.chat_template is not None:
        tokenizer.chat_template = with_defaults(tokenizer.chat_template, fixed)
    accelerator = trainer.accelerator
    weights = accelerator.get_state_dict(trainer.model_wrapped)
    model = accelerator.unwrap_model(trainer.model_wrapped, keep_torch_compile=False)
    if accelerator.is_main_process:
        if isinstance(job.adapter, Full):
            _write(model, weights, tokenizer, saved_dtype(job), out / "model")
        else:
            model.save_pretrained(out / "adapter", state_dict=weights, save_embedding_layers=False)
            tokenizer.save_pretrained(out / "adapter")  # its base's has another template, or none
            merged = merge(job, start, out / "adapter", tokenizer)
            _write(merged, merged.state_dict(), tokenizer, saved_dtype(job), out / "model")
    accelerator.wait_for_everyone()


def template_variables(folder: Path, data: str) -> Mapping[str, str | int | float | bool]:
    """What the recipe gave the chat template that the job `data` rendered with."""
    try:
        prepared = read_job(folder, data)
    except BrokenFolder:  # rows may come from elsewhere
        return {}
    return prepared.template.kwargs if isinstance(prepared, PrepareJob) and prepared.template else {}


def with_defaults(template: str, fixed: Mapping[str, str | int | float | bool]) -> str:
    """The template with what training fixed as defaults, so that whoever says nothing prompts as it was trained."""
    lines = (
        f"{{%- set {name} = {name} if {name} is defined else {json.dumps(value)} %}}"
        for name, value in fixed.items()
    )
    return "".join(lines) + template


def merge(job: TrainJob, start: ModelAt, adapter: Path, tokenizer: Any) -> Any:
    """The start model with the adapter added to its weights, in fp32 on the CPU.

    Loaded anew: quantised or sharded weights cannot be merged well.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    unset_hf_deepspeed_config()  # otherwise ZeRO-3 would spread this copy over all processes too
    base = AutoModelForCausalLM.from_pretrained(
        start.source,
        revision=start.revision or "main",
        dtype=torch.float32,
        trust_remote_code=job.trust_remote_code,
        use_safetensors=True,
    )
    match_tokenizer(base, tokenizer)
    return PeftModel.from_pretrained(base, adapter).merge_and_unload()


def _write(model: Any, weights: dict[str, Any], tokenizer: Any, dtype: torch.dtype, folder: Path) -> None:
    # Gathered weights no longer share memory, so tied ones would be written twice.
    tied = model.all_tied_weights_keys if model.config.get_text_config().tie_word_embeddings else {}
    cast = {
        name: weight.to(dtype) if weight.is_floating_point() else weight
        for name, weight in weights.items()
        if tied.get(name) not in weights
    }
    shutil.rmtree(folder, ignore_errors=True)  # shards of an earlier model would be found beside these
    model.config.use_cache = True
    model.save_pretrained(folder, state_dict=cast)
    model.config.dtype = dtype  # save_pretrained writes the dtype of the model in memory
    model.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
