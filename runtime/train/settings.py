"""TrainJob -> the arguments of transformers' trainer. What matters is said, not left to a default."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import Optimizer, TrainJob
from smolc.runtime.train.hold import autocast
from smolc.runtime.train.steps import Length, every_steps, scheduler_settings


def optimizer_settings(optimizer: Optimizer, on_cuda: bool) -> dict[str, Any]:
    """Weight decay leaves out biases and norms, as transformers does. sgd and adafactor have no betas. Raises JobError."""
    if optimizer.type == "adamw_8bit":
        if find_spec("bitsandbytes") is None:
            raise JobError(
                "adamw_8bit needs the bitsandbytes package", help="pip install bitsandbytes, or write adamw"
            )
        if not on_cuda:
            raise JobError("adamw_8bit needs a GPU", help="write adamw")
    names = {
        "adamw": "adamw_torch_fused" if on_cuda else "adamw_torch",
        "adamw_8bit": "adamw_bnb_8bit",
        "sgd": "sgd",
        "adafactor": "adafactor",
    }
    return {
        "optim": names[optimizer.type],
        "learning_rate": optimizer.lr,
        "adam_beta1": optimizer.betas[0],
        "adam_beta2": optimizer.betas[1],
        "adam_epsilon": optimizer.eps,
        "weight_decay": optimizer.weight_decay,
        "max_grad_norm": optimizer.clip,
    }


def trainer_settings(
    job: TrainJob, length: Length, checkpoints: Path, *, on_cuda: bool, liger: bool, validation: bool
) -> dict[str, Any]:
    """Keyword arguments shared by SFTConfig, DPOConfig, ORPOConfig, CPOConfig and KTOConfig.

    bf16 of the trainer is autocast, see hold.py.
    """
    if job.precision == "fp16" and not on_cuda:
        raise JobError("precision fp16 needs a GPU", help="on a CPU use precision = fp32 or bf16")
    evaluate = job.evaluate_every if validation else None
    return {
        "output_dir": str(checkpoints),
        "seed": job.seed,
        "data_seed": job.seed,
        "full_determinism": False,
        "use_cpu": not on_cuda,
        # length and batch
        "max_steps": length.steps,
        "per_device_train_batch_size": job.batch.micro,
        "per_device_eval_batch_size": job.batch.micro,
        "gradient_accumulation_steps": job.batch.accumulation,
        "average_tokens_across_devices": True,
        "auto_find_batch_size": False,
        # optimiser and schedule
        **optimizer_settings(job.optimizer, on_cuda),
        **scheduler_settings(job.schedule, job.optimizer.lr, length.steps),
        "label_smoothing_factor": 0.0,
        # numbers
        "bf16": autocast(job) == "bf16",
        "fp16": autocast(job) == "fp16",
        "gradient_checkpointing": False,  # see layers.py
        "use_liger_kernel": liger,
        "liger_kernel_config": {"fused_linear_cross_entropy": False} if liger else None,
        "torch_compile": False,
        # rows arrive whole and in order: see rows.py and steps.py
        "remove_unused_columns": False,
        "dataloader_drop_last": False,
        "dataloader_num_workers": 2 if on_cuda else 0,
        "dataloader_persistent_workers": on_cuda,
        "dataloader_pin_memory": on_cuda,
        "accelerator_config": {
            "non_blocking": on_cuda,
            # Otherwise FSDP2 would keep whole gradients between the micro steps.
            "gradient_accumulation_kwargs": {"sync_each_batch": job.parallel.type == "fsdp2"},
        },
        # what is written down
        "logging_strategy": "steps",
        "logging_steps": job.log_every,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "log_level": "warning",
        "push_to_hub": False,
        "eval_strategy": "steps" if evaluate else "no",
        "eval_steps": every_steps(evaluate, length.steps) if evaluate else None,
        "prediction_loss_only": True,
        "save_strategy": "steps" if job.save_every else "no",
        "save_steps": every_steps(job.save_every, length.steps) if job.save_every else length.steps,
        # removed by ourselves, once the next one is whole: see resume.py
        "save_total_limit": None,
        "load_best_model_at_end": False,
        # distributed
        "ddp_find_unused_parameters": False,
        "ddp_broadcast_buffers": False,
        "ddp_backend": "gloo" if not on_cuda and job.processes > 1 else None,
        "ddp_timeout": 1800,
        "trust_remote_code": job.trust_remote_code,
    }


def on_one_device(args: Any) -> Any:
    """For a single process: with several GPUs in sight transformers would spread each batch over all of them
    (nn.DataParallel), which TRL refuses."""
    args._n_gpu = min(args.n_gpu, 1)
    return args
