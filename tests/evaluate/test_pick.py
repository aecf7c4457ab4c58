from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from smolc.runtime.evaluate.pick import edge_notes, equals, run, tie_note, winner
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import PickJob
from smolc.runtime.jobs.manifest import Cluster, Manifest

CLUSTER = Cluster(name="here", device="cpu", nodes=1, processes=1, parallel_jobs=1)
MANIFEST = Manifest(smolc="0", edition=1, recipe="r", about="", hash="h", root=".", cluster=CLUSTER, jobs=())
BASE = {"title": "t", "stage": "sft", "needs": [], "seed": 1, "device": "cpu"}


def grid(folder: Path, losses: dict[float, Any], metric: str = "eval_loss", goal: str = "min") -> Context:
    """One run a learning rate; a loss of None leaves no result at all."""
    candidates = []
    for lr, loss in losses.items():
        job = f"sft.lr={lr}"
        candidates.append({"job": job, "values": {"optim.lr": lr}})
        if loss is not None:
            place = folder / "out" / job
            place.mkdir(parents=True)
            extra = loss if isinstance(loss, dict) else {"eval_loss": loss}
            (place / "result.json").write_text(
                json.dumps({"model": {"out": f"{job}/model"}, "train_loss": 1, **extra})
            )
    job = {**BASE, "id": "sft.pick", "kind": "pick", "metric": metric, "goal": goal, "candidates": candidates}
    return Context(folder, MANIFEST, PickJob.model_validate({**job, "scores": ["scores"]}, strict=False))


def picked(context: Context) -> dict[str, Any]:
    run(context)
    return dict(json.loads((context.out / "result.json").read_text()))


def test_the_smallest_loss_wins(tmp_path: Path) -> None:
    result = picked(grid(tmp_path, {1e-4: 2.0, 1e-3: 1.0, 1e-2: 3.0}))
    assert result["winner"] == "sft.lr=0.001"
    assert result["model"] == {"out": "sft.lr=0.001/model"}
    assert result["values"] == {"optim.lr": 1e-3}
    assert [row["score"] for row in result["table"]] == [2.0, 1.0, 3.0]
    assert result["notes"] == []


def test_who_has_no_score_loses_and_is_listed(tmp_path: Path) -> None:
    diverged = {"eval_loss": 0.1, "diverged": True}
    result = picked(grid(tmp_path, {1e-4: 2.0, 1e-3: float("nan"), 1e-2: None, 1e-1: diverged, 1.0: {}}))
    assert result["winner"] == "sft.lr=0.0001"
    why = [row["why"] for row in result["table"]]
    assert why == [
        None,
        "eval_loss is nan, not a finite number",
        "left no result",
        "diverged",
        "has no eval_loss",
    ]
    assert "NaN" not in (tmp_path / "out" / "sft.pick" / "result.json").read_text()


def test_no_score_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"no run of the grid has a score by eval_loss: sft.lr=0.001: left no"):
        run(grid(tmp_path, {1e-3: None, 1e-2: {"diverged": True}}))


def test_a_grid_that_diverged_as_a_whole_is_an_error(tmp_path: Path) -> None:
    lost = {"diverged": True, "steps": 30}
    with pytest.raises(JobError) as caught:
        run(grid(tmp_path, {1e-3: lost, 1e-2: {**lost, "steps": 20}}))
    assert caught.value.message == (
        "every run of the grid diverged: sft.lr=0.001: diverged at step 30; sft.lr=0.01: diverged at step 20"
    )
    assert "smaller learning rates" in (caught.value.help or "")


def test_a_stopped_run_cannot_win(tmp_path: Path) -> None:
    """Its loss is of another time than the others', and may be smaller."""
    stopped = {"stopped": True, "why": "stopped at step 6 of 24", "eval_loss": 0.5}
    result = picked(grid(tmp_path, {1e-4: 2.0, 1e-3: stopped}))
    assert result["winner"] == "sft.lr=0.0001"
    assert result["table"][1]["why"] == "stopped at step 6 of 24, held-out loss 0.5000"


@pytest.mark.parametrize(
    ("losses", "best", "how"),
    [
        ((3.0, 2.0, 4.0), "b", "the winner has the smallest held-out loss of them"),
        ((None, None, 4.0), "a", "the winner is the first of them"),
        ((3.0, 3.0, 4.0), "a", "the winner is the first of them"),
        ((None, 3.0, 4.0), "b", "the winner has the smallest held-out loss of them"),
    ],
)
@pytest.mark.parametrize("goal", ["min", "max"])
def test_how_a_tie_is_broken(losses: tuple[Any, ...], best: str, how: str, goal: str) -> None:
    scores = (1.0, 1.0, 2.0 if goal == "min" else 0.5)
    rows = [
        {"job": job, "values": {"lr": i + 1}, "score": score, "eval_loss": loss}
        for i, (job, score, loss) in enumerate(zip("abc", scores, losses, strict=True))
    ]
    found = winner(rows, goal)
    assert found is not None and found["job"] == best
    assert tie_note(equals(rows, found), found, "words") == (
        f"a tie: (lr = 1) and (lr = 2) have the same words (1.0000), so it does not tell which is better; {how}"
    )


def test_a_tie_is_told_and_gives_no_direction(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = picked(grid(tmp_path, {1e-4: 2.0, 1e-3: 2.0, 1e-2: 3.0}))
    assert result["winner"] == "sft.lr=0.0001"
    (note,) = result["notes"]
    assert note.startswith("a tie: (optim.lr = 1e-4) and (optim.lr = 1e-3) have the same eval_loss (2.0000)")
    assert f"note: {note}" in capsys.readouterr().out


def test_a_task_is_read_from_the_scores(tmp_path: Path) -> None:
    context = grid(tmp_path, {1e-4: 1.0, 1e-3: 2.0}, metric="words", goal="max")
    subjects = [
        {"name": f"run {lr}", "job": f"sft.lr={lr}", "template": None, "tokenizer": None}
        for lr in (1e-4, 1e-3)
    ]
    evaluate = {
        **BASE, "id": "scores", "kind": "evaluate", "role": "validation", "subjects": subjects, "tasks": [],
        "decode": {"temperature": 0.0, "top_p": 1.0, "max_new": 8}, "strip_thinking": None, "batch": 8,
        "precision": "fp32", "trust_remote_code": False, "checkpoints": False, "strip": True, "run_code": False,
        "judge": None, "engine": "auto", "processes": 1,
    }  # fmt: skip
    (tmp_path / "jobs" / "scores").mkdir(parents=True)
    (tmp_path / "jobs" / "scores" / "job.yaml").write_text(yaml.safe_dump(evaluate))
    rows = [
        {"model": "run 0.0001", "task": "words", "value": 0.2},
        {"model": "run 0.001", "task": "other", "value": 0.1},
        {"model": "run 0.001", "task": "words", "value": 0.9},
    ]
    (tmp_path / "out" / "scores").mkdir(parents=True)
    (tmp_path / "out" / "scores" / "results.json").write_text(
        json.dumps({"role": "validation", "rows": rows})
    )
    result = picked(context)
    assert result["winner"] == "sft.lr=0.001"
    assert [row["score"] for row in result["table"]] == [0.2, 0.9]
    assert result["notes"] == ["the best optim.lr (1e-3) is the largest tried: extend the grid upwards"]


def test_edges_of_the_grid() -> None:
    two = [{"lr": lr, "beta": b} for lr in (1e-4, 1e-3, 1e-2) for b in (0.1, 0.5)]
    assert edge_notes(two, {"lr": 1e-3, "beta": 0.1}) == [
        "the best beta (0.1) is the smallest tried: extend the grid downwards"
    ]
    assert edge_notes([{"lr": 1e-3}], {"lr": 1e-3}) == []
    assert edge_notes([{"loss": "ipo"}, {"loss": "apo"}], {"loss": "ipo"}) == []


def test_losses_under_different_betas_break_no_tie() -> None:
    def row(job: str, lr: float, beta: float, loss: float, score: float = 0.5) -> dict[str, Any]:
        values = {"optim.lr": lr, "method.beta": beta}
        return {"job": job, "values": values, "score": score, "eval_loss": loss}

    two_betas = [row("a", 1e-6, 0.1, 0.69), row("b", 1e-6, 0.3, 0.6), row("c", 1e-5, 0.3, 0.1, 0.4)]
    found = winner(two_betas, "max")
    assert found is two_betas[0]
    assert tie_note(equals(two_betas, found), found, "words").endswith(
        "the winner is the first of them, since held-out losses under different settings of the method cannot be compared"
    )
    one_beta = [row("a", 1e-6, 0.3, 0.69), row("b", 1e-5, 0.3, 0.6)]
    assert winner(one_beta, "max") is one_beta[1]
