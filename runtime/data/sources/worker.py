"""Chunks to rows, in any process."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from smolc.runtime.data.rows import Problems, Row, found, place
from smolc.runtime.data.sources.chunks import Chunk, Lines, Records, Span, Table, Texts
from smolc.runtime.jobs.errors import JobError

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class _Wrong(Exception):
    """What is wrong with one record."""


def rows(chunk: Chunk, problems: Problems) -> Iterator[Row]:
    """Rows of a chunk, with the numbers that they have in their file. What is no record goes to `problems`. Raises
    JobError if a file cannot be read, or is not the one that was cut into chunks."""
    part = chunk.part
    if isinstance(part, Lines):
        yield from _lines(part, problems)
    elif isinstance(part, Texts):
        yield from _texts(part, problems)
    elif isinstance(part, Table):
        yield from _table(part, problems)
    else:
        yield from _records(part, problems)


def _lines(part: Lines, problems: Problems) -> Iterator[Row]:
    content = _content(part.name, part.content) if isinstance(part.content, Span) else part.content
    for number, line in enumerate(BytesIO(content), part.first):
        if line.isspace():
            continue
        try:
            yield Row(part.name, "line", number, _object(line.decode(), whole=line.endswith(b"\n")))
        except UnicodeDecodeError as error:
            what = f"not UTF-8: byte 0x{error.object[error.start]:02x} at column {error.start + 1}"
            problems.add(place(part.name, "line", number), what)
        except _Wrong as wrong:
            problems.add(place(part.name, "line", number), str(wrong))


def _content(name: str, span: Span) -> bytes:
    try:
        with span.path.open("rb") as file:
            file.seek(span.start)
            content = file.read(span.end - span.start)
        about = span.path.stat()
    except OSError as error:
        raise JobError(f"{name}: cannot be read: {error.strerror or error}") from error
    if (about.st_size, about.st_mtime_ns) != (span.size, span.changed):
        raise JobError(f"{name}: the file was changed while it was read", help="run again")
    return content


def _texts(part: Texts, problems: Problems) -> Iterator[Row]:
    for number, text in enumerate(part.texts, part.first):
        try:
            yield Row(part.name, "row", number, _object(text, whole=True))
        except _Wrong as wrong:
            problems.add(place(part.name, "row", number), str(wrong))


def _records(part: Records, problems: Problems) -> Iterator[Row]:
    for number, data in part.records:
        if isinstance(data, str):
            problems.add(place(part.name, part.unit, number), data)
        else:
            yield Row(part.name, part.unit, number, data)


def _table(part: Table, problems: Problems) -> Iterator[Row]:
    import pyarrow

    # Threads of Arrow's would be one more for each process.
    options = pyarrow.ipc.IpcReadOptions(use_threads=False)
    number = part.first
    for batch in pyarrow.ipc.open_stream(part.content, options=options):
        for data in _values(batch):
            if isinstance(data, Exception):
                reason = (str(data) or type(data).__name__).splitlines()[0]
                problems.add(place(part.name, "row", number), f"a value that cannot be read: {reason}")
            else:
                if part.features is not None:
                    data = _decoded(part, number, data)
                yield Row(part.name, "row", number, data)
            number += 1


def _values(batch: Any) -> Iterator[dict[str, Any] | Exception]:
    """Text that is not UTF-8, or a date that Python has none for, is a matter of its row alone."""
    try:
        yield from batch.to_pylist()
    except (ValueError, OverflowError) as error:
        if batch.num_rows == 1:
            yield error
            return
        for i in range(batch.num_rows):
            yield from _values(batch.slice(i, 1))


def _decoded(part: Table, number: int, data: dict[str, Any]) -> dict[str, Any]:
    try:
        decoded: dict[str, Any] = part.features.decode_example(data)
    except Exception as error:  # images, sounds, PDFs: each has a library of its own
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise JobError(f"{place(part.name, 'row', number)}: cannot be decoded: {reason}") from error
    return decoded


def _object(text: str, whole: bool) -> dict[str, Any]:
    """A JSON object. whole: what follows it was there, too. Raises _Wrong."""
    try:
        data = _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise _Wrong(_not_json(error, text, whole)) from error
    if not isinstance(data, dict):
        raise _Wrong(f"expected a JSON object, found {found(data)}{_array(text)}")
    if _ESCAPED_SURROGATE.search(text) and _has_surrogate(data):
        raise _Wrong("expected Unicode text, found half of a surrogate pair")
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a name that stands twice in it is an error, where json keeps the last. Raises ValueError."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} stands twice in an object")
    return made


_decoder = json.JSONDecoder(object_pairs_hook=_once)


def _not_json(error: Exception, text: str, whole: bool) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    reason = str(error)
    if isinstance(error, json.JSONDecodeError):
        reason = f"{error.msg.removesuffix(' at')} at column {error.pos + 1}"
    ended = "" if whole else "; the file ends within this line, was it cut off?"
    return f"expected a JSON object, found what is not JSON ({reason}): {text.strip()[:60]!r}{_array(text) or ended}"


def _array(text: str) -> str:
    """An array of rows, or where it begins."""
    return (
        "; a JSON array is read from a file whose name ends in .json" if text.lstrip().startswith("[") else ""
    )


def _has_surrogate(data: Any) -> bool:
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
