"""A job whose files were edited by hand is run, and recorded, as what it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plan_project import Project

from smolc.compiler.render import edited as to_be_overwritten
from smolc.runtime.execute.states import edited_by_hand, states
from smolc.runtime.jobs.done import is_done, read_done, write_done
from smolc.runtime.jobs.edited import edited
from smolc.runtime.jobs.manifest import BrokenFolder, Entry, Manifest, read_job, read_manifest, read_own
from smolc.runtime.report.collect import collect
from smolc.runtime.report.story import problems

GOLDEN = sorted((Path(__file__).parent.parent / "golden").glob("*/manifest.json"))


def _entry(manifest: Manifest, job: str) -> Entry:
    return next(e for e in manifest.jobs if e.id == job)


def _edit(folder: Path, before: str, after: str, name: str = "jobs/sft/job.yaml") -> None:
    text = (folder / name).read_text()
    assert before in text
    (folder / name).write_text(text.replace(before, after, 1))


def _finish(folder: Path) -> None:
    manifest = read_manifest(folder)
    for entry in manifest.jobs:
        write_done(folder, entry, {}, 1.0, by_hand=tuple(edited(folder, entry)))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.build()
    return made


@pytest.mark.parametrize("manifest", GOLDEN, ids=lambda path: path.parent.name)
def test_what_smolc_build_wrote_is_not_edited(manifest: Path) -> None:
    built = json.loads(manifest.read_text())
    assert [e.hash for e in read_manifest(manifest.parent).jobs] == [job["hash"] for job in built["jobs"]]
    assert {name for job in built["jobs"] for name in job["files"]} == {
        str(path.relative_to(manifest.parent))
        for path in manifest.parent.rglob("*")
        if path.is_file()
        and path.name not in ("launch.sh", "run.sh", "manifest.json", "card.json", "recipe.txt")
    }


@pytest.mark.parametrize("manifest", GOLDEN, ids=lambda path: path.parent.name)
def test_a_comment_and_a_title_are_for_people(manifest: Path, tmp_path: Path) -> None:
    """Both sides compute the same hash of the values."""
    read = read_manifest(manifest.parent)
    for entry in read.jobs[:6]:
        text = (manifest.parent / "jobs" / entry.id / "job.yaml").read_text()
        place = tmp_path / "jobs" / entry.id
        place.mkdir(parents=True)
        only = entry.model_copy(update={"files": {f"jobs/{entry.id}/job.yaml": "other"}})
        (place / "job.yaml").write_text(f"# mine\n{text}".replace("\ntitle: ", "\ntitle: mine # ", 1))
        assert edited(tmp_path, only) == {}, entry.id
        (place / "job.yaml").write_text(text.replace("\nseed: ", "\nseed: 1", 1))
        assert edited(tmp_path, only), entry.id


def test_an_edited_job_is_not_the_recipes(project: Project) -> None:
    folder = project.built
    _finish(folder)
    manifest = read_manifest(folder)
    assert is_done(folder, manifest, _entry(manifest, "dpo"))
    text = (folder / "jobs/sft/job.yaml").read_text()
    _edit(folder, "seed: ", "seed: 1")

    manifest = read_manifest(folder)
    found = states(folder, manifest, manifest.jobs)
    assert found["sft"] == "would run" and found["sft-data"] == "done"
    (note,) = edited_by_hand(folder, manifest, manifest.jobs)
    assert note.startswith(
        "note: jobs/sft/job.yaml was edited since smolc build: sft is run as written there"
    )

    _finish(folder)
    done = read_done(folder, "sft")
    assert done is not None and done["edited"] == ["jobs/sft/job.yaml"]
    assert is_done(folder, manifest, _entry(manifest, "sft"))
    # As built: what smolc run RECIPE writes.
    (folder / "jobs/sft/job.yaml").write_text(text)
    manifest = read_manifest(folder)
    assert not is_done(folder, manifest, _entry(manifest, "sft"))


def test_an_edited_template_is_another_job(project: Project) -> None:
    folder = project.built
    _finish(folder)
    (name,) = {name for e in read_manifest(folder).jobs for name in e.files if name.startswith("templates/")}
    (folder / name).write_text("{{ messages }}")
    manifest = read_manifest(folder)
    assert not is_done(folder, manifest, _entry(manifest, "sft-data"))


def test_smolc_plan_says_that_it_was_edited_when_it_ran(project: Project) -> None:
    folder = project.built
    before = json.loads((folder / "jobs/sft/job.yaml").read_text().partition("\nseed: ")[2].split("\n")[0])
    _edit(folder, f"seed: {before}", "seed: 777")
    assert to_be_overwritten(folder) == ["jobs/sft/job.yaml"]
    _finish(folder)
    told = project.plan()
    assert "runs again, because it was made from jobs/sft/job.yaml as edited by hand" in told
    assert f"seed  777 -> {before}" in told
    project.build()
    assert to_be_overwritten(folder) == []
    assert "made from jobs/sft/job.yaml as edited by hand" in project.plan()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("id: sft\n", "id: other\n", "id: is other, but its folder is sft"),
        ("needs: [", "needs: [nobody, ", "needs: is [nobody, "),
        ("stage: sft", "stage: dpo", "stage: is dpo, but sft in manifest.json"),
    ],
)
def test_what_the_manifest_says_too_is_not_edited(
    project: Project, before: str, after: str, said: str
) -> None:
    _edit(project.built, before, after)
    with pytest.raises(BrokenFolder, match=r"job\.yaml: ") as caught:
        read_own(project.built, _entry(read_manifest(project.built), "sft"))
    assert said in str(caught.value)


def test_a_key_that_stands_there_twice_is_refused(project: Project) -> None:
    _edit(project.built, "\nseed: ", "\nseed: 1\nseed: ")
    with pytest.raises(BrokenFolder, match=r"seed is written twice, in lines \d and \d+: keep one"):
        read_job(project.built, "sft")


def test_a_file_that_cannot_be_read_is_no_job_that_is_done(project: Project) -> None:
    folder = project.built
    _finish(folder)
    for damage in ("seed: [", "? [a]\n: b", "a: 1\na: 2", "- 1"):
        (folder / "jobs/sft/job.yaml").write_text(damage)
        manifest = read_manifest(folder)
        assert not is_done(folder, manifest, _entry(manifest, "sft"))
    (folder / "jobs/sft/job.yaml").unlink()
    manifest = read_manifest(folder)
    assert not is_done(folder, manifest, _entry(manifest, "sft"))


def test_the_report_says_which_were_edited(tmp_path: Path) -> None:
    run = collect(_built(tmp_path))
    assert [(p.id, p.state, p.said) for p in problems(run) if p.state == "edited"] == [
        ("sft", "edited", ("jobs/sft/job.yaml",))
    ]


def _built(folder: Path) -> Path:
    project = Project(folder)
    project.build()
    _edit(project.built, "seed: ", "seed: 1")
    _finish(project.built)
    return project.built
