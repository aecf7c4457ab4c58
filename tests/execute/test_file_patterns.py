"""Which files a pattern stands for is decided twice, in the compiler and in the runtime, and has to come out the same;
a new or a vanished file makes what read them run again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smolc.compiler.plan import patterns as compiler
from smolc.compiler.plan.state import DONE, states
from smolc.compiler.plan.types import Cluster, Job, Plan
from smolc.runtime.jobs import patterns as runtime
from smolc.runtime.jobs.done import done_jobs, sha256_of, write_done
from smolc.runtime.jobs.manifest import Manifest

FILES = (
    "a.jsonl", "b.jsonl", "[a].jsonl", ".a.jsonl", "data/a.jsonl", "data/.b/a.jsonl", "data/c/a.jsonl",
    "data/c/d/b.json", "dat/a.jsonl", "build/x/manifest.json", "build/x/jobs/j/job.yaml", "build/x/out/a.jsonl",
)  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("{}")
    (root / "data" / "up").symlink_to(root)
    return root


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jsonl", ["[a].jsonl", "a.jsonl", "b.jsonl"]),
        ("?.jsonl", ["a.jsonl", "b.jsonl"]),
        ("[!b].jsonl", ["a.jsonl"]),
        ("[[]a].jsonl", ["[a].jsonl"]),
        (".*.jsonl", [".a.jsonl"]),
        ("**/a.jsonl", ["a.jsonl", "dat/a.jsonl", "data/a.jsonl", "data/c/a.jsonl"]),
        ("data/**/**/a.jsonl", ["data/a.jsonl", "data/c/a.jsonl"]),
        ("./data//*.jsonl", ["data/a.jsonl"]),
        ("data/.b/*", ["data/.b/a.jsonl"]),
        ("data/up/*/a.jsonl", ["data/up/dat/a.jsonl", "data/up/data/a.jsonl"]),
        ("build/*/out/*.jsonl", ["build/x/out/a.jsonl"]),
        ("data*", []),
        ("**", []),
        ("a.jsonl/*", []),
        ("none/*", []),
    ],
)  # fmt: skip
def test_files_of_a_pattern(tree: Path, pattern: str, expected: list[str]) -> None:
    assert runtime.matching(tree, pattern) == expected
    assert compiler.matching(tree, pattern) == expected


@given(
    st.lists(
        st.sampled_from(["**", "*", "data", "c", "?", "[a-c]", "*.jsonl", "a.jsonl", "..", ".", "", "["]),
        max_size=4,
    )
)
@settings(max_examples=200, deadline=None)
def test_both_find_the_same(tree: Path, parts: list[str]) -> None:
    pattern = "/".join(parts).lstrip("/")
    assert runtime.matching(tree / "data", pattern) == compiler.matching(tree / "data", pattern)


def finished(folder: Path, manifest: Manifest) -> bool:
    """What both say."""
    cluster = Cluster("local", "cpu")
    job = Job("data", "prepare", "", None, (), {}, "h", cluster)
    plan = Plan("r", "", 1, cluster, (job,))
    planned = states(plan, folder, folder.parent).jobs["data"]
    ran = done_jobs(folder, manifest) == {"data"}
    assert (planned.kind == DONE) == ran, planned.why
    if not ran:
        assert (
            "there are other files than before for data/*.jsonl" in planned.why or "changed" in planned.why[0]
        )
    return ran


def test_a_new_or_vanished_file_makes_a_job_run_again(tmp_path: Path) -> None:
    folder, data = tmp_path / "build", tmp_path / "data"
    data.mkdir()
    entry = {"id": "data", "kind": "prepare", "title": "", "stage": None, "needs": [], "hash": "h"}
    cluster = {"name": "local", "device": "cpu", "nodes": 1, "processes": 1, "parallel_jobs": 1}
    manifest = Manifest.model_validate(
        {"smolc": "0", "edition": 1, "recipe": "r", "about": "", "hash": "", "root": "..", "cluster": cluster,
         "jobs": [entry]}
    )  # fmt: skip
    names = ["data/a.jsonl", "data/b.jsonl"]
    for name in names:
        (tmp_path / name).write_text("{}")
    inputs = {n: {"bytes": 2, "sha256": sha256_of(tmp_path / n)} for n in names}
    write_done(folder, manifest.jobs[0], {"data/*.jsonl": {"matches": names}, **inputs}, 1.0)
    assert finished(folder, manifest)
    (data / "c.txt").write_text("{}")
    assert finished(folder, manifest)
    (data / "c.jsonl").write_text("{}")
    assert not finished(folder, manifest)
    (data / "c.jsonl").unlink()
    assert finished(folder, manifest)
    (data / "b.jsonl").rename(data / "d.jsonl")
    assert not finished(folder, manifest)
    (data / "d.jsonl").rename(data / "b.jsonl")
    (data / "a.jsonl").write_text("[]")
    assert not finished(folder, manifest)
