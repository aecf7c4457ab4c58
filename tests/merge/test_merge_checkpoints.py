"""Soups of a stage and the checkpoints that it kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from job_bodies import TRAIN
from merging import SOUP, context, edited, job, model, tensors

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.manifest import read_job, read_manifest
from smolc.runtime.merge.run import run
from smolc.runtime.train.resume import made_from, mark
from smolc.runtime.train.seal import COMPLETE


def trained(folder: Path, *steps: int, **method: Any) -> Context:
    """A stage `sft` of 30 steps, with checkpoints, and a soup of it."""
    body = job(("sft",), SOUP, checkpoints=True, **method)
    made = context(folder, TRAIN | {"needs": []}, body)
    out = model(folder, "sft", 30).parent
    (out / "result.json").write_text(json.dumps({"model": {"out": "sft/model"}, "steps": 30}))
    for step in steps:
        kept = out / "checkpoints" / f"checkpoint-{step}"
        shutil.copytree(model(folder, f"step{step}", step), kept)
        (kept / COMPLETE).touch()
    (out / "checkpoints").mkdir(exist_ok=True)
    mark(out / "checkpoints", made_from(Context(folder, read_manifest(folder), read_job(folder, "sft"))))
    return made


def test_the_mean_of_all_that_were_kept(tmp_path: Path) -> None:
    run(trained(tmp_path, 10, 20, 30))
    made = tensors(tmp_path / "out/soup/model")
    # The checkpoint of the last step is the model itself, and counts once.
    inputs = [tensors(tmp_path / "out" / name / "model") for name in ("sft", "step10", "step20")]
    for name, tensor in made.items():
        assert torch.equal(tensor, (sum(one[name].double() for one in inputs) / 3).to(torch.bfloat16)), name
    result = json.loads((tmp_path / "out/soup/result.json").read_text())
    assert [one["name"] for one in result["merged"]] == ["sft", "sft@10", "sft@20"]
    assert {one["weight"] for one in result["merged"]} == {1 / 3}


def test_without_any_there_is_nothing_to_merge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(JobError, match="no checkpoints were kept") as error:
        run(trained(tmp_path))
    assert "save_every" in str(error.value.help)


def test_one_that_cannot_be_loaded_is_not_left_out(tmp_path: Path) -> None:
    made = trained(tmp_path, 10, 20)
    (tmp_path / "out/sft/checkpoints/checkpoint-20/model.safetensors").unlink()
    with pytest.raises(JobError, match="checkpoint-20 of sft has no model"):
        run(made)


def test_a_checkpoint_that_is_another_model(tmp_path: Path) -> None:
    made = trained(tmp_path, 10)
    edited(
        tmp_path / "out/sft/checkpoints/checkpoint-10", lambda t: t | {"lm_head.weight": torch.ones(3, 16)}
    )
    with pytest.raises(JobError, match="`sft` and `sft@10` have different shapes"):
        run(made)
