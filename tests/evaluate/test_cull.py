"""Which runs of a halved grid go on from a rung."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smolc.runtime.evaluate.cull import run
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.evaluate import CullJob
from smolc.runtime.jobs.manifest import Cluster, Manifest

CLUSTER = Cluster(name="here", device="cpu", nodes=1, processes=1, parallel_jobs=1)
MANIFEST = Manifest(smolc="0", edition=1, recipe="r", about="", hash="h", root=".", cluster=CLUSTER, jobs=())


def culled(folder: Path, results: list[dict[str, Any]], keep: int) -> tuple[list[str], Context]:
    """The verdict on runs a, b, c, ... with these results."""
    names = "abcdefgh"[: len(results)]
    for name, result in zip(names, results, strict=True):
        place = folder / "out" / f"{name}-to-25pct"
        place.mkdir(parents=True)
        (place / "result.json").write_text(json.dumps(result))
    job = {
        "kind": "cull", "id": "sft-cull-25pct", "title": "t", "stage": "sft", "needs": [], "seed": 1, "device": "cpu",
        "at": 0.25, "keep": keep,
        "candidates": [{"job": f"{n}-to-25pct", "then": n, "values": {"optim.lr": i}} for i, n in enumerate(names)],
    }  # fmt: skip
    context = Context(folder, MANIFEST, CullJob.model_validate(job, strict=False))
    run(context)
    table = json.loads((context.out / "result.json").read_text())["table"]
    return [row["verdict"] for row in table], context


def losses(*values: float) -> list[dict[str, Any]]:
    return [{"eval_loss": value} for value in values]


DIVERGED = {"diverged": True, "eval_loss": None}
STOPPED = {"stopped": True, "eval_loss": 0.1}
ON, OUT = "goes on", "stops"


@pytest.mark.parametrize(
    ("results", "keep", "verdicts"),
    [
        pytest.param(losses(3.0, 1.0, 2.0, 4.0), 2, [OUT, ON, ON, OUT], id="the better half"),
        pytest.param(losses(1.0, 1.0, 1.0), 2, [ON, ON, OUT], id="of equals the first"),
        pytest.param([DIVERGED, *losses(3.0, 2.0)], 2, ["diverged", ON, ON], id="who diverged has lost"),
        pytest.param([STOPPED, *losses(3.0, 2.0)], 1, ["stopped", OUT, ON], id="who was stopped stays so"),
        pytest.param([DIVERGED, DIVERGED], 1, ["diverged", "diverged"], id="all diverged"),
        pytest.param([{"eval_loss": None}, *losses(9.0)], 1, [OUT, ON], id="no loss"),
    ],
)  # fmt: skip
def test_verdicts(tmp_path: Path, results: list[dict[str, Any]], keep: int, verdicts: list[str]) -> None:
    found, context = culled(tmp_path, results, keep)
    assert found == verdicts
    assert context.tells == dict(zip("abcdefgh", verdicts, strict=False))
