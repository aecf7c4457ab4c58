"""A folder with a start model and rows, in which the job `sft` is run in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from compiled import MODEL, SPECIAL, TRAIN, chat_rows, context_of, finished, pack, write_folder, write_rows

Rows = Callable[[Any, int], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    from smolc.runtime.train.scratch import bytes_tokenizer

    return bytes_tokenizer(SPECIAL, 128)


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from smolc.runtime.train import start

    folder = write_folder(tmp_path_factory.mktemp("start"), MODEL)
    start.run(context_of(folder, "base"))
    return folder


@pytest.fixture
def train(tmp_path: Path, model_folder: Path, tokenizer: Any) -> Callable[..., Path]:
    """Prepare a folder with the start model and rows; run the job `sft` in this process if `go`."""
    from smolc.runtime.train import run

    def prepared(rows: Rows = chat_rows, *, packed: bool = False, go: bool = True, **said: Any) -> Path:
        rows_of = {"packing": "best_fit", "length": 110} if packed else {}
        write_folder(tmp_path, MODEL, TRAIN | rows_of | said)
        if not (tmp_path / "out").exists():
            shutil.copytree(model_folder / "out", tmp_path / "out")
            both = rows(tokenizer, 30), rows(tokenizer, 37)[30:]
            write_rows(tmp_path, tokenizer, *(pack(part, 110) if packed else part for part in both))
        finished(tmp_path, "base")
        finished(tmp_path, "data")
        if go:
            run.run(context_of(tmp_path, "sft"))
        return tmp_path

    return prepared
