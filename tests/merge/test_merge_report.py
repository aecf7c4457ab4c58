"""A merge as people see it afterwards: in the report, in the executor's line, in a chat."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from merging import context, job, linear, model, slerp

from smolc.runtime.chat.find import find
from smolc.runtime.execute.outcome import in_short
from smolc.runtime.jobs.done import write_done
from smolc.runtime.jobs.manifest import read_manifest
from smolc.runtime.merge.run import run
from smolc.runtime.report.run import render


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """soup = 0.9 a + 0.1 b, and an arc between them."""
    folder = tmp_path_factory.mktemp("merged")
    model(folder, "a", 1)
    model(folder, "b", 2)
    one = job(("a", "b"), linear(0.9, 0.1)) | {"needs": [], "title": "soup: 0.9 a + 0.1 b"}
    arc = job(("a", "b"), slerp(0.25), like="b") | {"id": "arc", "stage": "arc", "needs": []}
    for body in (one, arc):
        made = context(folder, *((one,) if body is one else (one, arc)))
        run(made)
    manifest = read_manifest(folder)
    for entry in manifest.jobs:
        write_done(folder, entry, {}, 1.5)
    return folder


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_report_says_what_was_merged_from_what(merged: Path) -> None:
    said = words(render(merged))
    assert "soup 0.9 a + 0.1 b" in said
    assert "soup linear a 0.9 a 13,136 parameters in bf16 b 0.1" in said
    assert "arc slerp at 25% a 0.75 b" in said and "16 tensors along the arc, 5 that are parallel" in said


def test_names_are_only_text_there(tmp_path: Path) -> None:
    model(tmp_path, "a", 1)
    model(tmp_path, "b", 2)
    body = job(("a", "b"), linear(0.9, 0.1)) | {"needs": []}
    body["inputs"][0]["name"] = body["like"] = "<script>"
    run(context(tmp_path, body))
    write_done(tmp_path, read_manifest(tmp_path).jobs[0], {}, 1.0)
    assert "<script>" not in render(tmp_path)


def test_the_line_when_it_is_done(merged: Path) -> None:
    entry = next(e for e in read_manifest(merged).jobs if e.id == "soup")
    assert in_short(merged, entry) == "of a, b"


def test_it_can_be_talked_to(merged: Path) -> None:
    _, partner = find(merged, "soup", None)
    assert (partner.job, partner.old) == ("soup", False)
    _, last = find(merged, None, None)
    assert last.job == "arc"
