"""Where rows come from: local jsonl, json, csv and parquet files, and the hub.

Everything is read in the order in which it stands; nothing is skipped but blank lines of jsonl files.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from smolc.runtime.data.rows import Problems, Row, found, place
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import FileData, HubData

_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".parquet": "parquet"}


def read(location: FileData | HubData, open_file: Callable[[str], Path], problems: Problems) -> Iterator[Row]:
    """Rows of a source. A line that is no record goes to `problems`; a file that cannot be read raises
    JobError.

    open_file: from a name in the recipe to a path (`Context.user_file`).
    """
    if isinstance(location, HubData):
        yield from _hub(location)
        return
    readers = {"jsonl": _jsonl, "json": _json, "csv": _csv, "parquet": _parquet}
    for name in location.paths:
        kind = SUFFIXES.get(Path(name).suffix.lower())
        if kind is None:
            raise JobError(
                f"{name}: not a kind of file that is known", help=f"data files end in {', '.join(SUFFIXES)}"
            )
        path = open_file(name)
        try:
            if path.stat().st_size == 0:
                raise JobError(f"{name}: the file is empty")
            yield from readers[kind](name, path, problems)
        except OSError as error:
            raise JobError(f"{name}: cannot be read: {error.strerror or error}") from error


def _reject_mark(name: str, start: bytes) -> None:
    if start.startswith(MARKS):
        raise JobError(
            f"{name}:1: the file starts with a byte-order mark ({start[:2].hex(' ')})",
            help="save it as UTF-8 without a byte-order mark",
        )


def _not_utf8(error: UnicodeDecodeError) -> str:
    return f"not UTF-8: byte 0x{error.object[error.start]:02x} at column {error.start + 1}"


def _jsonl(name: str, path: Path, problems: Problems) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if number == 1:
                _reject_mark(name, line)
            if line.isspace():
                continue
            try:
                data = json.loads(line.decode(), object_pairs_hook=_object)
            except UnicodeDecodeError as error:
                problems.add(place(name, "line", number), _not_utf8(error))
                continue
            except (ValueError, RecursionError) as error:
                problems.add(place(name, "line", number), _not_json(error, line))
                continue
            if not isinstance(data, dict):
                problems.add(place(name, "line", number), f"expected a JSON object, found {found(data)}")
            elif _ESCAPED_SURROGATE.search(line) and _has_surrogate(data):
                problems.add(
                    place(name, "line", number), "expected Unicode text, found half of a surrogate pair"
                )
            else:
                yield Row(name, "line", number, data)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a name that stands twice in it is an error, where json keeps the last. Raises ValueError."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} stands twice in an object")
    return made


def _not_json(error: Exception, line: bytes) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    reason = str(error)
    if isinstance(error, json.JSONDecodeError):
        reason = f"{error.msg} at column {error.pos + 1}"
    text = line.decode(errors="replace").strip()
    ended = "" if line.endswith(b"\n") else "; the file ends within this line, was it cut off?"
    return f"expected a JSON object, found what is not JSON ({reason}): {text[:60]!r}{ended}"


def _has_surrogate(data: Any) -> bool:
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _json(name: str, path: Path, problems: Problems) -> Iterator[Row]:
    raw = path.read_bytes()
    _reject_mark(name, raw)
    try:
        records = json.loads(raw.decode(), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise JobError(f"{name}:{line}: not UTF-8: byte 0x{raw[error.start]:02x}") from error
    except json.JSONDecodeError as error:
        help = "one object a line is jsonl: name the file .jsonl" if error.msg == "Extra data" else None
        raise JobError(
            f"{name}:{error.lineno}: not JSON: {error.msg} at column {error.colno}", help=help
        ) from error
    except (ValueError, RecursionError) as error:
        raise JobError(f"{name}: not JSON that can be read: {error}") from error
    if not isinstance(records, list):
        raise JobError(f"{name}: expected a list of objects, found {found(records)}")
    escaped = _ESCAPED_SURROGATE.search(raw) is not None
    for number, data in enumerate(records, 1):
        if not isinstance(data, dict):
            problems.add(place(name, "row", number), f"expected a JSON object, found {found(data)}")
        elif escaped and _has_surrogate(data):
            problems.add(place(name, "row", number), "expected Unicode text, found half of a surrogate pair")
        else:
            yield Row(name, "row", number, data)


def _csv(name: str, path: Path, problems: Problems) -> Iterator[Row]:
    with path.open("rb") as raw:
        _reject_mark(name, raw.read(3))
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        number = 1
        try:
            header = next(reader, [])
            if twice := sorted({column for column in header if header.count(column) > 1}):
                raise JobError(f"{name}:1: column {twice[0]!r} stands twice in the header", help="rename one")
            number = reader.line_num + 1
            for values in reader:
                if values and len(values) != len(header):
                    what = f"expected {len(header)} columns ({', '.join(header)}), found {len(values)}"
                    problems.add(place(name, "line", number), what)
                elif values:
                    yield Row(name, "line", number, dict(zip(header, values, strict=True)))
                number = reader.line_num + 1
        except UnicodeDecodeError as error:
            raise JobError(f"{name}:{number}: not UTF-8, in this line or soon after") from error
        except csv.Error as error:
            raise JobError(f"{name}:{number}: not CSV: {error}") from error


def _parquet(name: str, path: Path, problems: Problems) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=4096):
                for data in batch.to_pylist():
                    number += 1
                    yield Row(name, "row", number, data)
    except pyarrow.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise JobError(
            f"{name}: not a parquet file that can be read: {reason}", help="is it complete?"
        ) from error


def _hub(location: HubData) -> Iterator[Row]:
    import datasets

    name = f"{location.id}/{location.config}" if location.config else location.id
    datasets.disable_progress_bars()
    try:
        rows = datasets.load_dataset(
            location.id, location.config, split=location.split, revision=location.revision
        )
    except Exception as error:  # the hub's client raises a dozen kinds, none of them documented
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise JobError(
            f"dataset {name}, split {location.split}: {reason}",
            help="check its id, config, split and revision, `hf auth login` for a gated one; "
            "with HF_HUB_OFFLINE=1 it must be in the cache already",
        ) from error
    for number, data in enumerate(rows, 1):
        yield Row(f"{name}:{location.split}", "row", number, data)
