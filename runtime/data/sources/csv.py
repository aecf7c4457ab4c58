"""Records of csv files: quoted fields may hold ends of lines, so one process finds them all."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from io import BufferedReader, TextIOWrapper

from smolc.runtime.jobs.errors import JobError


def records(name: str, content: BufferedReader) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Number of its first line (from 1) and record, or what is wrong with it. Raises JobError if it is not CSV."""
    csv.field_size_limit(sys.maxsize)
    with TextIOWrapper(content, encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        number = 1
        try:
            header = next(reader, [])
            if twice := sorted({column for column in header if header.count(column) > 1}):
                raise JobError(f"{name}:1: column {twice[0]!r} stands twice in the header", help="rename one")
            number = reader.line_num + 1
            for values in reader:
                if values and len(values) != len(header):
                    yield number, f"expected {len(header)} columns ({', '.join(header)}), found {len(values)}"
                elif values:
                    yield number, dict(zip(header, values, strict=True))
                number = reader.line_num + 1
        except UnicodeDecodeError as error:
            raise JobError(f"{name}:{number}: not UTF-8, in this line or soon after") from error
        except csv.Error as error:
            raise JobError(f"{name}:{number}: not CSV: {error}") from error
