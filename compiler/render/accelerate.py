"""accelerate.yaml and deepspeed.json of a training job.

Context and sequence parallel and hybrid sharding stand in job.yaml alone: the job sets them up itself
(`runtime/train/spread.py`), since sequence parallel has to know the attention that is chosen as it starts.
"""

from __future__ import annotations

import json
from typing import Any

from smolc.compiler.plan.types import Cluster, Job
from smolc.compiler.render.yaml import dump

PRECISION = {"bf16": "no", "bf16_pure": "no", "fp16": "fp16", "fp32": "no"}
"""accelerate's mixed precision, which is autocast. With bf16 the layers' weights are in bf16 when they run, of which the
runtime keeps fp32 masters: there is nothing to cast."""


PREFETCHED = 200_000_000
"""Weights that ZeRO-3 gathers ahead: more than a layer, which the runtime has it gather as one."""


def accelerate_yaml(job: Job) -> str:
    cluster = job.cluster
    parallel = job.body["parallel"]
    cpu = cluster.device == "cpu"
    config: dict[str, Any] = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": _distributed(parallel, cluster),
        "num_machines": cluster.nodes,
        "num_processes": cluster.world_size,
        "machine_rank": 0,
        "use_cpu": cpu,
        "mixed_precision": PRECISION[job.body["precision"]],
        "main_training_function": "main",
        "rdzv_backend": "c10d" if cluster.nodes > 1 else "static",
        "same_network": True,
    }
    if parallel["type"] == "fsdp2":
        config["fsdp_config"] = {
            "fsdp_version": 2,
            "fsdp_reshard_after_forward": parallel["reshard"],
            "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "fsdp_cpu_ram_efficient_loading": True,
            "fsdp_offload_params": parallel["offload"] == "all",
            "fsdp_state_dict_type": "FULL_STATE_DICT",
        }
    if parallel["type"] == "zero":
        config["deepspeed_config"] = {
            "deepspeed_config_file": f"jobs/{job.id}/deepspeed.json",
            "zero3_init_flag": parallel["stage"] == 3,
        }
        del config["mixed_precision"]  # deepspeed.json says it
    return dump(config, f"How {job.id} is spread over {cluster.name}: {_said(cluster)}.")


def _distributed(parallel: dict[str, Any], cluster: Cluster) -> str:
    if parallel["type"] == "zero":
        return "DEEPSPEED"
    if cluster.world_size == 1:
        return "NO"
    if parallel["type"] == "fsdp2":
        return "FSDP"
    return "MULTI_GPU"  # with use_cpu too: MULTI_CPU asks for several processes and quietly starts one


def _said(cluster: Cluster) -> str:
    one = f"{cluster.processes} process{'es' if cluster.processes > 1 else ''}"
    return one if cluster.nodes == 1 else f"{cluster.nodes} nodes x {one}"


def deepspeed_json(job: Job) -> str:
    """Accumulation, micro batch and clipping are those of the job; they must equal the trainer's.

    train_batch_size is left to follow from them: ZeRO-3 checks it before it knows the world size.
    """
    body = job.body
    # Gradients travel while the backward pass goes on; DeepSpeed does so by default at stage 3 alone.
    zero: dict[str, Any] = {"stage": body["parallel"]["stage"], "overlap_comm": True}
    offload = body["parallel"]["offload"]
    if offload != "none":
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": True}
    if offload == "all" and zero["stage"] == 3:
        zero["offload_param"] = {"device": "cpu", "pin_memory": True}
    if zero["stage"] == 3:
        zero["stage3_gather_16bit_weights_on_model_save"] = True
        zero["stage3_prefetch_bucket_size"] = PREFETCHED
        # Its own linear layer is one more Python function for each matrix; torch's keeps no gathered weight either.
        zero["memory_efficient_linear"] = False
    config = {
        "train_micro_batch_size_per_gpu": body["batch"]["micro"],
        "gradient_accumulation_steps": body["batch"]["accumulation"],
        "gradient_clipping": body["optimizer"]["clip"],
        "bf16": {"enabled": body["precision"] in ("bf16", "bf16_pure")},
        "fp16": {"enabled": body["precision"] == "fp16"},
        # Over micro batches and over devices: DeepSpeed takes the weights' 16 bits unless it is told otherwise.
        "data_types": {"grad_accum_dtype": "fp32"},
        "communication_data_type": "fp32",
        "zero_optimization": zero,
    }
    return json.dumps(config, indent=2) + "\n"
