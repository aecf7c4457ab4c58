"""A training job's parts put together: rows, model, kernels and trainer, ready to train."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from transformers.trainer_callback import PrinterCallback

from smolc.runtime.jobs.context import Context, ModelAt
from smolc.runtime.jobs.errors import JobError, run_first
from smolc.runtime.jobs.train import DpoLoss, Full, KtoLoss, TrainJob
from smolc.runtime.report.outputs import read_object
from smolc.runtime.train import (
    balance,
    common,
    flat,
    hold,
    layers,
    model,
    reference,
    rows,
    settings,
    speed,
    spread,
    steps,
    watch,
)
from smolc.runtime.train.attention.apart import KeepsApart
from smolc.runtime.train.reference_pass import computing
from smolc.runtime.train.start import count_stored

METHODS = {
    "cpt": "sft",
    "sft": "sft",
    "dpo": "dpo",
    "orpo": "orpo",
    "cpo": "cpo",
    "simpo": "cpo",
    "kto": "kto",
}


@dataclass(frozen=True)
class Rows:
    """What is learnt from. order: row numbers as they were drawn, all steps after each other."""

    train: Any
    validation: Any | None
    counts: rows.Counts
    length: steps.Length
    order: rows.Ints
    packed: bool


@dataclass(frozen=True)
class Assembled:
    """loads: of the busiest device and the mean of all, with rows as drawn and as trained, see balance.py."""

    trainer: Any
    tokenizer: Any
    start: ModelAt
    watcher: watch.Watch
    attention: Any
    attention_name: str
    speed: speed.Speed
    fixed: flat.Fixed | None
    loads: tuple[tuple[float, float], tuple[float, float]]


def rows_of(context: Context, job: TrainJob) -> Rows:
    """Raises JobError if there are none, or if they were made for another job."""
    _agrees(context, job)
    data = context.out_of(job.data)
    train = rows.load_rows(data / "train", job.method)
    if train is None:
        raise JobError(f"job {job.data} left no training rows", help=run_first(job.data))
    validation = rows.load_rows(data / "validation", job.method)
    counts = rows.count_tokens(train, job.method)
    length = steps.length_of(job.duration, len(train), int(counts.tokens.sum()), job.batch.global_sequences)
    return Rows(
        train,
        validation if validation is not None and len(validation) > 0 else None,
        counts,
        length,
        steps.row_order(length, job.seed),
        "seq_lengths" in train.column_names,
    )


def _agrees(context: Context, job: TrainJob) -> None:
    """Raises JobError where the job says otherwise than the one that made its rows did."""
    made = read_object(context.out_of(job.data) / "result.json")
    for key, name in (("method", "method"), ("packing", "packing"), ("length", "bound")):
        now, was = getattr(job, key), made.get(name)
        if was not in (None, now):
            raise JobError(
                f"jobs/{job.id}/job.yaml: {key}: is {now}, but {job.data} made its rows with {key} {was}",
                help=f"write the same into jobs/{job.data}/job.yaml, which then runs again, or change the recipe",
            )


def assemble(context: Context, job: TrainJob, data: Rows) -> Assembled:
    """Starts the process group where there are several processes. Raises JobError."""
    cuda = on_cuda(job)
    start = context.model_of(job.init)
    config = model.load_config(start, job)
    route = spread.route_of(job, config, on_cuda=cuda, packed=data.packed)
    spread.check_model(job, config, route.kind)
    name = spread.name_of(job, route.kind, packed=data.packed)
    chosen = speed.choose(
        job,
        on_cuda=cuda,
        flat=route.flat,
        packed=data.packed,
        parameters=parameters_of(context, job),
        tokens=int(data.counts.tokens[data.order].sum()),
    )
    method: Any = import_module(f"smolc.runtime.train.{METHODS[job.method]}")
    train, validation = data.train, data.validation
    if job.method == "kto":
        train = method.laid_out(job, train, data.order)
        validation = None if validation is None else method.laid_out(job, validation)
    train, validation = reference.with_reference(
        context, job, train, validation, name, flat=route.flat, on_cuda=cuda
    )
    # Before the model is loaded: this starts the process group, and ZeRO-3 spreads weights while they load.
    with refusals():
        args = method.arguments(
            job,
            settings.trainer_settings(
                job,
                data.length,
                context.out / "checkpoints",
                on_cuda=cuda,
                liger=chosen.kernels == "liger",
                validation=data.validation is not None,
            )
            | spread.parallelism(job, name),
        )
        if job.processes == 1:
            args = settings.on_one_device(args)
    tokenizer = model.load_tokenizer(str(context.out_of(job.data) / "tokenizer"))
    loaded = model.load_model(start, job, name, quantized=job.adapter.type == "qlora")
    model.match_tokenizer(loaded, tokenizer)
    model.check_targets(loaded, job.adapter)

    hidden = getattr(loaded.config.get_text_config(), "hidden_size", 0)
    lengths, bounds = rows.sequences_of(data.train, job.method)
    work = balance.work_of(lengths, bounds, hidden)
    # Packed rows are about equally long: they hardly are padded.
    padded = not route.flat and not data.packed
    order = balance.balanced_for(job.method, work, job.batch, data.order, padded=padded)
    fixed = flat.fixed_shape(np.diff(bounds), job.batch.micro, job.length, order) if chosen.fixed else None
    watcher = watch.Watch(context, data.length, data.counts, order, max(1, job.keep))
    callbacks: list[Any] = [watcher]
    if (data.packed or (route.flat and job.method not in ("cpt", "sft"))) and job.sharers == 1:
        half = job.precision != "fp32"
        callbacks.append(KeepsApart(data.train, kind=route.kind, flat=route.flat, half=half))
    parts = common.Parts(
        model=loaded,
        tokenizer=tokenizer,
        train=train,
        validation=validation,
        order=order,
        adapter=model.adapter_config(job),
        reference=None if reference.kept(job, train) else reference_of(context, job, name),
        flat=route.flat,
        callbacks=callbacks,
        records=chosen.graph,
        fixed=fixed,
    )
    with refusals():
        trainer = method.trainer(job, args, parts)
    trainer.remove_callback(PrinterCallback)
    watcher.trainer = trainer
    if hold.holds_masters(job):
        trainer.hold_masters()
    hold.shard_in_bf16(job, trainer.accelerator)
    if speed.gathers_whole(job):
        layers.gather_whole(trainer.model)
    layers.arrange(trainer.model, compiled=chosen.kernels == "compiled", recomputed=job.checkpointing)
    micro, devices = job.batch.micro, job.batch.data_parallel
    drawn, trained = (balance.loads(work, micro, devices, o, padded=padded) for o in (data.order, order))
    return Assembled(trainer, tokenizer, start, watcher, route, name, chosen, fixed, (drawn, trained))


def on_cuda(job: TrainJob) -> bool:
    """Raises JobError if the job wants a GPU and there is none."""
    import torch

    there = torch.cuda.is_available()
    if job.device == "cuda" and not there:
        raise JobError(
            "this job wants a GPU, and torch sees none",
            help="run it on another cluster: smolc run --on CLUSTER",
        )
    return there and job.device != "cpu"


def parameters_of(context: Context, job: TrainJob) -> int:
    """Of the start model, as the job that made it says or its files do; 0 if neither does."""
    said = context.result_of(job.init).get("parameters")
    if isinstance(said, int):
        return said
    folder = Path(context.model_of(job.init).source)
    return count_stored(folder) if folder.is_dir() else 0


@contextmanager
def refusals() -> Iterator[None]:
    """What TRL, PEFT and transformers refuse while they are set up is the user's to mend, such as unknown
    target modules or losses that do not mix."""
    try:
        yield
    except (ValueError, NotImplementedError) as error:
        raise JobError(f"the trainer refuses this job: {' '.join(str(error).split())}") from error


def reference_of(context: Context, job: TrainJob, attention: str) -> Any | None:
    """The frozen model that preference losses compare with in every step.

    None if it is the start model and an adapter is trained: switching the adapter off gives it back.
    """
    if not isinstance(job.loss, (DpoLoss, KtoLoss)):
        return None
    if job.loss.reference == job.init and not isinstance(job.adapter, Full):
        return None
    held = computing(job) if hold.holds_masters(job) else job
    frozen = model.load_model(context.model_of(job.loss.reference), held, attention)
    return frozen.eval().requires_grad_(False)
