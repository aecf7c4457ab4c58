"""Files at addresses: fsspec's own memory stands for a store."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet
import pytest
from source_cases import Folder, read_in_processes

from smolc.runtime.data.sources import remote
from smolc.runtime.jobs.errors import JobError

LINE = b'{"n": 1}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Files in memory at `memory://`, which is no address that data is read from otherwise."""
    monkeypatch.setitem(remote.PACKAGES, "memory", "fsspec")
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def fails(folder: Folder, *paths: str) -> str:
    with pytest.raises(JobError) as caught:
        folder.read(*paths)
    return f"{caught.value.message}\nhelp: {caught.value.help}"


def test_each_kind(folder: Folder, store: Any) -> None:
    table = io.BytesIO()
    pa.parquet.write_table(pa.table({"n": [1] * 3}), table)
    content = {
        "a.jsonl": LINE * 2 + b"\n" + LINE,
        "b.jsonl.gz": gzip.compress(LINE * 3),
        "c.json": b'[{"n": 1}, {"n": 1}, {"n": 1}]',
        "d.parquet": table.getvalue(),
    }
    for name, data in content.items():
        store.pipe(f"/box/in/{name}", data)
    addresses = [f"memory://box/in/{name}" for name in content]
    source = folder.open(*addresses)
    read = read_in_processes(source)
    assert read.data == [{"n": 1}] * 12
    assert read.places[2] == "memory://box/in/a.jsonl:4"
    assert read.places[-1] == "memory://box/in/d.parquet row 3"
    assert folder.open(addresses[-1]).total() == 3


def test_patterns_and_what_rows_are_made_of(folder: Folder, store: Any) -> None:
    for name in ("b.jsonl", "a.jsonl", "deep/c.jsonl", "d.csv"):
        store.pipe(f"/box/{name}", LINE)
    assert folder.read("memory://box/*.jsonl").places == ["memory://box/a.jsonl:1", "memory://box/b.jsonl:1"]
    assert len(folder.read("memory://box/**/*.jsonl").rows) == 3
    before = folder.open("memory://box/a.jsonl").identity()
    assert before["files"][0]["address"] == "memory://box/a.jsonl"
    assert before["files"][0]["bytes"] == len(LINE)
    assert folder.open("memory://box/a.jsonl").identity() == before
    store.pipe("/box/a.jsonl", LINE.replace(b"1", b"2"))
    assert folder.open("memory://box/a.jsonl").identity() != before


def test_what_is_not_there(folder: Folder, store: Any) -> None:
    store.pipe("/box/empty.jsonl", b"")
    store.pipe("/box/a.jsonl.gz", gzip.compress(LINE * 3)[:-1])
    assert "memory://box/no.jsonl: no such file" in fails(folder, "memory://box/no.jsonl")
    assert "memory://box/*.csv: no such file" in fails(folder, "memory://box/*.csv")
    assert "memory://box: no such file" in fails(folder, "memory://box")
    assert "memory://box/empty.jsonl: the file is empty" in fails(folder, "memory://box/empty.jsonl")
    assert "3 lines could be read" in fails(folder, "memory://box/a.jsonl.gz")


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/a.jsonl", "file:///etc/passwd.jsonl", "memory://box/a.jsonl", "local:///a.jsonl",
        "github://a:b@c/a.jsonl", "ssh://host/a.jsonl", "S3://box/a.jsonl", "reference://a.jsonl",
        "data/s3://box/a.jsonl",
    ],
)  # fmt: skip
def test_other_addresses_are_refused(folder: Folder, address: str) -> None:
    message = fails(folder, address)
    assert "data is not read from" in message or "in the middle of a path" in message
    assert "write one of s3://, gs://, az://, hf://" in message


@pytest.mark.parametrize(
    "address",
    [
        "s3://me:hunter2@box/a.jsonl", "s3://box/a.jsonl?X-Amz-Signature=hunter2", "s3://box/a.jsonl::hunter2",
    ],
)  # fmt: skip
def test_credentials_are_neither_used_nor_said(folder: Folder, address: str) -> None:
    message = fails(folder, address)
    assert "credentials" in message
    assert "hunter2" not in message


def test_a_package_that_is_missing_is_named(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    message = fails(folder, "s3://box/a.jsonl")
    assert "s3://box/a.jsonl: s3:// is read with s3fs, which is not installed" in message
    assert "help: pip install s3fs" in message


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PermissionError("Forbidden hunter2"), "may not be read with this machine's credentials"),
        (
            RuntimeError("denied: AccessKeyId=hunter2 api_token: hunter2\nmore hunter2"),
            "cannot be read: denied",
        ),
        (TimeoutError(), "cannot be read: TimeoutError"),
    ],
)
def test_a_store_that_fails(
    folder: Folder, store: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str
) -> None:
    """When it is asked, and in the middle of a file."""
    store.pipe("/box/a.jsonl", LINE * 3)
    source = folder.open("memory://box/a.jsonl")

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise error

    monkeypatch.setattr(store, "_open", lambda *_, **__: Broken())
    with pytest.raises(JobError) as caught:
        list(source.chunks())
    asked = caught.value.message

    def info(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(store, "info", info)
    for message in (asked, fails(folder, "memory://box/a.jsonl")):
        assert message.startswith("memory://box/a.jsonl: ")
        assert expected in message
        assert "hunter2" not in message
