"""Chunks: the same rows, numbers and problems however a file is cut and whoever reads its parts."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from source_cases import Folder, read_chunks, read_in_processes

from smolc.runtime.data.rows import Problems
from smolc.runtime.data.sources import Chunk, array, chunks, files, rows, tables
from smolc.runtime.jobs.errors import JobError


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def small(monkeypatch: pytest.MonkeyPatch, size: int, piece: int = 1 << 20) -> None:
    """Chunks of so many bytes, so that a short file has many."""
    for module in (chunks, files, array, tables):
        monkeypatch.setattr(module, "SIZE", size)
    monkeypatch.setattr(array, "PIECE", piece)


GOOD = [
    {"text": "Zoë 🙂 \u2028 says", "n": 1},
    {"n": 2},
    {},
    {"text": 'quoted "x"\n', "deep": [{"a": [None, 1.5, True]}]},
]
LINES = st.sampled_from(
    [
        *(json.dumps(row).encode() for row in GOOD),
        *(json.dumps(row, ensure_ascii=False).encode() for row in GOOD),
        b"", b"  ", b"\t", b"{oops", b"[1]", b'{"a": 1, "a": 2}', b'{"a": "\xff"}', b'{"a": "\\ud800"}', b"null\x0b",
    ]
)  # fmt: skip


def obvious(name: str, content: bytes) -> tuple[list[tuple[str, Any]], set[int]]:
    """Rows with their places, and the lines that are none; the slow and plain way."""
    good, bad = [], set()
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip(b" \t\r\x0b\x0c"):
            continue
        try:
            pairs = json.loads(line.decode("utf-8"), object_pairs_hook=list)
            row = json.loads(line.decode("utf-8"))
            json.dumps(row, ensure_ascii=False).encode("utf-8")
            if not isinstance(row, dict) or len(pairs) != len(row):
                raise ValueError
            good.append((f"{name}:{number}", row))
        except ValueError:
            bad.add(number)
    return good, bad


@given(
    st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n"])), min_size=1, max_size=30),
    st.booleans(),
    st.integers(1, 200),
    st.booleans(),
)
@example([(b"{}", b"\n")], True, 1, False)
@example([(b"{oops", b"\n")], True, 1, False)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_lines_are_the_same_however_they_are_cut(
    lines: list[tuple[bytes, bytes]], ends: bool, size: int, packed: bool
) -> None:
    content = b"".join(line + end for line, end in lines)
    if not ends:
        content = content[: -len(lines[-1][1])]
    if not content:
        return
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        folder = Folder(Path(place))
        name = "a.jsonl.gz" if packed else "a.jsonl"
        folder.write(name, gzip.compress(content) if packed else content)
        small(patch, size)
        cut = list(folder.open(name).chunks())
        read = read_chunks(cut)
    good, bad = obvious(name, content)
    assert list(zip(read.places, read.data, strict=True)) == good
    assert read.bad == len(bad)
    assert all(int(what.split(":")[1]) in bad for what in read.problems)
    longest = max(len(line) + len(end) for line, end in lines)
    assert all(_bytes(chunk) <= size + longest for chunk in cut)


def _bytes(chunk: Chunk) -> int:
    content = chunk.part.content
    return len(content) if isinstance(content, bytes) else content.end - content.start


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(st.text(max_size=4), JSON, max_size=3) | JSON, max_size=12),
    st.sampled_from([None, 0, 1, "\t"]),
    st.booleans(),
    st.integers(1, 60),
    st.integers(1, 40),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_json_list_is_the_same_however_it_is_read(
    values: list[Any], indent: Any, escaped: bool, size: int, piece: int
) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=escaped)
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        folder = Folder(Path(place))
        folder.write("a.json", text.encode("utf-8", "surrogatepass"))
        small(patch, size, piece)
        read = folder.read("a.json")
    rows = [(f"a.json row {n}", v) for n, v in enumerate(values, 1) if isinstance(v, dict)]
    assert list(zip(read.places, read.data, strict=True)) == rows
    assert read.bad == len(values) - len(rows)


@given(
    st.binary(max_size=60) | st.text('[]{},:"\\u1eE+-. \nnulltrueNaN', max_size=40).map(str.encode),
    st.integers(1, 9),
)
@settings(max_examples=500, deadline=None)
def test_what_is_no_json_list_is_refused_as_by_the_library(content: bytes, piece: int) -> None:
    """Whether it is read in one piece or in many."""
    if not content or content.startswith(files.MARKS):
        return
    try:
        expected = json.loads(content.decode("utf-8"))
        fine = isinstance(expected, list)
    except (ValueError, RecursionError):
        fine = False
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        folder = Folder(Path(place))
        folder.write("a.json", content)
        small(patch, 8, piece)
        if fine:
            read = folder.read("a.json")
            assert len(read.rows) + read.bad == len(expected)
        else:
            with pytest.raises(JobError, match=r"a\.json"):
                folder.read("a.json")


FIELDS = st.text("ab\"',\r\n é", max_size=6)


@given(st.lists(st.tuples(FIELDS, FIELDS), max_size=20), st.sampled_from(["\n", "\r\n"]), st.integers(1, 60))
@settings(max_examples=200, deadline=None)
def test_csv_records_are_the_same_however_they_are_cut(
    records: list[tuple[str, str]], end: str, size: int
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("one", "two"), *records])
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        folder = Folder(Path(place))
        folder.write("a.csv", text.getvalue().encode())
        small(patch, size)
        read = folder.read("a.csv")
    assert read.data == [{"one": a, "two": b} for a, b in records]
    numbers, line = [], 2
    for record in records:
        numbers.append(line)
        # A carriage return and a line feed are one end of a line.
        line += 1 + sum(field.replace("\r\n", "\n").replace("\r", "\n").count("\n") for field in record)
    assert [row.number for row in read.rows] == numbers


def many(folder: Folder) -> dict[str, str]:
    """A file of each kind with the same rows."""
    data = [{"text": f"row {i} " + "x" * (i % 50), "n": i} for i in range(500)]
    jsonl = b"".join(json.dumps(row).encode() + b"\n" for row in data)
    pa.parquet.write_table(pa.Table.from_pylist(data), folder.root / "a.parquet", row_group_size=70)
    folder.write("a.zst", b"")
    with pa.CompressedOutputStream(pa.OSFile(str(folder.root / "a.jsonl.zst"), "w"), "zstd") as file:
        file.write(jsonl)
    return {
        "jsonl": folder.write("a.jsonl", jsonl),
        "gz": folder.write("b.jsonl.gz", gzip.compress(jsonl)),
        "zst": "a.jsonl.zst",
        "json": folder.write("a.json", json.dumps(data).encode()),
        "json.gz": folder.write("b.json.gz", gzip.compress(json.dumps(data, indent=1).encode())),
        "parquet": "a.parquet",
    }


def test_other_processes_read_the_same(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    names = many(folder)
    bad = folder.write("bad.jsonl", b'{"n": 1}\n{oops\n\n{"n": "\xff"}\n{"n": 2}')
    small(monkeypatch, 2000)
    source = folder.open(*names.values(), bad)
    cut = list(source.chunks())
    assert len(cut) > 40
    here, there = read_chunks(cut), read_in_processes(source)
    assert here.rows == there.rows
    assert here.problems == there.problems
    assert len(here.rows) == 500 * len(names) + 2
    expected = [{"text": f"row {i} " + "x" * (i % 50), "n": i} for i in range(500)]
    for start in range(0, 500 * len(names), 500):
        assert here.data[start : start + 500] == expected
    assert here.places[499] == "a.jsonl:500"
    assert here.places[-3:] == ["a.parquet row 500", "bad.jsonl:1", "bad.jsonl:5"]


def test_the_same_file_has_the_same_chunks(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    names = many(folder)
    small(monkeypatch, 3000)
    one, other = (folder.open(*names.values()) for _ in range(2))
    assert [pickle.dumps(c) for c in one.chunks()] == [pickle.dumps(c) for c in other.chunks()]
    assert list(one.chunks()) == list(one.chunks())


@pytest.mark.parametrize("kind", ["jsonl", "gz", "zst", "json", "json.gz", "parquet"])
def test_chunks_are_small_and_hold_few_records(
    folder: Folder, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = many(folder)[kind]
    small(monkeypatch, 1000)
    sizes = [len(list(rows(chunk, Problems("x")))) for chunk in folder.open(name).chunks()]
    assert sum(sizes) == 500
    assert max(sizes) < 40


def test_records_of_a_chunk_are_counted_too(folder: Folder) -> None:
    folder.write("a.json", b"[" + b",".join([b"{}"] * 10_000) + b"]")
    folder.write("a.csv", b"a\n" + b"1\n" * 10_000)
    pa.parquet.write_table(pa.table({"a": [1] * 10_000}), folder.root / "a.parquet")
    for name in ("a.json", "a.csv", "a.parquet"):
        sizes = [len(list(rows(chunk, Problems("x")))) for chunk in folder.open(name).chunks()]
        assert (name, max(sizes), sum(sizes)) == (name, chunks.RECORDS, 10_000)


def test_a_long_line_stays_whole(folder: Folder) -> None:
    long = json.dumps({"text": "ab" * 2_500_000}).encode()
    for name in ("a.jsonl", "a.jsonl.gz"):
        content = b'{"text": "a"}\n' + long + b'\n{"text": "b"}\n'
        folder.write(name, gzip.compress(content, 1) if name.endswith("gz") else content)
        read = folder.read(name)
        assert [len(data["text"]) for data in read.data] == [1, 5_000_000, 1]
        assert read.places[-1] == f"{name}:3"


def test_a_file_that_changes_while_it_is_read(folder: Folder) -> None:
    name = folder.write("a.jsonl", b'{"n": 1}\n' * 3)
    cut = list(folder.open(name).chunks())
    folder.write("a.jsonl", b'{"n": 2}\n' * 3)
    os.utime(folder.root / name, ns=(1, 1))
    with pytest.raises(JobError, match=r"a\.jsonl: the file was changed while it was read"):
        read_chunks(cut)
    (folder.root / name).unlink()
    with pytest.raises(JobError, match=r"a\.jsonl: cannot be read: No such file"):
        read_chunks(cut)


def test_a_deeply_nested_record_is_sent_and_read(folder: Folder) -> None:
    """As text: pickle has a limit of its own."""
    for depth in (600, 100_000):
        content = b'{"a":' * depth + b"1" + b"}" * depth
        folder.write("a.jsonl", b"{}\n" + content)
        read = read_chunks(pickle.loads(pickle.dumps(list(folder.open("a.jsonl").chunks()))))
        assert (len(read.rows), read.bad) == ((2, 0) if depth == 600 else (1, 1))
    folder.write("a.json", b"[{}," + content + b"]")
    with pytest.raises(JobError, match="nested too deeply"):
        folder.read("a.json")
    folder.write("a.json", b"[{}," + b'{"a":' * 600 + b"1" + b"}" * 600 + b"]")
    assert len(read_chunks(pickle.loads(pickle.dumps(list(folder.open("a.json").chunks())))).rows) == 2
