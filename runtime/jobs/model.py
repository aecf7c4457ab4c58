"""`kind: model`: make the start model available (download, convert a GGUF file, or initialise from scratch).

Outputs in `out/<id>/`: `result.json` whose `model` is where transformers loads it from; `model/` for scratch and GGUF.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from smolc.runtime.jobs.base import Job, Strict


class HubModel(Strict):
    type: Literal["hub"]
    id: str
    revision: str | None


class PathModel(Strict):
    """A folder in transformers' format; `path` is relative to the manifest's `root`."""

    type: Literal["path"]
    path: str


class GgufModel(Strict):
    """`file` inside the folder `path` (relative to `root`), dequantised to the job's dtype."""

    type: Literal["gguf"]
    path: str
    file: str


class ScratchModel(Strict):
    """Random weights of a Llama-shaped decoder. `context` is the longest sequence in tokens."""

    type: Literal["scratch"]
    architecture: Literal["llama"]
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    intermediate: int
    context: int


class OwnTokenizer(Strict):
    """The tokenizer that comes with the model."""

    type: Literal["own"]


class BytesTokenizer(Strict):
    """One token a byte of UTF-8 (256 of them), plus the special tokens. Nothing to train, nothing to download."""

    type: Literal["bytes"]
    special: tuple[str, ...]


class OtherTokenizer(Strict):
    """A hub id or a folder relative to `root`."""

    type: Literal["hub", "path"]
    id: str
    revision: str | None


class ModelJob(Job):
    kind: Literal["model"]
    source: Annotated[HubModel | PathModel | GgufModel | ScratchModel, Field(discriminator="type")]
    tokenizer: Annotated[OwnTokenizer | BytesTokenizer | OtherTokenizer, Field(discriminator="type")]
    dtype: Literal["bf16", "fp16", "fp32"]
    trust_remote_code: bool
