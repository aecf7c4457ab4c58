"""Loading what is trained: the start model, its adapter, and the frozen reference."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.pytorch_utils import Conv1D

from smolc.runtime.jobs.context import ModelAt
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import Full, Lora, TrainJob


def keeps_dropout(job: TrainJob) -> bool:
    """Preference losses are computed without dropout, unless the recipe asks for it in the adapter."""
    return not isinstance(job.adapter, Full) and job.adapter.dropout > 0


def weight_dtype(job: TrainJob) -> torch.dtype:
    """In which numbers the weights are held while training.

    `bf16` and `fp16` keep fp32 weights and compute in half precision. Frozen weights below an adapter are
    only read, so they are held in half precision; FSDP shards by groups of one dtype, so not there.
    """
    if job.precision == "bf16_pure":
        return torch.bfloat16
    frozen_base = not isinstance(job.adapter, Full) and job.parallel.type != "fsdp2"
    if frozen_base and job.precision != "fp32":
        return torch.bfloat16 if job.precision == "bf16" else torch.float16
    return torch.float32


def saved_dtype(job: TrainJob) -> torch.dtype:
    """In which numbers the trained model is saved: those it computes in, however the run was spread."""
    return {"fp32": torch.float32, "fp16": torch.float16}.get(job.precision, torch.bfloat16)


def load_tokenizer(folder: str) -> Any:
    """Raises JobError without a padding or an end-of-sequence token."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for name in ("eos", "pad"):
        if getattr(tokenizer, f"{name}_token_id") is None:
            raise JobError(f"the tokenizer in {folder} has no {name} token", help="run the data job again")
    return tokenizer


def load_config(at: ModelAt, job: TrainJob) -> Any:
    """The config of the text model, without its weights. Raises JobError."""
    try:
        return AutoConfig.from_pretrained(
            at.source, revision=at.revision or "main", trust_remote_code=job.trust_remote_code
        ).get_text_config()
    except (OSError, ValueError) as error:
        raise JobError(f"cannot read the config of {at.source}: {_first_line(error)}") from error


def load_model(at: ModelAt, job: TrainJob, attention: str, *, quantized: bool = False) -> Any:
    """A causal language model with `attention` (transformers' name for it). Raises JobError."""
    extra: dict[str, Any] = {}
    if quantized:
        extra["quantization_config"] = _four_bits(job)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            at.source,
            revision=at.revision or "main",
            dtype=weight_dtype(job),
            attn_implementation=attention,
            trust_remote_code=job.trust_remote_code,
            use_safetensors=True,
            **extra,
        )
    except (OSError, ValueError, ImportError) as error:
        raise JobError(f"cannot load the model {at.source}: {_first_line(error)}") from error
    model.config.use_cache = False
    return model


def _four_bits(job: TrainJob) -> Any:
    """NF4 with double quantisation, as in the QLoRA paper. Raises JobError where bitsandbytes cannot run."""
    if find_spec("bitsandbytes") is None:
        raise JobError("qlora needs the bitsandbytes package", help="pip install bitsandbytes, or write lora")
    if not torch.cuda.is_available():
        raise JobError("qlora needs a GPU", help="write lora")
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float16 if job.precision == "fp16" else torch.bfloat16,
    )


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def match_tokenizer(model: Any, tokenizer: Any) -> None:
    """Make the model agree with the tokenizer on padding and on where to stop.

    generate() then ends at the end of a turn. Raises JobError if the model has no row for some token.
    """
    rows = model.config.get_text_config().vocab_size
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if highest >= rows:
        outside = sorted((at, token) for token, at in tokenizer.get_vocab().items() if at >= rows)
        shown = ", ".join(f"{token} ({at})" for at, token in outside[:5])
        more = f" and {len(outside) - 5} more" if len(outside) > 5 else ""
        raise JobError(
            f"the tokenizer does not match the model: its ids go up to {highest}, the model has embeddings for {rows} "
            f"tokens; without one: {shown}{more}",
            help="take the tokenizer that the model was trained with, and a chat template whose special tokens it has; "
            "tokens that were added to it need rows in the embedding first (resize_token_embeddings), saved with the model",
        )
    old = model.generation_config
    config = model.config.get_text_config()
    named = {t for t, token in tokenizer.added_tokens_decoder.items() if token.special}
    # Of a model that had another tokenizer, an id may have become an ordinary token.
    before = [t for t in [*_ids(old.eos_token_id), *_ids(config.eos_token_id)] if t in named]
    ends = list(dict.fromkeys([tokenizer.eos_token_id, *before]))
    sampling = {}
    if old.do_sample:
        sampling = {name: getattr(old, name) for name in ("do_sample", "temperature", "top_p", "top_k")}
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=ends if len(ends) > 1 else ends[0],
        pad_token_id=tokenizer.pad_token_id,
        **sampling,
    )
    config.eos_token_id, config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id


def _ids(value: int | list[int] | None) -> list[int]:
    return value if isinstance(value, list) else [] if value is None else [value]


def linear_names(model: Any) -> list[str]:
    """Last names of the linear layers that an adapter can be added to: all but the head."""
    head = model.get_output_embeddings()
    found = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, (torch.nn.Linear, Conv1D)) and module is not head
    }
    return sorted(found)


# PEFT refuses the latter in the former (`_check_lora_target_modules_mamba`), in words of its own.
MAMBA = ("falcon_h1", "mamba", "mamba2", "falcon_mamba", "nemotron_h")
PAST_KERNELS = frozenset(("out_proj", "conv1d"))


def check_targets(model: Any, adapter: Full | Lora) -> None:
    """Raises JobError for targets that the model does not have; PEFT passes over them as long as one is there."""
    if isinstance(adapter, Full):
        return
    there = linear_names(model)
    kind = type(model).__name__
    if not there:
        raise JobError(
            f"{kind} has no linear layers that PEFT knows, so {adapter.type} has nothing to be added to",
            help="write adapter = full",
        )
    named = there if adapter.targets == "all_linear" else adapter.targets
    if model.config.model_type in MAMBA and (past := sorted(PAST_KERNELS.intersection(named))):
        rest = [f'"{name}"' for name in there if name not in PAST_KERNELS]
        raise JobError(
            f"{kind} computes {', '.join(past)} in kernels of its own, which an adapter there would be left out of",
            help=f"write adapter = {adapter.type}(targets = [{', '.join(rest)}]), or adapter = full",
        )
    if adapter.targets == "all_linear":
        return
    modules = [name for name, _ in model.named_modules()]
    missing = [t for t in adapter.targets if not any(m == t or m.endswith(f".{t}") for m in modules)]
    if missing:
        quoted = ", ".join(f'"{name}"' for name in there)
        raise JobError(
            f"{kind} has no layers named {', '.join(missing)}, which the adapter's targets ask for",
            help=f"leave targets out, for all linear layers, or name some of these: targets = [{quoted}]",
        )


def adapter_config(job: TrainJob) -> Any | None:
    """PEFT's LoraConfig, or None for full training."""
    adapter = job.adapter
    if isinstance(adapter, Full):
        return None
    from peft import LoraConfig

    return LoraConfig(
        task_type="CAUSAL_LM",
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules="all-linear" if adapter.targets == "all_linear" else list(adapter.targets),
        use_rslora=adapter.scaling == "rsqrt",
        use_dora=adapter.dora,
        bias="none",
    )


def count_parameters(model: Any) -> tuple[int, int]:
    """All parameters and the trainable ones; ZeRO-3 leaves empty tensors behind and the size beside them."""
    sizes = [(getattr(p, "ds_numel", None) or p.numel(), p.requires_grad) for p in model.parameters()]
    return sum(n for n, _ in sizes), sum(n for n, trained in sizes if trained)
