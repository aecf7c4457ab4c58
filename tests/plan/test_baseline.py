"""`--baseline`: what is planned beside the recipe's own stages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from plan_project import SMALL

from smolc.compiler.cli.build import command
from smolc.compiler.model.build import build
from smolc.compiler.plan import Job, Plan, plan
from smolc.compiler.plan.baseline import with_baseline
from smolc.compiler.resolve import resolve

TUNED = (
    SMALL.replace(
        "  batch = 32seq\n",
        """  batch = 64seq
  packing = best_fit(length = 256)
  overlong = drop
  precision = fp32
  length = 3epoch
  optim = sgd(lr = 1e-2, clip = 0.2)
  schedule = constant
  micro_batch = 4
  method = sft(loss_on = all)
  adapter = lora(rank = 4)
  sweep { optim.lr = [1e-2, 1e-3]; pick = min(eval_loss) }
""",
    )
    .replace("  method = sft\n", "")
    .replace("init = sft\n", "init = sft.best\n")
)


def both(folder: Path, text: str, *overrides: str, on: str | None = None) -> tuple[Plan, Plan]:
    """The plan, and that with a baseline."""
    path = folder / "case.recipe"
    path.write_text(text)
    resolved, found = resolve(path, overrides, shown="case.recipe")
    assert resolved is not None, found
    recipe, found = build(resolved)
    assert recipe is not None, found
    plans = [plan(one, resolved, on)[0] for one in (recipe, with_baseline(recipe))]
    assert plans[0] is not None and plans[1] is not None
    return plans[0], plans[1]


def jobs(plan: Plan) -> dict[str, Job]:
    return {job.id: job for job in plan.jobs}


def test_each_stage_gets_a_twin_and_each_eval_measures_it(tmp_path: Path) -> None:
    alone, beside = both(tmp_path, TUNED)
    twins = ["sft-baseline-data", "sft-baseline", "dpo-baseline-data", "dpo-baseline"]
    assert [id for id in jobs(beside) if id not in jobs(alone)] == twins
    assert set(jobs(alone)) < set(jobs(beside))
    subjects = jobs(beside)["final"].body["subjects"]
    assert [s["name"] for s in subjects] == ["base", "sft", "dpo", "sft-baseline", "dpo-baseline"]
    assert [s["job"] for s in subjects[3:]] == ["sft-baseline", "dpo-baseline"]
    assert {"sft-baseline", "dpo-baseline"} <= set(jobs(beside)["final"].needs)


def test_what_the_recipe_trains_stays_as_it_was(tmp_path: Path) -> None:
    alone, beside = (jobs(one) for one in both(tmp_path, TUNED))
    for id in alone:
        assert (beside[id].hash == alone[id].hash) is (id not in ("final", "report")), id


def test_a_twin_is_at_smolcs_defaults(tmp_path: Path) -> None:
    """All that the tuned stage changed is as in a stage that says nothing, but for the rows and the machine."""
    bare = SMALL.replace("  batch = 32seq\n", "")
    bare_plan, _ = both(tmp_path, bare, "sft.adapter=lora", "sft.precision=fp32", "sft.packing.length=256")
    plain, twin = jobs(bare_plan)["sft"].body, jobs(both(tmp_path, TUNED)[1])["sft-baseline"].body
    assert {k: v for k, v in twin.items() if k != "data"} == {k: v for k, v in plain.items() if k != "data"}
    assert twin["optimizer"]["type"] == "adamw"
    assert twin["duration"]["epochs"] == 1.0


def test_its_data_is_the_stages(tmp_path: Path) -> None:
    beside = jobs(both(tmp_path, TUNED)[1])
    own, twin = beside["sft-data"].body, beside["sft-baseline-data"].body
    same = ("sources", "length", "overlong", "template", "holdout", "budget_tokens")
    assert {key: twin[key] for key in same} == {key: own[key] for key in same}
    assert (own["loss_on"], twin["loss_on"]) == ("all", "assistant")


def test_a_twin_starts_from_a_twin(tmp_path: Path) -> None:
    beside = jobs(both(tmp_path, TUNED)[1])
    assert beside["sft-baseline"].body["init"] == "base"
    twin = beside["dpo-baseline"].body
    assert twin["init"] == twin["loss"]["reference"] == "sft-baseline"


@pytest.mark.parametrize("length", ["256", "fit(quantile = 99%)"])
def test_running_text_stays_wrapped(tmp_path: Path, length: str) -> None:
    wrapped = f"method = cpt\n  packing = wrapped(length = {256})"
    text = SMALL.replace("  method = sft\n", f"  {wrapped}\n").replace(
        '"chats.jsonl"', '"chats.jsonl"; format = text'
    )
    assert jobs(both(tmp_path, text)[1])["sft-baseline"].body["packing"] == "wrapped"
    packed = SMALL.replace("  batch = 32seq\n", f"  packing = best_fit(length = {length})\n")
    beside = jobs(both(tmp_path, packed)[1])
    assert beside["sft-baseline"].body["packing"] == "none"
    assert beside["sft-baseline-data"].body["length"] == beside["sft-data"].body["length"]


@pytest.mark.parametrize("on", ["cpu", "8xh100", "2x8xh100"])
def test_it_fits_other_clusters(tmp_path: Path, on: str) -> None:
    body = jobs(both(tmp_path, SMALL, on=on)[1])["sft-baseline"].body
    assert body["batch"]["global_sequences"] == 128


def invoke(folder: Path, *options: str) -> tuple[int, str, list[str]]:
    for name in ("chats.jsonl", "pairs.jsonl", "unseen.jsonl"):
        (folder / name).write_text('{"messages": []}\n')
    out = folder / "built"
    done = CliRunner().invoke(command, [str(folder / "case.recipe"), "-o", str(out), *options])
    manifest: Any = json.loads((out / "manifest.json").read_text()) if out.is_dir() else {"jobs": []}
    return done.exit_code, done.output, [job["id"] for job in manifest["jobs"]]


def test_the_command_builds_it(tmp_path: Path) -> None:
    (tmp_path / "case.recipe").write_text(SMALL)
    code, said, ids = invoke(tmp_path, "--baseline")
    assert code == 0, said
    assert "sft-baseline" in ids
    assert "--baseline`" in said
    assert "sft-baseline" not in invoke(tmp_path)[2]


def test_what_a_baseline_cannot_do_is_told_and_nothing_is_built(tmp_path: Path) -> None:
    """A batch of 128 cannot be divided among 3 devices; the recipe's own of 33 can."""
    (tmp_path / "case.recipe").write_text(
        SMALL.replace("32seq", "33seq").replace("method = dpo", "method = dpo\n  batch = 33seq")
    )
    code, said, ids = invoke(tmp_path, "--baseline", "--on", "3xh100")
    assert (code, ids) == (1, [])
    assert "--baseline: " in said and "leave out --baseline" in said
    assert invoke(tmp_path, "--on", "3xh100")[0] == 0


def test_a_recipe_that_trains_nothing_has_none(tmp_path: Path) -> None:
    text = SMALL[: SMALL.index("stage sft")] + "eval final { of = base; task words { data = unseen } }\n"
    (tmp_path / "case.recipe").write_text(text)
    code, said, ids = invoke(tmp_path, "--baseline")
    assert (code, ids) == (1, [])
    assert "trains nothing" in said
