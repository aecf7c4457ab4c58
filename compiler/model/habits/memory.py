"""What decides speed and memory: rows, adapters, precision, devices, kernels."""

from __future__ import annotations

import re

from smolc.compiler.model.habits.advice import (
    UNKNOWN,
    Advice,
    Entry,
    Habit,
    Into,
    Leave,
    Line,
    Seen,
    Table,
    Told,
    into,
    leave,
    otherwise,
    told,
)
from smolc.compiler.model.habits.place import PACKED
from smolc.compiler.model.habits.written import (
    count,
    flag,
    is_off,
    is_on,
    positive,
    ratio,
    texts,
    tokens,
    word,
    words,
)

LENGTHS = ("max_length", "max_seq_length", "sequence_len", "cutoff_len")
ADAPTERS = {
    "lora": ("lora", {}),
    "qlora": ("qlora", {}),
    "full": ("full", {}),
    "dora": ("lora", {"dora": "true"}),
}
KERNELS = {
    "flash_attention_2": "flash_attention_2", "flash_attention_3": "flash_attention_3", "fa2": "flash_attention_2",
    "fa3": "flash_attention_3", "flash_attention": "flash_attention_2", "flash_attn": "flash_attention_2",
    "flash_attn_2": "flash_attention_2", "sdpa": "sdpa", "eager": "eager", "disabled": "eager",
}  # fmt: skip
LONGER = "; longer rows are an error unless `overlong` says otherwise"


def _length(seen: Seen) -> Advice:
    note = LONGER if "overlong" not in seen.place.values else ""
    return Into("packing", {"length": tokens(seen.value) or UNKNOWN}, note=note)


def packing(seen: Seen) -> Advice | None:
    """Also of `packing` itself, which TRL switches on and off."""
    method = seen.place.method
    if is_off(seen.value):
        if seen.name == "packing":
            return Into("packing", word="none")
        return Leave("rows are not packed unless `packing` says so")
    if method is not None and method not in PACKED:
        return Leave(f"{method} cannot train packed rows: a pair is compared answer by answer")
    said = word(seen.value) or ""
    if is_on(seen.value) or said.startswith("bfd"):
        return Into("packing", word="best_fit")
    return None


_packing_key = otherwise(packing, "`packing` says how rows are packed, as in `packing = best_fit`")


def adapter(seen: Seen) -> Advice | None:
    """An adapter by its word; also of `adapter` itself."""
    said = word(seen.value) or ""
    if is_off(seen.value):
        return Leave("all weights are trained unless `adapter` says otherwise")
    if said == "rslora":
        return Into("adapter", {"scaling": "rsqrt"}, word="lora")
    if said not in ADAPTERS:
        return None
    ours, arguments = ADAPTERS[said]
    return Into("adapter", arguments, word=ours)


_finetuning = otherwise(adapter, "there are `full`, `lora` and `qlora`, as in `adapter = lora`")


def _use_peft(seen: Seen) -> Advice:
    if is_off(seen.value):
        return Leave("all weights are trained unless `adapter` says otherwise")
    return Into("adapter", word=None if seen.place.beside("load_in_4bit") else "lora")


def _four_bits(seen: Seen) -> Advice:
    if is_off(seen.value) or (seen.name == "quantization_bit" and word(seen.value) == "16"):
        return Leave("weights are loaded in 4 bit for `adapter = qlora` alone")
    eight = seen.name == "load_in_8bit" or getattr(seen.value, "value", None) == 8
    if eight:
        return Told(
            "no base is kept in 8 bit: with `adapter = qlora` it is in 4 bit, with `adapter = lora` in 16"
        )
    return Into("adapter", word="qlora")


def _targets(seen: Seen) -> Advice:
    if is_off(seen.value):
        return Told("name the layers that get an adapter in its `targets`; without them all linear layers do")
    if word(seen.value) in ("all", "all-linear", "all_linear") or is_on(seen.value):
        return Leave("all linear layers get an adapter unless `targets` says otherwise")
    return Into("adapter", {"targets": texts(seen.value) or UNKNOWN})


def _scaling(seen: Seen) -> Advice:
    if is_off(seen.value):
        return Leave("`scaling = rank` is the default")
    return Into("adapter", {"scaling": "rsqrt"})


def _precision(seen: Seen) -> Advice:
    """bf16 and fp16 are switches there, of which one is on."""
    if seen.name == "bf16" and not is_off(seen.value):
        return Leave("`precision = bf16` is the default")
    if seen.name == "fp16" and is_off(seen.value):
        return Leave("`precision` says it, bf16 unless given")
    if seen.name == "bf16":
        half = seen.place.beside("fp16")
        return Line("stage", "precision", "fp16" if half is not None and not is_off(half) else "fp32")
    return Line("stage", "precision", "fp16" if seen.name == "fp16" else "bf16_pure")


def _checkpointing(seen: Seen) -> Advice:
    on = not is_off(seen.value)
    if seen.name.startswith("disable"):
        on = not on
    return Line("stage", "checkpointing", "true" if on else "false")


def _deepspeed(seen: Seen) -> Advice:
    """By the name of its file, which says the stage in all tools' examples."""
    if is_off(seen.value):
        return Leave("`parallel` chooses by itself unless given")
    said = (word(seen.value) or "").casefold()
    stage = re.search(r"z(?:ero)?[_-]?(?:stage)?[_-]?([0-3])", said)
    if stage is None:
        return Into("parallel", {"stage": UNKNOWN}, word="zero", note=": 1, 2 or 3, as the file says")
    if stage[1] == "0":
        return Into("parallel", word="ddp")
    if stage[1] == "3" and _in_four_bits(seen):
        return Leave("a 4-bit base cannot be sharded by ZeRO-3")
    offload = {"1": "optimizer", "2": "optimizer", "3": "all"}[stage[1]] if "offload" in said else None
    return Into("parallel", {"stage": stage[1], **({"offload": offload} if offload else {})}, word="zero")


def _in_four_bits(seen: Seen) -> bool:
    return word(seen.place.values.get("adapter")) == "qlora" or is_on(seen.place.beside("load_in_4bit"))


def _fsdp(seen: Seen) -> Advice:
    """The words of transformers' `fsdp`."""
    if is_off(seen.value):
        return Leave("`parallel` chooses by itself unless given")
    said = " ".join(words(seen.value) or [])
    if "no_shard" in said:
        return Into("parallel", word="ddp")
    arguments = {"reshard": "false"} if "grad_op" in said else {}
    if "offload" in said:
        arguments["offload"] = "all"
    if "hybrid" in said:
        arguments["replicate"] = UNKNOWN
    return Into("parallel", arguments, word="fsdp2")


def parallel(seen: Seen) -> Advice | None:
    """`parallel` itself, with a word of another tool."""
    said = word(seen.value) or ""
    if re.search(r"z(?:ero)?[_-]?[0-3]", said):
        return _deepspeed(seen)
    return Into("parallel", word="fsdp2") if said in ("fsdp", "fsdp1") else None


def attention(seen: Seen) -> Advice:
    """The kernel, which is the model's."""
    if seen.name in ("flash_attention", "use_flash_attention_2", "sdp_attention") and is_off(seen.value):
        return Leave("`attention` takes the fastest that fits unless given")
    said = word(seen.value) or ""
    if is_on(seen.value):
        said = "sdpa" if seen.name == "sdp_attention" else "flash_attention_2"
    if said == "auto":
        return Leave("`attention = auto` is the default")
    return Line("model", "attention", KERNELS.get(said, UNKNOWN))


def _liger(seen: Seen) -> Advice:
    if not is_off(seen.value):
        return Line("stage", "kernels", "liger")
    if seen.name not in ("use_liger_kernel", "enable_liger_kernel", "use_liger"):
        return Leave("`kernels = liger` has all of Liger's kernels")
    return Line("stage", "kernels", "compiled" if is_on(seen.place.beside("torch_compile")) else "none")


def _compile(seen: Seen) -> Advice:
    if not is_off(seen.value):
        return Line("stage", "kernels", "compiled")
    liger = seen.place.beside("use_liger_kernel", "enable_liger_kernel")
    return Line("stage", "kernels", "liger" if is_on(liger) else "none")


def _number_format(ours: str) -> Habit:
    """Also of `dtype` and `precision` themselves."""
    formats = {
        "bfloat16": "bf16",
        "float16": "fp16",
        "half": "fp16",
        "float32": "fp32",
        "float": "fp32",
        "no": "fp32",
    }

    def habit(seen: Seen) -> Advice | None:
        said = (word(seen.value) or "").removeprefix("torch.")
        known = formats.get(said, said if said in formats.values() else None)
        if known is None and seen.name == ours:
            return None
        return Line("model" if ours == "dtype" else "stage", ours, known or UNKNOWN)

    return habit


precision, dtype = _number_format("precision"), _number_format("dtype")

MEMORY: Table = {
    **{name: Entry(_length, "4096") for name in LENGTHS},
    "sample_packing": Entry(_packing_key, "true"),
    "packing_strategy": Entry(_packing_key, "bfd"),
    "neat_packing": Entry(_packing_key, "true"),
    "pad_to_sequence_len": Entry(leave("a batch is padded to its longest row"), "true"),
    "use_peft": Entry(_use_peft, "true"),
    "finetuning_type": Entry(_finetuning, "lora"),
    "lora_r": Entry(into("adapter", "rank", count), "16"),
    "lora_rank": Entry(into("adapter", "rank", count), "16"),
    "r": Entry(into("adapter", "rank", count), "16"),
    "lora_alpha": Entry(into("adapter", "alpha", positive), "32"),
    "lora_dropout": Entry(into("adapter", "dropout", ratio), "0.05"),
    "lora_target": Entry(_targets, '"q_proj,v_proj"'),
    "lora_target_modules": Entry(_targets, '"q_proj,v_proj"'),
    "lora_target_linear": Entry(_targets, "true"),
    "target_modules": Entry(_targets, '"q_proj,v_proj"'),
    "use_dora": Entry(into("adapter", "dora", flag, off="`dora = false` is the default"), "true"),
    "peft_use_dora": Entry(into("adapter", "dora", flag, off="`dora = false` is the default"), "true"),
    "use_rslora": Entry(_scaling, "true"),
    "peft_use_rslora": Entry(_scaling, "true"),
    "load_in_4bit": Entry(_four_bits, "true"),
    "quantization_bit": Entry(_four_bits, "4"),
    "load_in_8bit": Entry(_four_bits, "true"),
    "modules_to_save": Entry(
        told("an adapter trains its own weights alone; `adapter = full` trains all"), '"embed_tokens"'
    ),
    "bf16": Entry(_precision, "true"),
    "fp16": Entry(_precision, "true"),
    "pure_bf16": Entry(_precision, "true"),
    "mixed_precision": Entry(precision, "bf16"),
    "torch_dtype": Entry(dtype, "bfloat16", "model"),
    "tf32": Entry(
        leave("there is no such switch; `precision` says in which numbers a stage computes"), "true"
    ),
    "gradient_checkpointing": Entry(_checkpointing, "true"),
    "disable_gradient_checkpointing": Entry(_checkpointing, "true"),
    "deepspeed": Entry(_deepspeed, '"zero3.json"'),
    "fsdp": Entry(_fsdp, '"full_shard auto_wrap"'),
    "fsdp_config": Entry(
        told("its settings are arguments, as in `parallel = fsdp2(reshard = false)`"), '"..."'
    ),
    "attn_implementation": Entry(attention, "flash_attention_2", "model"),
    "flash_attn": Entry(attention, "fa2", "model"),
    "flash_attention": Entry(attention, "true", "model"),
    "use_flash_attention_2": Entry(attention, "true", "model"),
    "sdp_attention": Entry(attention, "true", "model"),
    "use_liger_kernel": Entry(_liger, "true"),
    "enable_liger_kernel": Entry(_liger, "true"),
    "liger_": Entry(_liger, "true"),
    "torch_compile": Entry(_compile, "true"),
    "ddp_": Entry(leave("`parallel = ddp` needs no settings"), "false"),
}
