"""What is gone of what done jobs left, in real recipes: the plan says what the run then does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from compiling import SMALL, planned

from smolc.compiler.plan import left as planned_left
from smolc.compiler.plan.state import DONE, states
from smolc.runtime.__main__ import RUNNERS
from smolc.runtime.jobs import left
from smolc.runtime.jobs.disk import DiskError
from smolc.runtime.jobs.done import fingerprint
from smolc.runtime.jobs.manifest import Entry
from smolc.runtime.train.resume import disk_told


def test_the_plan_and_the_run_know_the_same_readers() -> None:
    assert planned_left.READERS == left.READERS and planned_left.SIZED == left.SIZED
    assert {kind for kinds in left.READERS.values() for kind in kinds} <= RUNNERS.keys()


RECIPE = """
recipe gone { about = "Small."; on = here }
cluster here { processes = 1 }
model tiny {
  scratch = llama(layers = 2, hidden = 64, heads = 4, intermediate = 128, context = 256)
  tokenizer = bytes
  dtype = fp32
}
dataset chats { path = "chats.jsonl" }
dataset unseen { path = "unseen.jsonl"; role = validation }
template chat { builtin = chatml }
stage sft {
  init = tiny
  method = sft
  data = chats
  template = chat
  packing = none(length = 128)
  batch = 8seq
  length = 2step
  precision = fp32
}
stage more {
  init = sft
  method = sft
  data = chats
  template = chat
  packing = none(length = 128)
  batch = 8seq
  length = 2step
  precision = fp32
}
eval check {
  of = [more]
  decode = greedy(max_new = 4)
  task words { data = unseen }
}
"""


@pytest.mark.slow
def test_weights_that_were_deleted_are_trained_again(tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"w{i}"}, {"role": "assistant", "content": f"{i}w"}]}
        for i in range(24)
    ]
    for name in ("chats", "unseen"):
        part = rows[:16] if name == "chats" else rows[16:]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))

    def run(text: str) -> str:
        (tmp_path / "gone.recipe").write_text(text)
        command = [sys.executable, "-m", "smolc.compiler.cli", "run", "gone.recipe", "-o", "built"]
        went = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, env=os.environ, timeout=400
        )
        assert went.returncode == 0, went.stdout + went.stderr
        return went.stdout

    def told(text: str) -> dict[str, str]:
        """`done`, `changed` or `new` of each job as `smolc plan` says."""
        found = states(planned(tmp_path, text), tmp_path / "built", tmp_path)
        return {id: state.kind for id, state in found.jobs.items() if id != "contamination"}

    run(RECIPE)
    for job in ("tiny", "sft", "more"):
        (tmp_path / f"built/out/{job}/model/model.safetensors").unlink()
    shutil.rmtree(tmp_path / "built/out/more-data/train")
    assert set(told(RECIPE).values()) == {DONE}
    assert "Nothing that has to run needs them: smolc run RECIPE --fresh tiny --fresh" in run(RECIPE)
    changed = RECIPE.replace("max_new = 4", "max_new = 5")
    expected = {id for id, kind in told(changed).items() if kind != DONE}
    assert expected == {"tiny", "sft", "more-data", "more", "check", "report"}
    said = run(changed)
    assert {line.split()[1] for line in said.splitlines() if line.startswith("✓")} == expected
    assert (
        "more ran, but out/more/model/model.safetensors is gone since, and check needs that: it runs again"
        in said
    )
    assert "sft-data: already done" in said
    assert (tmp_path / "built/out/more/model/model.safetensors").is_file()
    assert "ran, but" not in run(changed)


def test_the_plan_says_of_what_is_held_back_that_it_may_be_needed(tmp_path: Path) -> None:
    text = SMALL.replace("task words { data = chats }", "role = test\n  task words { data = unseen }")
    text += 'dataset unseen { path = "unseen.jsonl"; role = test }\n'
    for name in ("chats", "pairs", "unseen"):
        (tmp_path / f"{name}.jsonl").write_text("{}\n")
    plan = planned(tmp_path, text)
    for job in plan.jobs:
        if job.kind in ("model", "prepare", "train"):
            out = tmp_path / "built/out" / job.id
            out.mkdir(parents=True)
            needs = {need: _fingerprint(tmp_path / "built/out" / need, job.id) for need in job.needs}
            done = {"hash": job.hash, "inputs": {}, "needs": needs, "left": {"model/model.safetensors": 5}}
            (out / "done.json").write_text(json.dumps(done))
            (out / "model").mkdir()
            if job.id != "dpo":
                (out / "model/model.safetensors").write_text("12345")
    found = states(plan, tmp_path / "built", tmp_path).jobs
    assert found["dpo"].perhaps and not found["sft"].perhaps
    assert found["dpo"].why == ("out/dpo/model/model.safetensors is gone since, and final needs that",)


def _fingerprint(out: Path, reader: str) -> str:
    done = json.loads((out / "done.json").read_text())
    entry = Entry(id=reader, kind="train", title="", stage=None, needs=(), hash="")
    return fingerprint(done, entry)


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ({"job": {}}, " (sft goes on from checkpoint-2)"),
        # The run would start at its first step: another one was finished here.
        ({"job": {}, "over": "finished", "light": True}, ""),
    ],
)
def test_a_run_goes_on_from_its_own_checkpoints_only(
    tmp_path: Path, marker: dict[str, object], said: str
) -> None:
    checkpoints = tmp_path / "checkpoints"
    (checkpoints / "checkpoint-2").mkdir(parents=True)
    (checkpoints / "checkpoint-2/complete").write_text("{}")
    (checkpoints / "made_from.json").write_text(json.dumps(marker))
    with pytest.raises(DiskError) as caught, disk_told(tmp_path, "sft"):
        raise FileNotFoundError(2, "No such file or directory", "rows.arrow")
    assert caught.value.help == f"run again when that is mended: what is done is kept{said}"
