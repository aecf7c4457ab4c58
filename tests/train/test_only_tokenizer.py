"""The start model's tokenizer, without its weights."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.model import ModelJob
from smolc.runtime.train.scratch import bytes_tokenizer
from smolc.runtime.train.start import only_tokenizer

SPECIAL = ("<pad>", "<|im_end|>")
LLAMA = {"architecture": "llama", "layers": 2, "hidden": 8, "heads": 2, "kv_heads": 2, "intermediate": 16}
SCRATCH = {"type": "scratch", **LLAMA, "context": 64}
BYTES = {"type": "bytes", "special": SPECIAL}
OWN = {"type": "own"}


def loaded(folder: Path, source: dict[str, Any], tokenizer: dict[str, Any]) -> Any:
    job = ModelJob(
        kind="model", id="base", title="", stage=None, needs=(), seed=1, device="cpu",
        source=source, tokenizer=tokenizer, dtype="fp32", trust_remote_code=False,
    )  # type: ignore[arg-type]  # fmt: skip
    manifest: Any = SimpleNamespace(root="..")
    return only_tokenizer(Context(folder / "build", manifest, job), job)


@pytest.mark.parametrize("own", [True, False])
def test_of_a_folder_without_weights(tmp_path: Path, own: bool) -> None:
    bytes_tokenizer(SPECIAL, 64).save_pretrained(tmp_path / "start")
    (tmp_path / "build").mkdir()
    other = {"type": "path", "id": "start", "revision": None}
    source = {"type": "path", "path": "start"} if own else SCRATCH
    tokenizer = loaded(tmp_path, source, OWN if own else other)
    assert tokenizer.encode("a<|im_end|>") == [97, 257]
    assert not list((tmp_path / "build").iterdir())


def test_from_scratch(tmp_path: Path) -> None:
    assert loaded(tmp_path, SCRATCH, BYTES).encode("a<|im_end|>") == [97, 257]


@pytest.mark.parametrize(
    ("source", "tokenizer", "said"),
    [
        (SCRATCH, OWN, "no tokenizer of its own"),
        ({"type": "path", "path": "none"}, OWN, "no such folder"),
        ({"type": "path", "path": "empty"}, OWN, "no tokenizer that can be loaded"),
        ({"type": "path", "path": "empty"}, BYTES, "cannot take another"),
        ({"type": "gguf", "path": "empty", "file": "a.gguf"}, OWN, "no such file"),
    ],
)
def test_what_is_wrong(tmp_path: Path, source: dict[str, Any], tokenizer: dict[str, Any], said: str) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(JobError, match=said):
        loaded(tmp_path, source, tokenizer)
