"""What can be compared before anything is loaded."""

from __future__ import annotations

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import TrainJob


def check_batch(job: TrainJob, world_size: int) -> None:
    """Raises JobError unless the processes and the batch are the ones that were planned."""
    batch = job.batch
    if world_size != job.processes:
        raise JobError(
            f"this run has {world_size} processes, but the job was planned for {job.processes}",
            help="start it with its launch.sh, or build for the cluster you have: smolc build --on CLUSTER",
        )
    product = batch.micro * batch.accumulation * batch.data_parallel
    if product != batch.global_sequences:
        raise JobError(
            f"{batch.micro} sequences x {batch.accumulation} accumulation steps x {batch.data_parallel} "
            f"devices = {product} sequences per step, but the recipe says {batch.global_sequences}",
            help="choose a batch that the number of devices divides",
        )
