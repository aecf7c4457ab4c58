"""What of a grid is run again when it changes: the real compiler, executor, pick and cull; training is played.

A run's held-out loss is made of its learning rate here, best at 5e-4, so that a test can say who wins.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from compiling import SMALL, planned

from smolc.compiler.plan.state import DONE, NEW, states
from smolc.compiler.render import files, write

PLAYED = """
import math, sys
from smolc.runtime import __main__ as program
from smolc.runtime.train import rungs

def run(context):
    job, result = context.job, {"model": {"out": context.job.id}}
    with open("order.txt", "a") as file:
        file.write(job.id + "\\n")
    if job.kind == "train":
        loss = abs(math.log10(job.optimizer.lr) + 3.3)
        rung = {"step": 6, "of": 24} if not job.ends_run else None
        ended = rungs.ended_before(context, job)
        result = ended or {**result, "eval_loss": loss, "train_loss": loss, "rung": rung}
    context.write_result(result)

for kind in ("model", "prepare", "train", "evaluate", "report"):
    program.RUNNERS[kind] = "played"
sys.modules["played"] = sys.modules["__main__"]
sys.exit(program.main(sys.argv[1:]))
"""


def recipe(rates: str, more: str = "", pick: str = "min(eval_loss)", batch: int = 32) -> str:
    text = SMALL[: SMALL.index("eval final")].replace("init = sft\n", "init = sft.best\n")
    return text.replace(
        "batch = 32seq", f"batch = {batch}seq\n  sweep {{ optim.lr = [{rates}]; pick = {pick}; {more} }}"
    )


class Project:
    def __init__(self, place: Path) -> None:
        self.place = place
        self.built = place / "build" / "small"

    def build(self, text: str) -> None:
        for name in ("chats", "pairs"):
            (self.place / f"{name}.jsonl").write_text("{}\n")
        write(self.built, files(planned(self.place, text), "../..", "case.recipe"))
        (self.built / "played.py").write_text(PLAYED)
        for path in self.built.glob("jobs/*/launch.sh"):
            path.write_text(f'"$SMOLC_PYTHON" played.py jobs/{path.parent.name}/job.yaml\n')

    def run(self) -> set[str]:
        """Build no more; returns the ids of the jobs that ran, and of those that decided."""
        order = self.built / "order.txt"
        order.unlink(missing_ok=True)
        went = subprocess.run(
            [sys.executable, "-m", "smolc.runtime.execute", str(self.built)],
            capture_output=True,
            text=True,
            env=os.environ,
            timeout=120,
        )
        assert went.returncode == 0, went.stdout + went.stderr
        return set(order.read_text().split()) if order.exists() else set()

    def planned(self, text: str) -> dict[str, str]:
        """`new`, `changed` or `done` of each job as `smolc plan` says."""
        found = states(planned(self.place, text), self.built, self.place)
        return {id: state.kind for id, state in found.jobs.items()}


PLAIN, HALVED = recipe("1e-4, 1e-3, 1e-2"), recipe("1e-4, 1e-3, 1e-2, 1e-1", "halve_at = 50%")


@pytest.fixture(scope="module", params=[PLAIN, HALVED], ids=["plain", "halved"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A grid that was run."""
    project = Project(tmp_path_factory.mktemp("grid"))
    project.build(request.param)
    assert "dpo" in project.run()
    assert project.run() == set()
    return request.param, project.place


@pytest.mark.parametrize(
    ("was", "now", "ran"),
    [
        pytest.param(PLAIN, recipe("1e-4, 1e-3, 1e-2, 3e-2"), {"sft-lr-3e-2"}, id="a point that loses"),
        pytest.param(PLAIN, recipe("1e-4, 5e-4, 1e-3, 1e-2"), {"sft-lr-5e-4", "dpo"}, id="a point that wins"),
        pytest.param(PLAIN, recipe("1e-4, 1e-3"), set(), id="without one that lost"),
        pytest.param(PLAIN, recipe("1e-4, 1e-2"), {"dpo"}, id="without the winner"),
        pytest.param(PLAIN, recipe("1e-2, 1e-3, 1e-4"), set(), id="another order"),
        pytest.param(PLAIN, recipe("1e-4, 1e-3, 1e-2", pick="max(eval_loss)"), {"dpo"}, id="another pick"),
        pytest.param(
            HALVED,
            recipe("1e-4, 1e-3, 1e-2, 1e-1, 1.0", "halve_at = 50%"),
            # Three of five go on: one that was stopped too.
            {"sft-lr-1.0-to-50pct", "sft-lr-1.0", "sft-lr-1e-2"},
            id="halved, a point more",
        ),
        pytest.param(
            HALVED,
            recipe("1e-4, 1e-3, 1e-2", "halve_at = 50%"),
            set(),
            id="halved, without one that was stopped",
        ),
        pytest.param(
            HALVED,
            recipe("1e-3, 1e-2, 1e-1", "halve_at = 50%"),
            {"sft-lr-1e-2"},
            id="halved, without one that went on",
        ),
        pytest.param(
            HALVED,
            recipe("5e-4, 1e-4, 1e-3, 1e-2, 1e-1, 1.0", "halve_at = 50%"),
            # Three of six go on: those of before, and the new one, which wins.
            {"sft-lr-5e-4-to-50pct", "sft-lr-5e-4", "sft-lr-1.0-to-50pct", "sft-lr-1.0", "dpo"},
            id="halved, two points more",
        ),
    ],
)
def test_what_a_changed_grid_runs(
    whole: tuple[str, Path], tmp_path: Path, was: str, now: str, ran: set[str]
) -> None:
    if was != whole[0]:
        pytest.skip("of the other grid")
    project = Project(tmp_path / "here")
    shutil.copytree(whole[1], project.place)
    project.build(now)
    expected = project.planned(now)
    found = project.run()
    assert found == {*ran, "report"}
    # `smolc plan` cannot know who will win: what it calls done is done, and what it calls new is run.
    assert not {id for id, kind in expected.items() if kind == DONE} & found
    assert {id for id, kind in expected.items() if kind == NEW} <= found
    assert project.run() == set()


def test_who_is_stopped_and_who_wins(whole: tuple[str, Path]) -> None:
    text, place = whole
    result = json.loads((place / "build/small/out/sft-best/result.json").read_text())
    assert result["winner"] == "sft-lr-1e-3"
    stopped = {row["job"]: row["why"] for row in result["table"] if row["stopped"]}
    lost = (
        {f"sft-lr-{lr}": why for lr, why in (("1e-2", "1.3000"), ("1e-1", "2.3000"))}
        if text == HALVED
        else {}
    )
    assert stopped == {job: f"stopped at step 6 of 24, held-out loss {loss}" for job, loss in lost.items()}
