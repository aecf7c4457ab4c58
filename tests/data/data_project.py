"""A compiled folder with a tiny start model's tokenizer, and what writes rows into it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from smolc.runtime.data.prepare import run
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.manifest import Manifest
from smolc.runtime.jobs.prepare import PrepareJob

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<|reserved_0|>")
CHAT = Path(__file__).parents[2] / "templates" / "chat"
MERGES = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("Ċ", "Ċ"), ("Ġ", "Ġ"), ("u", "s"), ("us", "er"), ("e", "r")]


def byte_tokenizer(special: tuple[str, ...] = SPECIAL, newlines: bool = False) -> PreTrainedTokenizerFast:
    """Byte-level BPE with a handful of merges: several tokens a word, several bytes a character.

    newlines: keep newlines together as Llama 3 and Qwen do; else part them as GPT-2 and SmolLM2 do, where
    the last one before a word stands alone.
    """
    tokens = sorted(pre_tokenizers.ByteLevel.alphabet()) + ["".join(m) for m in MERGES]
    merges = [m for m in MERGES if all(part in tokens for part in m)]
    bpe = models.BPE({token: i for i, token in enumerate(tokens)}, merges)
    tokenizer = Tokenizer(bpe)
    if newlines:
        split = pre_tokenizers.Split(Regex(r"\s*[\r\n]+|\s+(?!\S)|\s+| ?[^\s]+"), "isolated")
        plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, plain])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=special[0])
    fast.add_special_tokens({"additional_special_tokens": list(special[1:])})
    return fast


@dataclass
class Dataset:
    """What a job wrote."""

    out: Path

    def rows(self, part: str = "train") -> list[dict[str, Any]]:
        with pa.OSFile(str(self.out / part / "data-00000-of-00001.arrow")) as file:
            rows: list[dict[str, Any]] = pa.ipc.open_stream(file).read_all().to_pylist()
            return rows

    def json(self, name: str) -> Any:
        return json.loads((self.out / name).read_text(encoding="utf-8"))

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        return PreTrainedTokenizerFast.from_pretrained(self.out / "tokenizer")


@dataclass
class Project:
    """The user's folder (`root`) and the compiled folder below it."""

    root: Path
    tokenizer: PreTrainedTokenizerFast

    @property
    def build(self) -> Path:
        return self.root / "build"

    def write(self, name: str, rows: list[Any] | bytes) -> str:
        content = rows if isinstance(rows, bytes) else "".join(json.dumps(r) + "\n" for r in rows).encode()
        (self.root / name).write_bytes(content)
        return name

    def template(self, name: str, source: str | None = None, **spec: Any) -> dict[str, Any]:
        """A shipped template, or one given as text."""
        folder = self.build / "templates"
        folder.mkdir(exist_ok=True)
        text = (CHAT / name).read_text(encoding="utf-8") if source is None else source
        (folder / name).write_text(text, encoding="utf-8")
        return {
            "file": f"templates/{name}",
            "end_of_turn": "<|im_end|>",
            "thinking": None,
            "kwargs": {},
            **spec,
        }

    def job(self, sources: list[dict[str, Any]], **fields: Any) -> PrepareJob:
        job = {
            "id": "data", "title": "data", "stage": "sft", "needs": ["base"], "seed": 7, "device": "cpu",
            "kind": "prepare", "method": "sft", "model": "base", "loss_on": "assistant", "basis": "tokens",
            "budget_tokens": None, "holdout": None, "length": 256, "overlong": "error", "packing": "none",
            "trust_remote_code": False, "sources": sources,
        }  # fmt: skip
        if "template" not in fields:
            fields["template"] = self.template("chatml.jinja")
        return PrepareJob.model_validate({**job, **fields})

    def run(self, *sources: dict[str, Any], **fields: Any) -> Dataset:
        context = self.context(self.job(list(sources), **fields))
        run(context)
        return Dataset(context.out)

    def context(self, job: PrepareJob) -> Context:
        cluster = {"name": "local", "device": "cpu", "nodes": 1, "processes": 1, "parallel_jobs": 1}
        manifest = {"smolc": "0", "edition": 1, "recipe": "r", "about": "", "hash": "", "root": "..",
                    "cluster": cluster, "jobs": []}  # fmt: skip
        return Context(self.build, Manifest.model_validate(manifest), job)


def source(*paths: str, name: str = "chats", **fields: Any) -> dict[str, Any]:
    spec = {
        "name": name,
        "location": {"type": "files", "paths": list(paths)},
        "format": {"type": "messages", "column": "messages", "tools": None, "template_kwargs": None},
        "where": None,
        "system": None,
        "weight": {"type": "all"},
    }
    return {**spec, **fields}


def chat(*turns: str, **fields: Any) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": t} for i, t in enumerate(turns)], **fields}


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    return byte_tokenizer()


@pytest.fixture
def project(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> Project:
    base = tmp_path / "build" / "out" / "base"
    base.mkdir(parents=True)
    tokenizer.save_pretrained(base / "model")
    (base / "result.json").write_text(json.dumps({"model": {"out": "base/model"}}), encoding="utf-8")
    return Project(tmp_path, tokenizer)
