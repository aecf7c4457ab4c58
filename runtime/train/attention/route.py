"""Which attention a run takes: the fastest that computes what the model computes, on this machine, in this job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train.attention.gpu import PACKAGES, Gpu, this_gpu
from smolc.runtime.train.attention.model import Attends, attends

FLASH = ("flash_attention_4", "flash_attention_3", "flash_attention_2")
FLAT = (*FLASH, "varlen")
"""Kinds that take sequences laid end to end in one row."""
WIDEST = {"flash_attention_4": 128}

GOOD = {
    "flash_attention_4": "the flash-attn-4 package is installed, and this is a GPU that it is written for",
    "flash_attention_3": "the flash-attn-3 package is installed, and this is a GPU that it is written for",
    "flash_attention_2": "the flash-attn package is installed",
    "varlen": "FlashAttention as torch ships it computes within each document",
    "sdpa": "a mask keeps documents and padding out",
    "eager": "written out in torch, with a mask; it keeps a row's scores in memory, length x length for each head",
}


@dataclass(frozen=True)
class Route:
    """kind: what `attention` of a job says. why: a sentence for people. flat: whether batches are laid end to end in one
    row, instead of padded."""

    kind: str
    why: str
    flat: bool


@dataclass(frozen=True)
class Wanted:
    """What a job asks of a kernel. gpu: None on a CPU. ends: whether batches may be laid end to end."""

    model: Attends
    gpu: Gpu | None
    half: bool
    ends: bool


def choose(job: TrainJob, config: Any, *, on_cuda: bool, packed: bool, gpu: Gpu | None = None) -> Route:
    """config: the model's text config. gpu: this process's, unless given.

    Raises JobError for packed rows of a model that carries a state or attends within pieces, and if the job demands what
    cannot be.
    """
    model = attends(config)
    if packed and model.states:
        raise JobError(
            f"the rows are packed, and {model.name} carries a state from token to token (layers: "
            f"{', '.join(model.states)}), which no attention mask stops: a document would see those before it in its row",
            help=f"write packing = none(length = {job.length}) in the stage",
        )
    if packed and model.chunk is not None and model.chunk < job.length and not counts_in_documents():
        raise JobError(
            f"the rows are packed, and {model.name} attends within pieces of {model.chunk:,} tokens, which this "
            "transformers counts from the beginning of a row: a document would be cut where it is not when it is alone",
            help=f"install transformers 5.23, or write packing = none(length = {job.length}) in the stage",
        )
    wanted = Wanted(
        model=model,
        gpu=(gpu or this_gpu()) if on_cuda else None,
        half=job.precision != "fp32",
        ends=not model.states,
    )
    if job.attention != "auto":
        if why := obstacle(job.attention, wanted):
            raise JobError(f"attention = {job.attention}: {why}", help=_instead(job.attention, wanted))
        return _route(job.attention, wanted, "the job asks for it")
    return fastest(wanted)


def counts_in_documents() -> bool:
    """Whether windows and pieces of a packed row are counted from the beginning of each document (5.17 does not)."""
    from transformers import masking_utils

    return hasattr(masking_utils, "packed_sequence_compatibility_function")


def fastest(wanted: Wanted) -> Route:
    """The first that has no obstacle, and what kept the one that would have been faster from being taken."""
    kept: str | None = None
    for kind in candidates(wanted):
        why = obstacle(kind, wanted)
        if why is None:
            return _route(kind, wanted, GOOD[kind] + (f"; {kept}" if kept else ""))
        if kind in ("varlen", "sdpa"):
            kept = f"not {kind}: {why}" if kept is None or kind == "sdpa" else kept
    raise AssertionError("eager takes everything")


def candidates(wanted: Wanted) -> list[str]:
    """From the fastest to the slowest. FlashAttention 4 is fastest on Blackwell, 3 on Hopper."""
    if wanted.model.own_code:
        return ["sdpa", "eager"]
    newest = wanted.gpu is not None and wanted.gpu.capability[0] >= 10
    installed = [kind for kind in FLASH if newest or kind != "flash_attention_4"]
    return [*installed, *(["varlen"] if wanted.ends else []), "sdpa", "eager"]


def obstacle(kind: str, wanted: Wanted) -> str | None:
    """Why this kind cannot serve, None if it can."""
    model = wanted.model
    if kind == "eager":
        return None
    if kind == "sdpa":
        # transformers 5.17 says that Gemma 2 takes sdpa, and leaves the capping out without a word.
        if not model.softcap and (model.sdpa or model.own_code):
            return None
        return f"it does not compute {_more(model)}"
    return _machine(kind, wanted) or _class(kind, wanted) or _heads(kind, wanted)


def _machine(kind: str, wanted: Wanted) -> str | None:
    gpu = wanted.gpu
    if gpu is None:
        return "there is no GPU"
    if not wanted.half:
        return "it computes in half precision only, and the job asks for fp32"
    major, minor = gpu.capability
    here = f"and this GPU has {major}.{minor}"
    if major < 8:
        return f"it needs Ampere or later (compute capability 8.0), {here}"
    if kind == "flash_attention_3" and major != 9:
        return f"it is written for Hopper (compute capability 9.0), {here}"
    if kind == "flash_attention_4" and major < 9:
        return f"it is written for Hopper and Blackwell (compute capability 9.0 and 10.0), {here}"
    if kind not in gpu.installed:
        named = PACKAGES.get(kind)
        return (
            f"the package {named} is not installed"
            if named
            else "this torch does not have it (2.11 and later do)"
        )
    if kind == "varlen" and not wanted.ends:
        return f"{wanted.model.name} carries a state from token to token, so its batches are padded"
    return None


def _class(kind: str, wanted: Wanted) -> str | None:
    """What the model's class can be given, and what the kernels lack."""
    model = wanted.model
    if model.own_code:
        # transformers refuses FlashAttention itself where the code does not know it.
        return "the model brings its own code, which may not use it" if kind == "varlen" else None
    if model.kernels is not None and kind not in model.kernels:
        return f"it does not compute {_more(model)}"
    if model.kernels is not None:
        # flash-attention#1973, #2102: the forward pass knows sinks, the backward pass leaves them without a gradient.
        return f"its backward pass does not compute {_more(model)}"
    if model.softcap and kind == "varlen":
        return f"it does not compute {_more(model)}"
    if model.softcap and kind == "flash_attention_4":
        return f"its backward pass does not compute {_more(model)}"  # flash-attention#2466
    if not model.flash or (kind == "varlen" and not model.by_name):
        return f"{model.name} does not take attention without a mask"
    if kind == "varlen" and not model.sdpa:
        return f"it does not compute {_more(model)}"
    if model.dropout and kind != "flash_attention_2":
        return f"{model.name} has dropout in its attention, and it has none"
    return None


def _heads(kind: str, wanted: Wanted) -> str | None:
    width, values = wanted.model.width, wanted.model.value_width
    if width is None or values is None or wanted.gpu is None:
        return None
    widest = WIDEST.get(kind, 256)
    if max(width, values) > widest:
        return f"it takes heads of up to {widest}, and {wanted.model.name} has heads of {max(width, values)}"
    if values > width or (kind == "flash_attention_4" and values != width):
        return (
            f"it takes value heads as wide as the others, and {wanted.model.name} has {values} beside {width}"
        )
    if width % 8 and kind != "varlen":
        return f"it takes heads of a multiple of 8, and {wanted.model.name} has heads of {width}"
    major, minor = wanted.gpu.capability
    if 192 < width <= 224 and (major == 12 or (major == 8 and minor >= 6)):
        return (
            f"its backward pass does not take heads of {width} on a GPU of compute capability {major}.{minor}"
        )
    return None


def _more(model: Attends) -> str:
    """What a model's attention has beyond the softmax of masked scores."""
    if model.softcap:
        return f"the soft-capping of attention scores that {model.name} has"
    if model.kernels is not None:
        return f"the attention of {model.name}, which has sinks or the like"
    return f"the attention of {model.name}, as its class in transformers says"


def _route(kind: str, wanted: Wanted, why: str) -> Route:
    return Route(kind, why, flat=kind in FLAT and wanted.ends)


def _instead(kind: str, wanted: Wanted) -> str:
    return f"write attention = auto, which takes {fastest(wanted).kind} here"
