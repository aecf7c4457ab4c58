"""Archives, patterns of names, parquet's own troubles, and what a source says that it is made of."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from source_cases import Folder

from smolc.runtime.jobs import context as context_module
from smolc.runtime.jobs.done import sha256_of
from smolc.runtime.jobs.errors import JobError

LINE = b'{"n": 1}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "here").mkdir()
    return Folder(tmp_path / "here")


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as file:
        file.write(content)
    return bytes(sink.getvalue().to_pybytes())


def fails(folder: Folder, *paths: str) -> str:
    with pytest.raises(JobError) as caught:
        folder.read(*paths)
    return f"{caught.value.message}\nhelp: {caught.value.help}"


RANDOM = b"".join(b'{"n": "%s"}\n' % hashlib.sha256(b"%d" % i).hexdigest().encode() for i in range(5000))


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_archives(folder: Folder, pack: object) -> None:
    assert callable(pack)
    name = "a.jsonl.gz" if pack is gzip.compress else "a.jsonl.zst"
    folder.write(name, pack(RANDOM) + pack(LINE))
    read = folder.read(name)
    assert (len(read.rows), read.rows[-1].place) == (5001, f"{name}:5001")
    folder.write(name.replace("jsonl", "csv"), pack(b"a,b\n1,2\n"))
    assert folder.read(name.replace("jsonl", "csv")).data == [{"a": "1", "b": "2"}]
    folder.write(name.upper(), pack(LINE))
    assert len(folder.read(name.upper()).rows) == 1


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "json"])
@pytest.mark.parametrize("left", [0.9, 0.3])
def test_an_archive_that_is_cut_short(folder: Folder, pack: object, kind: str, left: float) -> None:
    assert callable(pack)
    content = {
        "jsonl": RANDOM,
        "csv": b"n\n" + RANDOM.replace(b'{"n": "', b"").replace(b'"}', b""),
        "json": b"[" + RANDOM.replace(b"\n", b",\n") + b"{}]",
    }[kind]
    packed = pack(content)
    name = folder.write(
        f"a.{kind}.{'gz' if pack is gzip.compress else 'zst'}", packed[: int(len(packed) * left)]
    )
    message = fails(folder, name)
    assert f"{name}: the archive is cut short or damaged (Truncated compressed stream)" in message
    lines = int(message.split("; ")[1].split()[0])
    # zstd packs blocks of 128 KiB, of which none or all can be read.
    assert abs(lines - left * 5000) < (60 if pack is gzip.compress else 2100)


def test_archives_that_are_none(folder: Folder) -> None:
    assert "no.jsonl.gz: the archive is cut short or damaged" in fails(
        folder, folder.write("no.jsonl.gz", LINE)
    )
    assert "0 lines could be read" in fails(folder, "no.jsonl.gz")
    assert "no.jsonl.zst: the archive is cut short" in fails(folder, folder.write("no.jsonl.zst", LINE))
    packed = bytearray(gzip.compress(RANDOM))
    packed[len(packed) // 2] ^= 255
    assert "damaged" in fails(folder, folder.write("flip.jsonl.gz", bytes(packed)))
    message = fails(folder, folder.write("one.jsonl.gz", gzip.compress(LINE)[:-1]))
    assert "1 line could be read" in message
    assert "void.jsonl.gz: the file is empty" in fails(
        folder, folder.write("void.jsonl.gz", gzip.compress(b""))
    )
    assert "zero.jsonl.gz: the file is empty" in fails(folder, folder.write("zero.jsonl.gz", b""))
    mark = folder.write("mark.jsonl.zst", zstd(b"\xef\xbb\xbf" + LINE))
    assert "mark.jsonl.zst:1: the file starts with a byte-order mark" in fails(folder, mark)
    parquet = folder.write("a.parquet.gz", gzip.compress(b"x"))
    assert "a.parquet.gz: parquet is compressed inside" in fails(folder, parquet)
    assert "a.txt.gz: not a kind of file" in fails(folder, folder.write("a.txt.gz", b"x"))
    assert "a.gz: not a kind of file" in fails(folder, folder.write("a.gz", b"x"))


def test_patterns(folder: Folder) -> None:
    for name in ("b.jsonl", "a.jsonl", ".hidden.jsonl", "deep/c.jsonl", "deep/er/d.jsonl", "a.csv"):
        folder.write(f"data/{name}", LINE)
    assert folder.read("data/*.jsonl").places == ["data/a.jsonl:1", "data/b.jsonl:1"]
    assert folder.read("data/[b-z].jsonl", "data/*.jsonl").places == ["data/b.jsonl:1", "data/a.jsonl:1"]
    assert folder.read("data/**/*.jsonl").places == [
        "data/a.jsonl:1", "data/b.jsonl:1", "data/deep/c.jsonl:1", "data/deep/er/d.jsonl:1",
    ]  # fmt: skip
    assert folder.read("data/*/?.jsonl").places == ["data/deep/c.jsonl:1"]
    assert "data/*.parquet: no such file" in fails(folder, "data/*.parquet")
    assert "nowhere/*.jsonl: no such file" in fails(folder, "nowhere/*.jsonl")
    folder.write("data/x.txt", b"x")
    assert "data/x.txt: not a kind of file that is known" in fails(folder, "data/*")


def test_patterns_find_nothing_that_a_run_writes(folder: Folder) -> None:
    folder.write("a.jsonl", LINE)
    folder.write("build/quick/manifest.json", b"{}")
    folder.write("build/quick/jobs/sft/job.yaml", b"{}")
    folder.write("build/quick/out/sft/progress.jsonl", LINE)
    assert folder.read("**/*.jsonl").places == ["a.jsonl:1"]


def test_patterns_stay_in_the_folder(folder: Folder) -> None:
    secret = folder.root.parent / "secret.jsonl"
    secret.write_bytes(LINE)
    folder.write("data/a.jsonl", LINE)
    for pattern in ("data/../../*.jsonl", f"{folder.root.parent}/*.jsonl", "data/**/../../../*.jsonl"):
        assert "leads out of the recipe's folder" in fails(folder, pattern)
    (folder.root / "data" / "link.jsonl").symlink_to(secret)
    assert "data/link.jsonl: a link that leads out of the recipe's folder" in fails(folder, "data/*.jsonl")
    (folder.root / "data" / "link.jsonl").unlink()
    (folder.root / "data" / "inside.jsonl").symlink_to("a.jsonl")
    (folder.root / "data" / "loop.jsonl").symlink_to("loop.jsonl")
    (folder.root / "data" / "again").symlink_to(folder.root)
    assert folder.read("data/*.jsonl").places == ["data/a.jsonl:1", "data/inside.jsonl:1"]
    assert folder.read("data/**/*.jsonl").places == ["data/a.jsonl:1", "data/inside.jsonl:1"]
    # A parent recipe that lies beside this one is compiled to such a path.
    assert Folder(folder.root / "data").read("../data/a*.jsonl").places == ["../data/a.jsonl:1"]


def test_what_rows_are_made_of(folder: Folder) -> None:
    folder.write("data/a.jsonl", LINE)
    folder.write("data/b.jsonl", LINE * 2)
    context = folder.context()
    source = folder.open("data/*.jsonl", "data/a.jsonl", context=context)
    about = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in (("data/a.jsonl", LINE), ("data/b.jsonl", LINE * 2))
    }
    assert source.identity() == {"files": [{"path": name, **said} for name, said in about.items()]}
    assert json.loads(json.dumps(source.identity())) == source.identity()
    inputs = {
        name: {k: v for k, v in seen.items() if k != "changed"} for name, seen in context.inputs.items()
    }
    assert inputs == {"data/*.jsonl": {"matches": list(about)}, **about}


def test_no_paths(folder: Folder) -> None:
    assert "chats: its location names no file" in fails(folder)


def test_a_file_is_hashed_once_and_a_large_one_tells_how_far_it_is(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = LINE * 500_000
    folder.write("a.jsonl", content)
    monkeypatch.setattr(context_module, "TOLD", 1 << 22)
    hashed: list[Path] = []

    def counted(path: Path, *tell: Any) -> str:
        hashed.append(path)
        return sha256_of(path, *tell)

    monkeypatch.setattr(context_module, "sha256_of", counted)
    context = folder.context()
    for _ in range(2):
        identity = folder.open("a.jsonl", context=context).identity()
    assert len(hashed) == 1
    assert identity["files"][0]["sha256"] == hashlib.sha256(content).hexdigest()
    told = [json.loads(line) for line in (context.out / "progress.jsonl").read_text().splitlines()]
    assert [one["done"] for one in told] == [1, 2, 3, 4]
    assert {(one["total"], one["unit"], one["note"]) for one in told} == {(4, "MiB", "hashing a.jsonl")}


def test_the_number_of_rows_of_parquet_is_known(folder: Folder) -> None:
    pa.parquet.write_table(pa.table({"a": [1, 2, 3]}), folder.root / "a.parquet")
    pa.parquet.write_table(pa.table({"a": [1, 2]}), folder.root / "b.parquet")
    folder.write("a.jsonl", LINE)
    assert folder.open("a.parquet", "b.parquet").total() == 5
    assert folder.open("a.parquet", "a.jsonl").total() is None


def test_parquet_of_no_rows_and_of_two_columns_of_one_name(folder: Folder) -> None:
    pa.parquet.write_table(pa.table({"a": pa.array([], pa.string())}), folder.root / "none.parquet")
    assert folder.read("none.parquet").rows == []
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])
    pa.parquet.write_table(twice, folder.root / "twice.parquet")
    assert "twice.parquet: column 'a' stands twice in the file" in fails(folder, "twice.parquet")
    assert "no.parquet: not a parquet file that can be read" in fails(
        folder, folder.write("no.parquet", LINE)
    )
    inner = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])
    pa.parquet.write_table(pa.table({"s": inner}), folder.root / "inner.parquet")
    read = folder.read("inner.parquet")
    assert (read.rows, read.bad) == ([], 1)
    assert "inner.parquet row 1: a value that cannot be read" in read.problems[0]


def test_text_in_parquet_that_is_not_utf8_is_a_bad_row(folder: Folder) -> None:
    bad = pa.array([b"good", b"\xff", b"fine", None], pa.binary()).cast(pa.binary()).view(pa.string())
    pa.parquet.write_table(pa.table({"text": bad}), folder.root / "a.parquet")
    read = folder.read("a.parquet")
    assert [(row.number, row.data["text"]) for row in read.rows] == [(1, "good"), (3, "fine"), (4, None)]
    assert read.bad == 1
    assert "a.parquet row 2: a value that cannot be read: 'utf-8'" in read.problems[0]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b" \n ", "a.json:2: not JSON: Expecting value at column 2"),
        (b"[\n{}\n{}]", "a.json:3: not JSON: Expecting ',' delimiter at column 1"),
        (b'[{"a": "b}]', "Unterminated string"),
        (b"[{}]\n[]", "a.json:2: not JSON: Extra data at column 1"),
        (b"[" + b"9" * 5000 + b"]", "not JSON that can be read"),
        (b"[" + b"[" * 100_000, "nested too deeply"),
    ],
)  # fmt: skip
def test_json_that_is_none(folder: Folder, content: bytes, expected: str) -> None:
    folder.write("a.json", content)
    assert expected in fails(folder, "a.json")


def test_an_object_with_one_name_twice_is_a_bad_row_of_json(folder: Folder) -> None:
    folder.write("a.json", b'[{"a": 1}, {"a": 1, "a": 2}, {"b": "\\ud800"}]')
    read = folder.read("a.json")
    assert (read.data, read.bad) == ([{"a": 1}], 2)
    assert "a.json row 2: " in read.problems[0]
    assert "'a' stands twice in an object" in read.problems[0]
    assert "half of a surrogate pair" in read.problems[1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(folder: Folder) -> None:
    folder.write("a.jsonl", LINE)
    (folder.root / "a.jsonl").chmod(0)
    assert "a.jsonl: cannot be read: Permission denied" in fails(folder, "a.jsonl")
