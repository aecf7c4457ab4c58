from pathlib import Path
from typing import Any

import pytest
import torch
from compiled import LORA, TRAIN
from transformers import TrainingArguments

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train.model import adapter_config, keeps_dropout, saved_dtype, weight_dtype
from smolc.runtime.train.settings import on_one_device, trainer_settings
from smolc.runtime.train.steps import Length

ZERO = {"type": "zero", "stage": 2, "offload": "none"}
EVERY = {"steps": None, "fraction": 0.25}


def job(**said: Any) -> TrainJob:
    return TrainJob.model_validate(TRAIN | said)


def settings(
    on_cuda: bool = False, validation: bool = True, liger: bool = False, **said: Any
) -> dict[str, Any]:
    return trainer_settings(
        job(**said), Length(40, 80, 4), Path("c"), on_cuda=on_cuda, liger=liger, validation=validation
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"seed": 9}, {"seed": 9, "data_seed": 9}),
        ({}, {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "max_steps": 40}),
        ({}, {"learning_rate": 3e-3, "adam_beta1": 0.9, "adam_beta2": 0.95, "adam_epsilon": 1e-8}),
        ({}, {"weight_decay": 0.01, "max_grad_norm": 1.0, "optim": "adamw_torch", "warmup_steps": 2}),
        ({}, {"report_to": "none", "remove_unused_columns": False, "average_tokens_across_devices": True}),
        (
            {},
            {
                "eval_strategy": "no",
                "save_strategy": "no",
                "logging_steps": 1,
                "logging_nan_inf_filter": False,
            },
        ),
        ({"evaluate_every": EVERY}, {"eval_strategy": "steps", "eval_steps": 10}),
        (
            {"save_every": EVERY, "keep": 3},
            {"save_strategy": "steps", "save_steps": 10, "save_total_limit": None},
        ),
        # Nothing is autocast for bf16 (see hold.py); DeepSpeed goes by the word.
        ({"precision": "bf16"}, {"bf16": False, "fp16": False}),
        ({"precision": "bf16", "parallel": ZERO}, {"bf16": True, "fp16": False}),
        ({"precision": "bf16_pure"}, {"bf16": False, "fp16": False}),
        ({"checkpointing": 1.0}, {"gradient_checkpointing": False}),  # see layers.py
        ({"trust_remote_code": True}, {"trust_remote_code": True}),
    ],
)
def test_each_key_arrives(said: dict[str, Any], expected: dict[str, Any]) -> None:
    made = settings(**said)
    assert {name: made[name] for name in expected} == expected


def test_a_gpu_gets_fused_adamw_and_pinned_memory() -> None:
    made = settings(on_cuda=True, liger=True)
    assert made["optim"] == "adamw_torch_fused" and made["dataloader_pin_memory"] and not made["use_cpu"]
    assert made["liger_kernel_config"] == {"fused_linear_cross_entropy": False}


def test_nothing_to_evaluate_on() -> None:
    assert settings(validation=False, evaluate_every=EVERY)["eval_strategy"] == "no"


@pytest.mark.parametrize(
    ("installed", "on_cuda", "said"),
    [
        (False, True, "adamw_8bit needs the bitsandbytes package"),
        (True, False, "adamw_8bit needs a GPU"),
        (True, True, None),
    ],
)
def test_8_bit_states_need_bitsandbytes_and_a_gpu(
    monkeypatch: pytest.MonkeyPatch, installed: bool, on_cuda: bool, said: str | None
) -> None:
    monkeypatch.setattr("smolc.runtime.train.settings.find_spec", lambda _: installed or None)
    optimizer = TRAIN["optimizer"] | {"type": "adamw_8bit"}
    if said is None:
        assert settings(on_cuda, optimizer=optimizer)["optim"] == "adamw_bnb_8bit"
        return
    with pytest.raises(JobError, match=said) as caught:
        settings(on_cuda, optimizer=optimizer)
    assert "write adamw" in (caught.value.help or "")


def test_fp16_needs_a_gpu() -> None:
    with pytest.raises(JobError, match="needs a GPU"):
        settings(precision="fp16")
    assert settings(on_cuda=True, precision="fp16")["fp16"]


@pytest.mark.parametrize(
    ("said", "held", "saved"),
    [
        ({"precision": "fp32"}, "float32", "float32"),
        ({"precision": "bf16"}, "float32", "bfloat16"),
        ({"precision": "bf16_pure"}, "bfloat16", "bfloat16"),
        ({"precision": "fp16"}, "float32", "float16"),
        ({"precision": "bf16", "adapter": LORA}, "bfloat16", "bfloat16"),
        ({"precision": "fp32", "adapter": LORA}, "float32", "float32"),
        (
            {"precision": "bf16", "adapter": LORA, "parallel": {"type": "fsdp2", "reshard": True}},
            "float32",
            "bfloat16",
        ),
    ],
)
def test_in_which_numbers(said: dict[str, Any], held: str, saved: str) -> None:
    assert str(weight_dtype(job(**said))) == f"torch.{held}"
    assert str(saved_dtype(job(**said))) == f"torch.{saved}"


def test_an_adapter_says_all_it_was_told() -> None:
    config = adapter_config(job(adapter=LORA | {"targets": ["q_proj"], "dropout": 0.1, "dora": True}))
    assert (config.r, config.lora_alpha, config.lora_dropout) == (4, 8.0, 0.1)
    assert config.target_modules == {"q_proj"} and config.use_rslora and config.use_dora
    assert keeps_dropout(job(adapter=LORA | {"dropout": 0.1})) and not keeps_dropout(job(adapter=LORA))


def test_one_process_takes_one_of_several_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    args = TrainingArguments(output_dir=str(tmp_path))
    assert args.n_gpu == 4, "transformers would spread batches by nn.DataParallel"
    assert on_one_device(args).n_gpu == 1
