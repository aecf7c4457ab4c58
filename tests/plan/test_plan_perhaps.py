"""Jobs that are done, and run again only if a cull or a pick before them decides otherwise."""

from __future__ import annotations

from plan_project import SMALL, Project
from test_plan_grid import grid

RATES = "1e-4, 1e-3, 1e-2, 1e-1, 1.0"
HALVED = grid(f"optim.lr = [{RATES}]; pick = min(eval_loss); halve_at = [25%, 50%]", SMALL)


def test_a_point_more_leaves_the_other_runs_done_as_far_as_anyone_knows(project: Project) -> None:
    project.write(HALVED)
    project.finish(project.build())
    assert project.plan().startswith("Plan: nothing to run")
    project.write(HALVED.replace(RATES, f"1e-5, {RATES}"))
    text = project.plan()
    # Sure are its own three parts, both culls, the pick and the report.
    assert text.startswith("Plan: 19 of 28 jobs to run (3 new, 4 again, 12 perhaps), 9 done.\n")
    said = project.json()
    jobs = {job["id"]: job for job in said["jobs"]}
    assert said["summary"]["perhaps"] == 12
    assert jobs["sft-lr-1e-3-to-50pct"]["perhaps"] and not jobs["sft-best"]["perhaps"]
    assert jobs["dpo"]["why"] == ["sft-best runs first, and may come to another end"]
    assert jobs["final"]["why"] == ["dpo may run first"]
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("? sft-lr-1e-3-to-50pct "))
    assert lines[at + 1].strip() == (
        "done: runs again only if it has to, because sft-cull-25pct runs first, and may come to another end"
    )
