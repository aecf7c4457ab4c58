"""Datasets of the hub, through `datasets`: whole in its cache, or row by row as they are downloaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from smolc.runtime.data.sources import tables
from smolc.runtime.data.sources.chunks import Chunk, Records, Table, grouped
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import HubData

_COMMIT = re.compile(r"[0-9a-f]{40}")


class HubSource:
    def __init__(self, location: HubData) -> None:
        import datasets

        datasets.disable_progress_bars()
        self._location = location
        self._name = f"{location.id}/{location.config}" if location.config else location.id
        with self._loading():
            # In the steps of `load_dataset`, since only the builder knows the commit.
            builder = datasets.load_dataset_builder(location.id, location.config, revision=location.revision)
            self._hash = str(builder.hash or "")
            if location.streaming:
                self._rows: Any = builder.as_streaming_dataset(split=location.split)
            else:
                builder.download_and_prepare()
                self._rows = builder.as_dataset(split=location.split)

    def identity(self) -> dict[str, Any]:
        at = self._location
        said = {"hub": at.id, "config": at.config, "split": at.split}
        if _COMMIT.fullmatch(self._hash):
            return {**said, "commit": self._hash}
        return {**said, "fingerprint": str(getattr(self._rows, "_fingerprint", None) or self._hash)}

    def chunks(self) -> Iterator[Chunk]:
        parts: Iterator[Records | Table] = self._streamed() if self._location.streaming else self._stored()
        for index, part in enumerate(parts):
            yield Chunk(index, part)

    def total(self) -> int | None:
        return None if self._location.streaming else len(self._rows)

    def _streamed(self) -> Iterator[Records]:
        def numbered() -> Iterator[tuple[int, dict[str, Any] | str]]:
            with self._loading():
                yield from enumerate(self._rows, 1)

        return grouped(self._place, "row", numbered())

    def _stored(self) -> Iterator[Table]:
        """The tables are mapped into memory, so cutting them is copying bytes; whoever has a part makes it rows."""
        from datasets.features.features import require_decoding

        table, features = self._rows.data, self._rows.features
        rows = tables.rows_in_chunk(table.nbytes, table.num_rows)

        def batches() -> Iterator[Any]:
            with self._loading():
                for part in self._rows.with_format("arrow").iter(batch_size=rows):
                    yield from part.combine_chunks().to_batches()

        return tables.parts(self._place, batches(), features if require_decoding(features) else None)

    @property
    def _place(self) -> str:
        return f"{self._name}:{self._location.split}"

    @contextmanager
    def _loading(self) -> Iterator[None]:
        try:
            yield
        except (JobError, GeneratorExit):
            raise
        except Exception as error:  # the hub's client raises a dozen kinds, none of them documented
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise JobError(
                f"dataset {self._name}, split {self._location.split}: {reason}",
                help="check its id, config, split and revision, `hf auth login` for a gated one; "
                "with HF_HUB_OFFLINE=1 it must be in the cache already",
            ) from error
