"""`kind: train`: one training run, from prepared rows to a saved model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import DpoLoss, Full, KtoLoss, TrainJob
from smolc.runtime.train import rungs
from smolc.runtime.train.environment import prepare_environment
from smolc.runtime.train.faithful.launch import check_batch
from smolc.runtime.train.start import count_stored

METHODS = {"cpt": "sft", "sft": "sft", "dpo": "dpo", "orpo": "orpo", "kto": "kto"}


def run(context: Context) -> None:
    """Raises JobError for what the user can mend."""
    job = context.job
    assert isinstance(job, TrainJob)
    check_batch(job, int(os.environ.get("WORLD_SIZE", "1")))
    if job.parallel.type == "zero" and job.precision == "bf16_pure":
        raise JobError(
            "ZeRO always keeps fp32 master weights, so it cannot train with precision = bf16_pure",
            help="write precision = bf16, or parallel = fsdp2",
        )
    if (ended := rungs.ended_before(context, job)) is not None:
        print(ended["why"])
        if os.environ.get("RANK", "0") == "0":
            rungs.take_curve(context, job)
            context.write_result(ended)
        return
    prepare_environment()
    from smolc.runtime.train import hold, out_of_memory, resume
    from smolc.runtime.train.diverged import Diverged

    # A launcher sets it too; the job decides.
    os.environ["ACCELERATE_MIXED_PRECISION"] = hold.autocast(job)
    try:
        with resume.disk_told(context.out, job.id):
            train(context, job)
    except RuntimeError as error:
        if not out_of_memory.is_out_of_memory(error):
            raise
        raise out_of_memory.out_of_memory(context, job, error) from error
    except Diverged as error:
        if os.environ.get("RANK", "0") == "0":
            resume.over(context.out / "checkpoints", "diverged")
        if not in_a_grid(context):
            raise
        # A grid is there to find out: the run has lost, and the others go on.
        print(f"diverged: {error.message}")
        if os.environ.get("RANK", "0") == "0":
            context.write_result(error.result())


def in_a_grid(context: Context) -> bool:
    """Whether this run is one of several among which a job picks."""
    return any(
        entry.kind in ("pick", "cull") and context.job.id in entry.needs for entry in context.manifest.jobs
    )


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


def train(context: Context, job: TrainJob) -> None:
    from smolc.runtime.train import (
        attention,
        balance,
        common,
        hold,
        layers,
        model,
        result,
        resume,
        rows,
        save,
        settings,
        speed,
        spread,
        steps,
        watch,
    )
    from smolc.runtime.train.faithful.check import Check
    from smolc.runtime.train.faithful.seen import Asked

    cuda = on_cuda(job)
    data = context.out_of(job.data)
    loaded = rows.load_rows(data / "train", job.method)
    if loaded is None:
        raise JobError(
            f"job {job.data} left no training rows", help="run it first: smolc run does so by itself"
        )
    validation = rows.load_rows(data / "validation", job.method)
    validation = validation if validation is not None and len(validation) > 0 else None
    counts = rows.count_tokens(loaded, job.method)
    length = steps.length_of(job.duration, len(loaded), int(counts.tokens.sum()), job.batch.global_sequences)
    planned = steps.row_order(length, job.seed)
    packed = "seq_lengths" in loaded.column_names
    start = context.model_of(job.init)
    config = model.load_config(start, job)
    route = spread.route_of(job, config, on_cuda=cuda, packed=packed)
    spread.check_model(job, config, route.kind)
    kind, flat = route.kind, route.flat
    name = spread.name_of(job, kind, packed=packed)
    chosen = speed.choose(
        job,
        on_cuda=cuda,
        flat=flat,
        packed=packed,
        parameters=parameters_of(context, job),
        tokens=int(counts.tokens[planned].sum()),
    )
    liger = chosen.kernels == "liger"

    checkpoints = context.out / "checkpoints"

    method: Any = import_module(f"smolc.runtime.train.{METHODS[job.method]}")
    # Before the model is loaded: this starts the process group, and ZeRO-3 spreads weights while they load.
    with refusals():
        args = method.arguments(
            job,
            settings.trainer_settings(
                job, length, checkpoints, on_cuda=cuda, liger=liger, validation=validation is not None
            )
            | spread.parallelism(job, name),
        )
    checkpoint = resume.agreed(checkpoints, resume.made_from(context), job.id)
    if checkpoint is None and (checkpoint := rungs.handed_on(context, job.part)) and args.process_index == 0:
        rungs.take_curve(context, job)

    start = context.model_of(job.init)
    tokenizer = model.load_tokenizer(str(data / "tokenizer"))
    loaded_model = model.load_model(start, job, name, quantized=job.adapter.type == "qlora")
    model.match_tokenizer(loaded_model, tokenizer)
    model.check_targets(loaded_model, job.adapter)
    hidden = getattr(loaded_model.config.get_text_config(), "hidden_size", 0)
    work = balance.work_of(*rows.sequences_of(loaded, job.method), hidden)
    # Packed rows are about equally long: they hardly are padded.
    padded = not flat and not packed
    order = balance.balanced_for(job.method, work, job.batch, planned, padded=padded)
    loads = partial(balance.loads, work, job.batch.micro, job.batch.data_parallel, padded=padded)
    watcher = watch.Watch(context, length, counts, order, max(1, job.keep))
    apart = []
    if packed and job.sharers == 1:
        from smolc.runtime.train.attention.apart import KeepsApart

        apart = [KeepsApart(loaded, kind=kind, flat=flat, half=job.precision != "fp32")]
    parts = common.Parts(
        model=loaded_model,
        tokenizer=tokenizer,
        train=loaded,
        validation=validation,
        order=order,
        adapter=model.adapter_config(job),
        reference=reference_of(context, job, name),
        flat=flat,
        callbacks=[watcher, *apart],
        records=chosen.graph,
        fixed=fixed_shape(loaded, job, order) if chosen.fixed else None,
    )
    with refusals():
        trainer = method.trainer(job, args, parts)
    from transformers.trainer_callback import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    if hold.holds_masters(job):
        trainer.hold_masters()
    hold.shard_in_bf16(job, trainer.accelerator)
    layers.arrange(trainer.model, compiled=chosen.kernels == "compiled", recomputed=job.checkpointing)
    watcher.trainer = trainer
    check = Check(Asked(job, length, loaded, planned, name))
    trainer.before_first_step = check
    sizes = model.count_parameters(trainer.model)
    if trainer.accelerator.is_main_process:
        print(f"{length.steps} steps of {length.sequences} sequences, {length.epochs:.2f} epochs", flush=True)
        print(f"attention = {kind}: {route.why}", flush=True)
        if checkpoint is not None:
            print(f"continuing from {checkpoint.name}", flush=True)

    with resume.loading(checkpoint), suppress(rungs.Reached):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint is not None else None)
    if validation is not None and watcher.evaluated_at != watcher.last:
        trainer.evaluate()
    if watcher.last == length.steps:
        save.save_trained(job, trainer, tokenizer, start, context.out)
    if trainer.accelerator.is_main_process:
        context.write_result(
            result.result_of(
                job,
                watcher,
                trainer.accelerator,
                attention=route,
                liger=liger,
                sizes=sizes,
                loads=(loads(planned), loads(order)),
                check=check,
            )
        )
        resume.over(checkpoints, "finished")
    finish()


def fixed_shape(loaded: Any, job: TrainJob, order: Any) -> Any:
    import numpy as np

    from smolc.runtime.train import flat, rows

    _, bounds = rows.sequences_of(loaded, job.method)
    return flat.fixed_shape(np.diff(bounds), job.batch.micro, job.length, order)


@contextmanager
def refusals() -> Iterator[None]:
    """What TRL, PEFT and transformers refuse while they are set up is the user's to mend, such as unknown
    target modules or losses that do not mix."""
    try:
        yield
    except (ValueError, NotImplementedError) as error:
        raise JobError(f"the trainer refuses this job: {' '.join(str(error).split())}") from error


def reference_of(context: Context, job: TrainJob, attention: str) -> Any | None:
    """The frozen model that preference losses compare with.

    None if it is the start model and an adapter is trained: switching the adapter off gives it back.
    """
    if not isinstance(job.loss, (DpoLoss, KtoLoss)):
        return None
    if job.loss.reference == job.init and not isinstance(job.adapter, Full):
        return None
    from smolc.runtime.train.model import load_model

    reference = load_model(context.model_of(job.loss.reference), job, attention)
    return reference.eval().requires_grad_(False)


def finish() -> None:
    """Leave the process group together: DeepSpeed may abort at exit otherwise, and rank 0 reports."""
    import torch.distributed as distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()
