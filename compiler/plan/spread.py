"""Whether a stage can be spread over its devices as the recipe says. What cannot work is an error here, not on the cluster.

The limits are those of accelerate 1.15 (`parallelism_config.py`, `accelerator.py`), DeepSpeed 0.19 (`ulysses_sp.py`), TRL
1.16 and torch's context parallel. What depends on a model's config.json is checked as its job starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd, lcm

from smolc.compiler.diagnostics import Diagnostic, Label, Severity, Span
from smolc.compiler.model.methods import Adafactor, Cpt, Fsdp2, Qlora, Sft, Zero
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.start import Model
from smolc.compiler.plan.types import Cluster


def sharers(stage: Stage) -> int:
    """Devices that work on the same rows, each on a part of them."""
    kind = stage.parallel
    return kind.context if isinstance(kind, Fsdp2) else kind.sequence if isinstance(kind, Zero) else 1


def check_spread(stage: Stage, model: Model, cluster: Cluster) -> Iterator[Diagnostic]:
    kind = stage.parallel
    sharded = isinstance(kind, Zero) or (isinstance(kind, Fsdp2) and cluster.world_size > 1)
    if sharded and isinstance(stage.optim, Adafactor):
        why = "Adafactor factors whole weights: FSDP2's parts end it at the first step, and under ZeRO, which flattens"
        why += " them, it quietly is another optimiser"
        help = "write `parallel = ddp`, or `optim = adamw(...)`"
        yield _impossible(why, _at(stage, "optim"), help, kind.span, "shards them")
    if isinstance(kind, Fsdp2):
        yield from _fsdp2(stage, kind, model, cluster)
    if isinstance(kind, Zero):
        yield from _zero(stage, kind, model, cluster)


def _fsdp2(stage: Stage, kind: Fsdp2, model: Model, cluster: Cluster) -> Iterator[Diagnostic]:
    world, copies = cluster.world_size, kind.replicate
    span = kind.span_of("replicate" if copies > 1 else "context") or kind.span
    if world % (kind.context * copies):
        yield _devices(cluster, kind.context * copies, span)
    elif copies > 1 and world // (kind.context * copies) == 1:
        why = f"`replicate = {copies}` on {_these(cluster)} leaves nothing to shard"
        if kind.context > 1:
            # Devices that share a row shard the weights, too, but accelerate makes no copies of such a group alone.
            least = 2 * copies * kind.context
            why = f"`replicate = {copies}` with `context = {kind.context}` takes at least {least} devices, two groups"
            why += f" for each copy, and there are {_these(cluster)}"
        most = world // (2 * kind.context)
        help = f"write `replicate = {most}`" if most > 1 and world % most == 0 else "leave `replicate` out"
        yield _uneven(why, span, help + ("" if kind.context > 1 else "; or write `parallel = ddp`"))
    if stage.precision == "fp16" and world > 1:
        why = "accelerate has FSDP2 sum gradients over devices in fp16, where small ones vanish"
        zero = "zero(stage = 3, offload = all)" if kind.offload == "all" else "zero(stage = 3)"
        help = f"write `precision = bf16`, or `{zero}`"
        yield _impossible(why, _at(stage, "precision"), help, kind.span, "FSDP2")
    if kind.context == 1:
        return
    span = kind.span_of("context")
    yield from _shared(stage, "context", span)
    if cluster.device == "cpu":
        why = f"`context` runs on GPUs only, and `{cluster.name}` has none"
        yield _impossible(why, span, "write `zero(stage = 3, sequence = 2)`, or leave `context` out")
    elif stage.precision == "fp32":
        why = "`context` computes attention in half precision only: in fp32 torch takes kernels that cannot pass keys on"
        help = f"write `precision = bf16`, or `zero(stage = 3, sequence = {kind.context})`"
        yield _impossible(why, _at(stage, "precision"), help, span, "context parallel")
    if stage.packed:
        why = "with `context` packed documents would see each other: it drops the mask that keeps them apart"
        help = f"write `packing = none(length = {stage.packing.bound})`, or `zero(stage = 3, sequence = {kind.context})`"
        yield _impossible(why, _at(stage, "packing"), help, span, "context parallel")
    if model.attention not in ("auto", "sdpa"):
        why = f"`context` works with torch's sdpa only, and the model asks for `{model.attention}`"
        help = "write `attention = auto` in the model"
        yield _impossible(why, model.span_of("attention"), help, span, "context parallel")
    yield from _rows(stage, 2 * kind.context, "each device takes two parts of a row", span)


def _zero(stage: Stage, kind: Zero, model: Model, cluster: Cluster) -> Iterator[Diagnostic]:
    if kind.sequence == 1:
        return
    span, size = kind.span_of("sequence"), kind.sequence
    if cluster.world_size % size:
        yield _devices(cluster, size, span)
    yield from _shared(stage, "sequence", span)
    if model.attention == "eager":
        why = "`sequence` drops the mask that `eager` attention needs to be causal"
        help = "write `attention = auto` in the model"
        yield _impossible(why, model.span_of("attention"), help, span, "sequence parallel")
    yield from _rows(stage, size, "each device takes a part of a row", span)
    shape = model.scratch
    if shape is None:
        return  # by its config.json, as the job starts
    keys = shape.kv_heads or shape.heads
    if shape.heads % size or (keys % size and size % keys):
        several = [
            n for n in range(2, shape.heads + 1) if not shape.heads % n and not (keys % n and n % keys)
        ]
        why = f"{shape.heads} attention heads and {keys} of keys and values cannot be divided among {size} devices"
        help = (
            f"write `sequence = {several[-1] if several[-1] < size else several[0]}`"
            if several
            else "leave it out"
        )
        yield _impossible(why, span, help, shape.span, "the model")


def _shared(stage: Stage, key: str, span: Span | None) -> Iterator[Diagnostic]:
    """What does not go with rows that several devices share, whichever way."""
    method = stage.method
    without = f"leave `{key}` out; `checkpointing = true` and a smaller `micro_batch` save memory, too"
    if not isinstance(method, (Cpt, Sft)):
        why = f"`{key}` shares rows among devices, and {method.word} needs each answer's likelihood in one place"
        yield _impossible(why, span, without, _at(stage, "method"), "the method")
    if isinstance(stage.adapter, Qlora):
        why = f"`{key}` has no 4-bit weights: its devices would each hold all of them, or destroy them"
        yield _impossible(why, span, "write `adapter = lora`", stage.adapter.span, "in 4 bit")
    if stage.kernels == "compiled":
        why = f"compiled layers would leave out what `{key}` does around the attention of each layer"
        yield _impossible(why, _at(stage, "kernels"), "write `kernels = auto`", span, "shared rows")
    if isinstance(method, Sft) and method.neftune is not None:
        why = f"neftune's noise depends on a row's length, and with `{key}` each device sees a part of it"
        yield _impossible(why, method.span_of("neftune"), "leave `neftune` out", span, "shared rows")
    if isinstance(method, Sft) and method.loss == "dft":
        why = f"with `{key}` the loss is TRL's, which has no dft for rows that devices share"
        yield _impossible(why, method.span_of("loss"), "write `loss = nll`", span, "shared rows")


def _rows(stage: Stage, parts: int, why: str, span: Span | None) -> Iterator[Diagnostic]:
    length = stage.packing.bound
    if length % parts == 0:
        return
    near = [n for n in (length // parts * parts, -(-length // parts) * parts) if n]
    message = f"rows of {length:,} tokens cannot be divided by {parts}: {why}"
    help = "lengths that can: " + " and ".join(f"{n}" for n in near)
    yield _uneven(message, _at(stage, "packing"), help, span, "shared by so many")


def _devices(cluster: Cluster, parts: int, span: Span | None) -> Diagnostic:
    world = cluster.world_size
    fitting = [n for n in range(2, world + 1) if world % n == 0 and n != world]
    more = parts if parts > world else lcm(world, parts)
    help = f"run it on a multiple of {parts}: `--on {more}xh100`"
    if cluster.device == "cpu":
        help = f"run it on a multiple of {parts}: `--on {more}xcpu`, or `processes = {more}` in the cluster"
    if fitting and gcd(world, parts) > 1:
        help += f"; or write {gcd(world, parts)} instead"
    elif fitting:
        help += "; or write " + " or ".join(map(str, fitting)) + " instead"
    return _uneven(f"{_these(cluster)} cannot be divided into groups of {parts}", span, help)


def _these(cluster: Cluster) -> str:
    world = cluster.world_size
    return f"{world} device{'' if world == 1 else 's'} of `{cluster.name}`"


def _at(stage: Stage, key: str) -> Span | None:
    return stage.span_of(key) if stage.given(key) else stage.span


def _uneven(
    message: str, span: Span | None, help: str, other: Span | None = None, label: str = ""
) -> Diagnostic:
    return Diagnostic(
        "C050", "uneven-devices", Severity.ERROR, message, span, help=help, labels=_labels(span, other, label)
    )


def _impossible(
    message: str, span: Span | None, help: str, other: Span | None = None, label: str = ""
) -> Diagnostic:
    return Diagnostic(
        "C051",
        "cannot-be-spread",
        Severity.ERROR,
        message,
        span,
        help=help,
        labels=_labels(span, other, label),
    )


def _labels(span: Span | None, other: Span | None, label: str) -> tuple[Label, ...]:
    return (Label(other, label),) if other is not None and other != span else ()
