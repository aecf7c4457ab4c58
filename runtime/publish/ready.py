"""Whether a model may be pushed: it is trained as the recipe is now, and all that the recipe expects holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smolc.runtime.card.facts import Folder
from smolc.runtime.jobs.done import done_jobs
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.report.collect import JobView
from smolc.runtime.report.text import label

CHECKS = ("gate", "replicate")
"""Kinds of jobs that say whether what was expected came out."""


@dataclass(frozen=True)
class Publish:
    """One `publish` block. job: that ends with the model."""

    name: str
    job: str
    to: str
    private: bool
    weights: str


def publishes(folder: Folder, names: tuple[str, ...] = ()) -> list[Publish]:
    """Those of the recipe, or of them those called so. Raises JobError if there are none."""
    found = [
        Publish(name, str(one["job"]), str(one["to"]), one.get("private") is not False, str(one["weights"]))
        for name, one in folder.publishes.items()
        if {"job", "to", "weights"} <= one.keys()
    ]
    if not found:
        raise JobError(
            "the recipe does not say where its models may be pushed to",
            help='add a block such as `publish hub { of = STAGE; to = "owner/name" }`, and build it again',
        )
    known = {one.name for one in found}
    if unknown := [name for name in names if name not in known]:
        raise JobError(
            f"the recipe has no `publish {label(unknown[0])}`", help=f"it has {', '.join(map(label, known))}"
        )
    return [one for one in found if not names or one.name in names]


def refusals(folder: Folder, publish: Publish) -> Iterator[str]:
    """Why a model must not be pushed now."""
    done = done_jobs(folder.path, folder.run.manifest)
    if publish.job not in done:
        yield f"{label(publish.job)} is not done: run the recipe first (smolc run)"
    for view in folder.run.jobs:
        if view.kind in CHECKS and view.id not in done:
            yield _unmet(view)


def _unmet(view: JobView) -> str:
    name = label(view.id)
    if view.state == "failed":
        return f"{name} failed: what the recipe expects does not hold"
    if view.state == "held back":
        return f"{name} waits for an eval on test data: smolc run --final measures it"
    return f"{name} was not checked since the recipe or its data changed: run the recipe first"


def trained(folder: Folder, publish: Publish) -> JobView:
    """The job that made the model. Raises JobError if its files are not there."""
    view = folder.maker(publish.job)
    part = part_of(publish)
    if view is None or not (view.out / part).is_dir():
        what = "an adapter" if part == "adapter" else "a model"
        raise JobError(
            f"{label(publish.job)} left no {what.split()[1]}", help="run the recipe first (smolc run)"
        )
    return view


def part_of(publish: Publish) -> str:
    """The folder of a job that is pushed."""
    return "adapter" if publish.weights == "adapter" else "model"


def place(folder: Path, publish: Publish) -> Path:
    """Where what is pushed is put together."""
    return folder / "out" / ".publish" / publish.to.replace("/", "--")
