"""Datasets of the hub. A folder with files is read by `datasets` in the same way, without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from source_cases import Folder, read_chunks, read_in_processes

from smolc.runtime.data.sources import chunks, tables
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import HubData

ROWS = [{"text": f"row {i}", "deep": {"n": i, "list": [{"a": None}, {"a": "x"}]}} for i in range(300)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    for module in (chunks, tables):
        monkeypatch.setattr(module, "SIZE", 2000)
    return Folder(tmp_path)


def hub(folder: Folder, rows: list[dict[str, Any]], split: str = "train", streaming: bool = False) -> HubData:
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    folder.write("set/train.jsonl", content)
    return HubData(
        type="hub", id=str(folder.root / "set"), config=None, split=split, revision=None, streaming=streaming
    )


@pytest.mark.parametrize("streaming", [False, True])
def test_rows_are_the_same_in_each_process(folder: Folder, streaming: bool) -> None:
    location = hub(folder, ROWS, streaming=streaming)
    source = folder.open(hub=location)
    cut = list(source.chunks())
    assert len(cut) > 4
    here, there = read_chunks(cut), read_in_processes(source)
    assert here.data == there.data == ROWS
    assert here.places == there.places == [f"{location.id}:train row {n}" for n in range(1, 301)]
    assert source.total() == (None if streaming else 300)


@pytest.mark.parametrize("streaming", [False, True])
def test_what_rows_are_made_of(folder: Folder, streaming: bool) -> None:
    before = folder.open(hub=hub(folder, ROWS, streaming=streaming)).identity()
    assert folder.open(hub=hub(folder, ROWS, streaming=streaming)).identity().keys() == before.keys()
    assert (before["config"], before["split"]) == (None, "train")
    assert before["fingerprint"]
    after = folder.open(hub=hub(folder, ROWS[:-1], streaming=streaming)).identity()
    assert after["fingerprint"] != before["fingerprint"]


def test_part_of_a_split(folder: Folder) -> None:
    read = folder.read(hub=hub(folder, ROWS, split="train[10:20]"))
    assert read.data == ROWS[10:20]
    assert [row.number for row in read.rows] == list(range(1, 11))


@pytest.mark.parametrize("streaming", [False, True])
def test_a_split_that_is_not_there(folder: Folder, streaming: bool) -> None:
    location = hub(folder, ROWS, split="nope", streaming=streaming)
    with pytest.raises(JobError, match="split nope: ") as caught:
        folder.read(hub=location)
    assert "check its id" in str(caught.value.help)


def test_columns_that_datasets_decodes(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its Json holds values of any shape, such as arguments of tools, as text."""
    import datasets

    features = datasets.Features({"args": datasets.Json()})
    rows = [{"args": {"a": 1}}, {"args": [1, "x"]}, {"args": None}]
    source = folder.open(hub=hub(folder, ROWS[:1]))
    monkeypatch.setattr(source, "_rows", datasets.Dataset.from_list(rows, features=features))
    assert read_in_processes(source).data == rows


def test_a_download_that_breaks_off(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder.open(hub=hub(folder, ROWS, streaming=True))

    def broken() -> Iterator[dict[str, Any]]:
        yield {"text": "one"}
        raise RuntimeError("connection lost\nmore")

    monkeypatch.setattr(source, "_rows", broken())
    with pytest.raises(JobError, match=r"split train: connection lost$"):
        list(source.chunks())
