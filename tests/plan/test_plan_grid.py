"""Grids: what their runs are called, what they share, and what a change of the grid changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from compiling import SMALL, compiled, planned

from smolc.compiler.model.build import build
from smolc.compiler.plan import Plan
from smolc.compiler.plan import plan as plan_of
from smolc.compiler.plan.baseline import with_baseline
from smolc.compiler.resolve import resolve

PACKED = SMALL.replace("  batch = 32seq\n", "  batch = 32seq\n  packing = best_fit(length = 64)\n")


def grid(sweep: str, text: str = SMALL) -> str:
    text = text.replace("of = [base, sft, dpo]", "of = [base, dpo]").replace(
        "init = sft\n", "init = sft.best\n"
    )
    return text.replace("  data = talk\n", f"  data = talk\n  sweep {{ {sweep} }}\n")


def rates(*values: str, more: str = "", pick: str = "min(eval_loss)") -> str:
    return grid(f"optim.lr = [{', '.join(values)}]; pick = {pick}; {more}")


def hashes(plan: Plan) -> dict[str, str]:
    return {job.id: job.hash for job in plan.jobs}


def job(plan: Plan, id: str) -> dict[str, object]:
    return next(one.body for one in plan.jobs if one.id == id)


def changed(folder: Path, before: str, after: str) -> set[str]:
    """Jobs that a change adds, or makes into others."""
    old, new = hashes(planned(folder, before)), hashes(planned(folder, after))
    return {id for id in new if new[id] != old.get(id)}


WAS = rates("1e-4", "1e-3", "1e-2")


@pytest.mark.parametrize(
    ("after", "jobs"),
    [
        pytest.param(rates("1e-4", "1e-3", "1e-2", "3e-2"), {"sft-lr-3e-2"}, id="a point more"),
        pytest.param(rates("3e-5", "1e-4", "1e-3", "1e-2"), {"sft-lr-3e-5"}, id="a point before"),
        pytest.param(rates("1e-4", "1e-2"), set(), id="a point less"),
        pytest.param(rates("1e-2", "1e-3", "1e-4"), set(), id="another order"),
        pytest.param(rates("1e-4", "1e-3", "1e-2", pick="max(eval_loss)"), set(), id="another pick"),
        pytest.param(rates("1e-4", "1e-3", "1e-2", more="at_most = 40"), None, id="nothing of the runs"),
    ],
)  # fmt: skip
def test_a_change_of_the_grid_is_one_of_its_new_points(
    tmp_path: Path, after: str, jobs: set[str] | None
) -> None:
    """What follows the pick is what it was: whether it is made anew is up to the winner."""
    expected = set() if jobs is None else {*jobs, "sft-best", "report"}
    assert changed(tmp_path, WAS, after) == expected


def test_what_the_runs_start_from_reaches_what_follows(tmp_path: Path) -> None:
    assert {"sft-best", "dpo", "final"} <= changed(tmp_path, WAS, WAS.replace("hidden = 16", "hidden = 32"))
    assert {"sft-best", "dpo", "final"} <= changed(
        tmp_path, WAS, WAS.replace("holdout = 10%", "holdout = 20%")
    )


def test_all_runs_have_the_same_data_and_weights(tmp_path: Path) -> None:
    plan = planned(tmp_path, WAS)
    runs = [j for j in plan.jobs if j.kind == "train" and j.stage == "sft"]
    assert [{key: run.body[key] for key in ("data", "init", "seed")} for run in runs] == [
        {"data": "sft-data", "init": "base", "seed": 42}
    ] * 3
    assert all(run.needs == ("sft-data", "base") for run in runs)


def test_runs_with_other_data_share_it_among_themselves(tmp_path: Path) -> None:
    """Two lengths x two rates are two data jobs: that of the stage, and one for both runs of the other length."""
    plan = planned(
        tmp_path, grid("packing.length = [64, 128]; optim.lr = [1e-4, 1e-3]; pick = min(eval_loss)", PACKED)
    )
    used = {j.id: j.body["data"] for j in plan.jobs if j.kind == "train" and j.stage == "sft"}
    prepared = [j.id for j in plan.jobs if j.kind == "prepare" and j.stage == "sft"]
    assert used["sft-length-64-lr-1e-4"] == used["sft-length-64-lr-1e-3"] == "sft-data"
    assert used["sft-length-128-lr-1e-4"] == used["sft-length-128-lr-1e-3"]
    assert set(prepared) == set(used.values()) and len(prepared) == 2
    # An axis more does not prepare it again.
    wider = planned(
        tmp_path, grid("packing.length = [128, 64]; optim.lr = [1e-2, 1e-4]; pick = min(eval_loss)", PACKED)
    )
    other = used["sft-length-128-lr-1e-4"]
    assert hashes(wider)[other] == hashes(plan)[other]


def test_ids_do_not_depend_on_other_points(tmp_path: Path) -> None:
    long = [f'"{"layer" * 20}{i}"' for i in range(3)]
    names = []
    for chosen in (long, long[::-1], long[1:]):
        text = grid(f"adapter.targets = [{', '.join(f'[{name}]' for name in chosen)}]; pick = min(eval_loss)")
        text = text.replace("  batch = 32seq\n", "  batch = 32seq\n  adapter = lora(rank = 4)\n")
        plan = planned(tmp_path, text)
        found = {
            j.body["adapter"]["targets"][0]: j.id for j in plan.jobs if j.kind == "train" and j.stage == "sft"
        }
        assert len(set(found.values())) == len(chosen)
        names.append(found)
    assert names[0] == names[1] == {**names[0], **names[2]}


HALVED = rates("1e-4", "1e-3", "1e-2", "1e-1", "1.0", more="halve_at = [25%, 50%]")


def test_a_halved_grid_has_a_job_for_each_run_up_to_each_rung(tmp_path: Path) -> None:
    plan = planned(tmp_path, HALVED)
    jobs = {j.id: j for j in plan.jobs}
    assert [j.id for j in plan.jobs if j.kind == "cull"] == ["sft-cull-25pct", "sft-cull-50pct"]
    assert [jobs[id].body["keep"] for id in ("sft-cull-25pct", "sft-cull-50pct")] == [3, 2]
    first, second, last = (jobs[f"sft-lr-1e-3{part}"] for part in ("-to-25pct", "-to-50pct", ""))
    assert first.body["part"] == {"before": None, "verdict": None, "until": 0.25}
    assert second.body["part"] == {"before": first.id, "verdict": "sft-cull-25pct", "until": 0.5}
    assert last.body["part"] == {"before": second.id, "verdict": "sft-cull-50pct", "until": None}
    assert second.needs == ("sft-data", "base", first.id, "sft-cull-25pct")
    assert second.title.endswith("optim.lr = 1e-3, ends at the first logged step from 50% on")
    culls = [j.title.partition(": ")[2] for j in plan.jobs if j.kind == "cull"]
    assert culls[0] == "the 3 with the smallest eval_loss at the first logged step from 25% on go on"
    assert {**first.body, "part": None} == {**second.body, "part": None} == {**last.body, "part": None}
    assert jobs["sft-best"].needs == tuple(f"sft-lr-{lr}" for lr in ("1e-4", "1e-3", "1e-2", "1e-1", "1.0"))
    ids = list(jobs)
    assert all(ids.index(need) < ids.index(j.id) for j in plan.jobs for need in j.needs)


def test_a_halved_grid_with_another_point_has_the_same_runs(tmp_path: Path) -> None:
    more = HALVED.replace("1e-4, ", "1e-5, 1e-4, ")
    new = {"sft-lr-1e-5-to-25pct", "sft-lr-1e-5-to-50pct", "sft-lr-1e-5"}
    assert changed(tmp_path, HALVED, more) == new | {"sft-cull-25pct", "sft-cull-50pct", "sft-best", "report"}


def test_one_run_has_no_parts(tmp_path: Path) -> None:
    assert job(planned(tmp_path), "sft")["part"] is None


@pytest.mark.parametrize(
    ("values", "more", "said"),
    [
        (("1e-4", "1e-3"), "halve_at = [25%, 50%]", "2 runs cannot be halved twice"),
        (("1e-4",), "halve_at = 50%", "1 run cannot be halved once"),
        (("1e-4", "1e-3", "1e-2"), "halve_at = [50%, 25%]", "must rise"),
        (("1e-4", "1e-3", "1e-2"), "halve_at = [50%, 50%]", "must rise"),
        (("1e-4", "1e-3"), "halve_at = 100%", "before its runs end"),
        (("1e-4", "1e-3"), "halve_at = 0%", "out of range"),
        (("1e-4", "1e-3"), "halve_at = 10step", "found a number in step"),
        (("1e-4", "1e-3"), "halve_at = []", None),
    ],
)
def test_rungs(tmp_path: Path, values: tuple[str, ...], more: str, said: str | None) -> None:
    _, found = compiled(tmp_path, rates(*values, more=more))
    assert [said in one.message for one in found if said] == ([True] if said else [])


def test_halving_needs_rows_that_are_held_out(tmp_path: Path) -> None:
    text = rates("1e-4", "1e-3", more="halve_at = 50%", pick="max(words)").replace("; holdout = 10%", "")
    _, found = compiled(tmp_path, text)
    assert [one.code for one in found] == ["C016"]
    assert "halves its grid by eval_loss" in found[0].message


@pytest.mark.parametrize("baseline", [False, True])
def test_only_a_validation_picks(tmp_path: Path, baseline: bool) -> None:
    """Beside a test that measures the same task, and beside twins that a baseline adds: neither has a say."""
    text = rates("1e-4", "1e-3", pick="max(words)").replace(
        "of = [base, dpo]", "of = [base, sft.best]; role = test"
    )
    text += "eval choose { of = sft.best; task words { data = chats } }\n"
    path = tmp_path / "case.recipe"
    path.write_text(text, encoding="utf-8")
    resolved, _ = resolve(path, (), shown="case.recipe")
    assert resolved is not None
    recipe, _ = build(resolved)
    assert recipe is not None
    made, found = plan_of(with_baseline(recipe) if baseline else recipe, resolved)
    assert made is not None, found
    jobs = {j.id: j for j in made.jobs}
    assert jobs["sft-best"].body["scores"] == ["sft-scores"]
    assert jobs["sft-scores"].body["role"] == "validation" and not jobs["sft-scores"].final
    assert [s["job"] for s in jobs["sft-scores"].body["subjects"]] == ["sft-lr-1e-4", "sft-lr-1e-3"]
    assert [c["job"] for c in jobs["sft-best"].body["candidates"]] == ["sft-lr-1e-4", "sft-lr-1e-3"]
    # Nothing that is run without --final needs what is.
    tests = {j.id for j in made.jobs if j.final}
    assert "final" in tests
    assert not {j.id for j in made.jobs if tests & set(j.needs)} - {"report"}
