"""Checkpoints that training kept, as subjects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import job_bodies
import pytest
import torch
from evaluated import SPECIAL, save_model, subject
from job_bodies import TRAIN
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from smolc.runtime.evaluate.checkpoints import by_step, checkpoints_of, forget, subjects_of
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.evaluate import EvaluateJob
from smolc.runtime.jobs.manifest import read_job, read_manifest
from smolc.runtime.train.resume import MARKER, made_from, mark
from smolc.runtime.train.scratch import bytes_tokenizer
from smolc.runtime.train.seal import COMPLETE

LORA = {
    "type": "lora", "rank": 2, "alpha": 4.0, "dropout": 0.0, "targets": "all_linear", "scaling": "rank", "dora": False,
}  # fmt: skip
EVALUATE = {**job_bodies.EVALUATE, "checkpoints": True}


def trained(folder: Path, steps: tuple[int, ...] = (10, 20, 30), of: str = "sft", **changes: Any) -> Context:
    """base, a stage, a pick of it, and an eval, as a run leaves them; with checkpoints of random weights."""
    job = {**TRAIN, **changes}
    entries = [
        ("base", "model", []),
        ("data", "prepare", []),
        ("sft", "train", ["base"]),
        ("pick", "pick", ["sft"]),
    ]
    jobs = [
        {"id": id, "kind": kind, "title": "", "stage": None, "needs": needs, "hash": f"hash of {job}"}
        for id, kind, needs in entries
    ]
    cluster = {"name": "here", "device": "cpu", "nodes": 1, "processes": 1, "parallel_jobs": 1}
    about = {
        "smolc": "0",
        "edition": 1,
        "recipe": "r",
        "about": "",
        "hash": "",
        "root": ".",
        "cluster": cluster,
    }
    (folder / "manifest.json").write_text(json.dumps({**about, "jobs": jobs}))
    path = folder / "jobs/sft/job.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(job))  # JSON is YAML
    base = save_model(folder, "base")
    save_model(folder, "sft", seed=2)
    where = folder / "out/sft/result.json"
    where.write_text(json.dumps({"model": {"out": "sft/model"}, "steps": 30}))
    (folder / "out/pick").mkdir()
    (folder / "out/pick/result.json").write_text(json.dumps({"winner": "sft", "model": {"out": "sft/model"}}))
    bytes_tokenizer(SPECIAL, 256).save_pretrained(folder / "out/data/tokenizer")
    kept = folder / "out/sft/checkpoints"
    for step in steps:
        _checkpoint(kept / f"checkpoint-{step}", base, job["adapter"]["type"] == "lora", step)
    manifest = read_manifest(folder)
    origin = made_from(Context(folder, manifest, read_job(folder, "sft")))
    mark(kept, origin)
    subjects = [subject("base"), subject(of, job=of)]
    return Context(folder, manifest, EvaluateJob.model_validate({**EVALUATE, "subjects": subjects}))


def _checkpoint(folder: Path, base: Any, lora: bool, step: int) -> None:
    torch.manual_seed(step)
    if lora:
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(
            task_type="CAUSAL_LM", r=2, lora_alpha=4, target_modules="all-linear", init_lora_weights=False
        )
        base = get_peft_model(AutoModelForCausalLM.from_pretrained(_base_of(folder)), config)
    base.save_pretrained(folder)
    (folder / COMPLETE).touch()


def _base_of(folder: Path) -> Path:
    return folder.parents[2] / "base/model"


def found(context: Context) -> dict[str, str]:
    pairs = subjects_of(context, context.job)  # type: ignore[arg-type]
    return {one.name: at.source for one, at in pairs}


def test_checkpoints_of_before_the_last_step_are_subjects_by_step(tmp_path: Path) -> None:
    context = trained(tmp_path, steps=(30, 100, 20))
    assert list(found(context)) == ["base", "sft", "sft@20", "sft@100"]
    assert found(context)["sft@20"].endswith("out/sft/checkpoints/checkpoint-20")
    one = {s.name: s for s, _ in subjects_of(context, context.job)}["sft@20"]  # type: ignore[arg-type]
    assert (one.job, one.template is not None) == ("sft", True)


def test_the_winner_of_a_grid_has_them(tmp_path: Path) -> None:
    assert list(found(trained(tmp_path, of="pick"))) == ["base", "pick", "pick@10", "pick@20"]


def test_only_if_the_job_asks_for_them(tmp_path: Path) -> None:
    context = trained(tmp_path)
    context.job = context.job.model_copy(update={"checkpoints": False})
    assert list(found(context)) == ["base", "sft"]


def test_adapters_are_added_to_the_start_model_and_forgotten(tmp_path: Path) -> None:
    context = trained(tmp_path, adapter=LORA)
    at = found(context)
    assert list(at) == ["base", "sft", "sft@10", "sft@20"]
    name = "model.layers.0.self_attn.q_proj.weight"
    merged = load_file(f"{at['sft@20']}/model.safetensors")[name]
    base = load_file(f"{at['base']}/model.safetensors")[name]
    adapter = load_file(tmp_path / "out/sft/checkpoints/checkpoint-20/adapter_model.safetensors")
    a, b = (adapter[f"base_model.model.{name.removesuffix('weight')}lora_{x}.weight"] for x in "AB")
    assert torch.allclose(merged, base + 2 * b @ a, atol=1e-6) and not torch.allclose(merged, base)
    forget(context)
    assert not Path(at["sft@20"]).exists() and Path(at["sft"]).exists()


@pytest.mark.parametrize(
    ("adapter", "weights", "left", "why"),
    [
        ({"type": "full"}, "model.safetensors", "global_step20", "only parts of its weights (global_step20)"),
        ({"type": "full"}, "model.safetensors", "other", "no model.safetensors"),
        (LORA, "adapter_model.safetensors", "other", "no adapter_model.safetensors"),
    ],
)
def test_what_cannot_be_loaded_is_said_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], adapter: Any, weights: str, left: str, why: str
) -> None:
    context = trained(tmp_path, adapter=adapter)
    folder = tmp_path / "out/sft/checkpoints/checkpoint-20"
    (folder / weights).unlink()
    (folder / left).mkdir()
    assert list(found(context)) == ["base", "sft", "sft@10"]
    said = capsys.readouterr().out
    assert "sft@20: not evaluated" in said and why in said


def test_a_damaged_adapter_is_said_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    context = trained(tmp_path, adapter=LORA)
    (tmp_path / "out/sft/checkpoints/checkpoint-10/adapter_model.safetensors").write_bytes(b"half")
    assert list(found(context)) == ["base", "sft", "sft@20"]
    assert "sft@10: not evaluated" in capsys.readouterr().out


def test_incomplete_and_older_ones_are_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    context = trained(tmp_path)
    (tmp_path / "out/sft/checkpoints/checkpoint-10" / COMPLETE).unlink()
    assert list(found(context)) == ["base", "sft", "sft@20"]
    (tmp_path / "out/sft/checkpoints" / MARKER).write_text('{"job": {"seed": 9}, "needs": {}}')
    assert list(found(context)) == ["base", "sft"]
    assert "of an older recipe" in capsys.readouterr().out


def test_a_run_that_failed_half_way_has_all_of_them(tmp_path: Path) -> None:
    context = trained(tmp_path)
    (tmp_path / "out/sft/result.json").unlink()
    assert [one.step for one in checkpoints_of(context, "sft")] == [10, 20, 30]


def test_names_sort_by_subject_and_step() -> None:
    names = ["dpo@40", "base", "sft@100", "sft", "sft@20", "dpo", "a@b"]
    assert sorted(names, key=by_step) == ["base", "sft", "dpo", "a@b", "dpo@40", "sft@20", "sft@100"]
