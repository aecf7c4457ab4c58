"""Where rows come from: jsonl, json, csv and parquet files, here or at an address, compressed or not, and the hub.

A source is cut into chunks by one process, cheaply and always in the same way; each chunk is made into rows by any
process. Everything is read in the order in which it stands; nothing is skipped but blank lines.
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.runtime.data.rows import Problems, Row
from smolc.runtime.data.sources.chunks import Chunk, Source
from smolc.runtime.data.sources.files import Files, FileSource, MadeSource
from smolc.runtime.data.sources.hub import HubSource
from smolc.runtime.data.sources.worker import rows
from smolc.runtime.jobs.prepare import FileData, HubData, MadeData

__all__ = ["Chunk", "Files", "Source", "open_source", "read", "rows"]


def open_source(name: str, location: FileData | HubData | MadeData, files: Files) -> Source:
    """What a location names, found and hashed; `name` is what messages call it. Raises JobError if it is not there or
    is of no known kind."""
    if isinstance(location, HubData):
        return HubSource(location)
    if isinstance(location, MadeData):
        return MadeSource(location, files)
    return FileSource(name, location, files)


def read(location: FileData | HubData | MadeData, files: Files, problems: Problems) -> Iterator[Row]:
    """Rows of a source, one after the other. A row that is no record goes to `problems`; a file that cannot be read
    raises JobError."""
    for chunk in open_source(problems.source, location, files).chunks():
        yield from rows(chunk, problems)
