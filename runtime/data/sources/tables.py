"""Arrow tables in parts: parquet files, and what `datasets` holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

from smolc.runtime.data.sources.chunks import RECORDS, SIZE, Table
from smolc.runtime.jobs.errors import JobError


def parquet(name: str, file: Path | BufferedReader) -> Iterator[Table]:
    """Raises JobError if it is no whole parquet file, or if two of its columns have one name."""
    import pyarrow.parquet

    # Without pre_buffer a group of rows, which may be the whole file, is not held in memory.
    with _readable(name), pyarrow.parquet.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20) as opened:
        columns = Counter(opened.schema_arrow.names)
        if twice := sorted(column for column, n in columns.items() if n > 1):
            raise JobError(f"{name}: column {twice[0]!r} stands twice in the file", help="rename one")
        about = opened.metadata
        size = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
        batches = opened.iter_batches(batch_size=rows_in_chunk(size, about.num_rows), use_threads=False)
        yield from parts(name, batches)


def count(name: str, file: Path | BufferedReader) -> int:
    """Rows of a parquet file. Raises JobError."""
    import pyarrow.parquet

    with _readable(name), pyarrow.parquet.ParquetFile(file) as opened:
        return int(opened.metadata.num_rows)


def rows_in_chunk(size: int, rows: int) -> int:
    """size: bytes of so many rows."""
    return max(1, min(RECORDS, SIZE * rows // max(1, size)))


def parts(name: str, batches: Iterable[Any], features: Any = None) -> Iterator[Table]:
    """Record batches as they come, or less of one that is large."""
    first = 1
    for batch in batches:
        rows = rows_in_chunk(batch.nbytes, batch.num_rows)
        # One that is a little too large stays whole.
        rows = batch.num_rows if batch.nbytes < 2 * SIZE and batch.num_rows <= RECORDS else rows
        for start in range(0, batch.num_rows, rows):
            part = batch.slice(start, rows)
            yield Table(name, first, _stream(part), features)
            first += part.num_rows


def _stream(batch: Any) -> bytes:
    import pyarrow

    sink = pyarrow.BufferOutputStream()
    plain = batch.replace_schema_metadata(None)
    with pyarrow.ipc.new_stream(sink, plain.schema) as writer:
        writer.write_batch(plain)
    content: bytes = sink.getvalue().to_pybytes()
    return content


@contextmanager
def _readable(name: str) -> Iterator[None]:
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        reason = str(error).splitlines()[0]
        raise JobError(
            f"{name}: not a parquet file that can be read: {reason}", help="is it complete?"
        ) from error
