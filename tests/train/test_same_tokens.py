"""A reference model of another tokenizer is refused before anything is trained."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from compiled import (
    MODEL,
    SPECIAL,
    TRAIN,
    context_of,
    finished,
    pair_rows,
    unpaired_rows,
    write_folder,
    write_rows,
)
from prepared import JOBS, TOKENIZER

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.train import run, start
from smolc.runtime.train.assemble import rows_of
from smolc.runtime.train.same_tokens import check_reference


def folder_with(tmp_path: Path, method: str, special: tuple[str, ...]) -> Path:
    """Two start models, and a job that is trained from one with the other for its reference."""
    other = MODEL | {"id": "other", "tokenizer": {"type": "bytes", "special": list(special)}, "seed": 2}
    job = TRAIN | JOBS[method] | {"duration": {"epochs": None, "steps": 1, "tokens": None}}
    job |= {"loss": job["loss"] | {"reference": "other"}, "needs": ["base", "other", "data"]}
    write_folder(tmp_path, MODEL, other, job)
    for name in ("base", "other"):
        start.run(context_of(tmp_path, name))
        finished(tmp_path, name)
    rows: Any = unpaired_rows if method == "kto" else pair_rows
    write_rows(tmp_path, TOKENIZER, rows(TOKENIZER, 40), [])
    finished(tmp_path, "data")
    return tmp_path


@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_other_tokens(method: str, tmp_path: Path) -> None:
    folder = folder_with(tmp_path, method, ("<pad>", "<|im_end|>", "<|im_start|>"))
    with pytest.raises(JobError, match=r"2 of the \d+ tokens in the rows") as caught:
        run.run(context_of(folder, "sft"))
    assert "there '<|im_end|>'" in str(caught.value) and caught.value.help
    assert not (folder / "out" / "sft" / "metrics.jsonl").exists()
    assert not (folder / "out" / ".reference").exists()


def test_tokens_that_it_does_not_have(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "dpo", SPECIAL[:2])
    with pytest.raises(JobError, match="there None"):
        run.run(context_of(folder, "sft"))


def check(folder: Path) -> None:
    context = context_of(folder, "sft")
    check_reference(context, context.job, rows_of(context, context.job).train)


def test_tokens_that_no_row_has_may_differ(tmp_path: Path) -> None:
    check(folder_with(tmp_path, "dpo", ("<nothing>", *SPECIAL[1:])))


def test_a_reference_without_a_tokenizer_is_not_checked_aloud(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_with(tmp_path, "dpo", SPECIAL)
    for path in (folder / "out" / "other" / "model").glob("*token*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    check(folder)
    assert "not checked that it reads the same tokens" in capsys.readouterr().out
