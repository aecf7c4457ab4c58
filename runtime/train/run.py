"""`kind: train`: one training run, from prepared rows to a saved model."""

from __future__ import annotations

import os
from contextlib import suppress

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train import rungs
from smolc.runtime.train.environment import prepare_environment
from smolc.runtime.train.faithful.launch import check_batch


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


def after(context: Context) -> None:
    from smolc.runtime.train.lighten import lighten

    lighten(context)


def in_a_grid(context: Context) -> bool:
    """Whether this run is one of several among which a job picks."""
    return any(
        entry.kind in ("pick", "cull") and context.job.id in entry.needs for entry in context.manifest.jobs
    )


def train(context: Context, job: TrainJob) -> None:
    from smolc.runtime.train import model, probe, result, resume, save
    from smolc.runtime.train.assemble import assemble, rows_of
    from smolc.runtime.train.diverged import Diverged
    from smolc.runtime.train.faithful.check import Check
    from smolc.runtime.train.faithful.seen import Asked
    from smolc.runtime.train.faithful.spread import launched
    from smolc.runtime.train.faithful.table import demand
    from smolc.runtime.train.health import check as health
    from smolc.runtime.train.same_tokens import check_reference

    checkpoints = context.out / "checkpoints"
    data = rows_of(context, job)
    check_reference(context, job, data.train)
    asked = job
    job, trials = probe.tuned(context, asked, data)
    length = data.length
    made = assemble(context, job, data)
    trainer, watcher = made.trainer, made.watcher
    watcher.answer_lengths = health.answer_lengths(data.validation, job)
    is_main = trainer.accelerator.is_main_process
    origin = resume.made_from(context, job, trainer.model.config.get_text_config())
    before = resume.written(checkpoints)
    checkpoint = resume.agreed(checkpoints, origin, job.id)
    if checkpoint is None and (checkpoint := rungs.handed_on(context, job.part)) and is_main:
        rungs.take_curve(context, job)
        print(f"continuing from {checkpoint.name}", flush=True)
    demand(launched(job, trainer.accelerator))
    check = Check(Asked(job, length, data.train, data.order, made.attention_name))
    trainer.before_first_step = check
    sizes = model.count_parameters(trainer.model)
    if is_main:
        print(f"{length.steps} steps of {length.sequences} sequences, {length.epochs:.2f} epochs", flush=True)
        print(f"attention = {made.attention.kind}: {made.attention.why}", flush=True)
        if trials:
            print(probe.table(trials, job), flush=True)
        elif job != asked:
            again = f"{job.checkpointing:.0%} of the layers recomputed"
            print(f"reckoned to fit: micro batch {job.batch.micro}, {again}", flush=True)

    with resume.loading(checkpoint), suppress(rungs.Reached):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint is not None else None)
    if data.validation is not None and watcher.evaluated_at != watcher.last:
        trainer.evaluate()
    if watcher.last == length.steps:
        if bad := save.not_finite(trainer):
            more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
            raise Diverged(
                f"after step {watcher.last} of {length.steps} there are weights that are no numbers: {bad[0]}{more}",
                watcher.last,
                watcher.loss,
            )
        fixed = save.template_variables(context.folder, job.data)
        save.save_trained(job, trainer, made.tokenizer, made.start, context.out, fixed)
    if is_main:
        said = result.result_of(job, made, sizes, check, trials)
        if checkpoint is not None:
            later = before[before.index(checkpoint.name) + 1 :] if checkpoint.name in before else []
            said["continued"] = {"from": checkpoint.name, "damaged": later}
        if watcher.last == length.steps and health.watched(job):
            said["health"] = health.look(context, job, made, data.validation)
        context.write_result(said)
        resume.over(checkpoints, "finished")
    finish()


def finish() -> None:
    """Leave the process group together: a rank that went first would look dead to the others."""
    import torch.distributed as distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()
