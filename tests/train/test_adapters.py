"""Adapters with every method, whole runs: only the adapter learns, all linear layers have one, and what is saved is the
base with it merged in. QLoRA needs a GPU and bitsandbytes."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from architectures import model_of
from compiled import LORA, MODEL, TRAIN, context_of, finished, losses, read_metrics, write_folder, write_rows
from peft import PeftModel, get_peft_model
from prepared import JOBS, TOKENIZER, rows_for
from transformers import AutoModelForCausalLM, MambaConfig, MambaForCausalLM

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import Lora, TrainJob
from smolc.runtime.train import run, start
from smolc.runtime.train.faithful.model import adapter
from smolc.runtime.train.model import adapter_config, check_targets

LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
ADAPTERS: dict[str, dict[str, Any]] = {
    "lora": {"scaling": "rank"},
    "rslora": {"scaling": "rsqrt"},
    "dora": {"scaling": "rank", "dora": True},
}
METHODS = ("sft", "dpo", "dpo_options", "orpo", "cpo", "simpo", "kto")
ALL = [(method, adapter) for method in METHODS for adapter in ADAPTERS]
# CI takes one of them.
RUNS = [
    pytest.param(*each, marks=() if each == ("kto", "dora") else pytest.mark.long, id="-".join(each))
    for each in ALL
]


def trained(folder: Path, job: dict[str, Any], method: str) -> None:
    write_folder(folder, MODEL, job)
    start.run(context_of(folder, "base"))
    write_rows(folder, TOKENIZER, rows_for(method, 40), [])
    for name in ("base", "data"):
        finished(folder, name)
    run.run(context_of(folder, "sft"))


@pytest.mark.slow
@pytest.mark.parametrize(("method", "adapter"), RUNS)
def test_a_whole_run(method: str, adapter: str, tmp_path: Path) -> None:
    trained(
        tmp_path, TRAIN | JOBS[method] | {"adapter": LORA | ADAPTERS[adapter], "precision": "fp32"}, method
    )
    assert losses(tmp_path, "sft")[0] != losses(tmp_path, "sft")[-1]
    assert all(row["grad_norm"] > 0 for row in read_metrics(tmp_path, "sft") if "grad_norm" in row)

    base = AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "base" / "model")
    before = {name: value.clone() for name, value in base.state_dict().items()}
    adapted = PeftModel.from_pretrained(base, tmp_path / "out" / "sft" / "adapter")
    found = {name.split(".")[-4] for name, _ in adapted.named_parameters() if "lora_B" in name}
    assert found == set(LINEAR)
    learnt = [value for name, value in adapted.named_parameters() if "lora_B" in name]
    assert all(value.abs().max() > 0 for value in learnt)
    assert ADAPTERS[adapter].get("dora", False) == any(
        "magnitude" in name for name, _ in adapted.named_parameters()
    )
    saved = AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "sft" / "model").state_dict()
    merged = adapted.merge_and_unload().state_dict()
    for name, value in saved.items():
        assert torch.allclose(value, merged[name], atol=1e-6), name
        changed = not torch.equal(value, before[name])
        assert changed == any(layer in name for layer in LINEAR), name


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(
    not torch.cuda.is_available() or find_spec("bitsandbytes") is None, reason="needs a GPU and bitsandbytes"
)
@pytest.mark.parametrize("method", METHODS)
def test_a_base_in_four_bits(method: str, tmp_path: Path) -> None:
    """That nothing but the adapter is trained, and on what base, is compared before the first step."""
    adapter = {"adapter": LORA | {"type": "qlora"}, "precision": "bf16", "device": "cuda"}
    trained(tmp_path, TRAIN | JOBS[method] | adapter, method)
    found = losses(tmp_path, "sft")
    assert all(map(math.isfinite, found)) and found[0] != found[-1]
    assert (tmp_path / "out" / "sft" / "adapter" / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize("targets", ["all_linear", ("in_proj", "out_proj")])
def test_mamba_has_layers_that_take_no_adapter(targets: Any) -> None:
    """PEFT would say so in words of its own."""
    shape = MambaConfig(vocab_size=32, hidden_size=16, num_hidden_layers=1, state_size=4)
    adapter = Lora.model_validate(LORA | {"targets": targets})
    with pytest.raises(JobError) as caught:
        check_targets(MambaForCausalLM(shape), adapter)
    assert "out_proj" in caught.value.message
    assert '(targets = ["dt_proj", "in_proj", "x_proj"])' in str(caught.value.help)


def test_experts_that_are_one_weight_have_the_rank_that_is_asked_for() -> None:
    """PEFT gives the two layers that are one weight twice the rank."""
    job = TrainJob.model_validate(TRAIN | {"adapter": LORA | {"scaling": "rank"}})
    model = get_peft_model(model_of("qwen3-moe", "eager"), adapter_config(job))
    layers = [m for m in model.modules() if hasattr(m, "lora_A") and len(m.lora_A)]
    assert {next(iter(layer.r.values())) for layer in layers} == {LORA["rank"], 2 * LORA["rank"]}
    assert isinstance(job.adapter, Lora)
    assert [row.what for row in adapter(job.adapter, model) if not row.same] == []
    wrong = job.adapter.model_copy(update={"rank": 3})
    assert [row.what for row in adapter(wrong, model) if not row.same] == ["adapter"]
