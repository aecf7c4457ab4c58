"""Rows that a `pairs` job made, as a source of a mixture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smolc.runtime.data.rows import Problems
from smolc.runtime.data.sources import open_source, read
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.manifest import Manifest
from smolc.runtime.jobs.prepare import MadeData

MADE = MadeData(type="made", job="taste")


def context(folder: Path) -> Context:
    cluster = {"name": "local", "device": "cpu", "nodes": 1, "processes": 1, "parallel_jobs": 1}
    about = {"smolc": "0", "edition": 1, "recipe": "r", "about": "", "hash": "h", "root": ".", "jobs": ()}
    return Context(folder, Manifest.model_validate({**about, "cluster": cluster}), None)  # type: ignore[arg-type]


def test_rows_that_are_made_and_made_anew(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="taste: its pairs are not made yet"):
        open_source("taste", MADE, context(tmp_path))
    out = tmp_path / "out" / "taste"
    out.mkdir(parents=True)
    lines = [{"prompt": "q", "chosen": "a", "rejected": str(i)} for i in range(3)]
    (out / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    problems = Problems("taste")
    rows = list(read(MADE, context(tmp_path), problems))
    assert [row.data for row in rows] == lines and not problems.count
    assert rows[1].place == "taste/pairs.jsonl:2"
    first, again = (open_source("taste", MADE, context(tmp_path)).identity() for _ in range(2))
    (out / "pairs.jsonl").write_text(json.dumps(lines[0]) + "\n")
    assert first == again != open_source("taste", MADE, context(tmp_path)).identity()
    assert str(tmp_path) not in json.dumps(first)
