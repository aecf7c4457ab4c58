"""A model's tokenizer files on this machine: a folder, or the hub's local cache. Read as JSON, never run."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from smolc.compiler.model.start import BytesTokenizer, HubTokenizer, Model, PathTokenizer
from smolc.compiler.plan.paths import located
from smolc.compiler.resolve import Resolved

LARGEST = 1 << 24
COMMIT = re.compile(r"[0-9a-f]{40}")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


@dataclass(frozen=True)
class TokenizerFiles:
    """template: the chat template's text. eos, pad: the tokens' texts. None where the tokenizer has none."""

    template: str | None
    eos: str | None
    pad: str | None


def tokenizer_files(model: Model, resolved: Resolved) -> TokenizerFiles | None:
    """None if they are not on this machine, cannot be read, or are inside a GGUF file."""
    tokenizer = model.tokenizer
    if isinstance(tokenizer, BytesTokenizer):
        return _of_bytes(tokenizer)
    if isinstance(tokenizer, HubTokenizer):
        return files_in(snapshot(tokenizer.id, tokenizer.revision))
    if isinstance(tokenizer, PathTokenizer):
        return files_in(located(resolved, tokenizer.folder, tokenizer.span_of("folder")))
    if model.hub is not None:
        return files_in(snapshot(model.hub, model.revision))
    if model.path is not None and model.gguf is None:
        return files_in(located(resolved, model.path, model.span_of("path")))
    return None


def commit(kind: str, id: str, revision: str | None) -> str | None:
    """The commit that a branch or tag had when it was last downloaded here. kind: `models` or `datasets`."""
    revision = revision or "main"
    if not _NAME.fullmatch(id) or not _NAME.fullmatch(revision):
        return None
    ref = Path(f"{_cache()}/{kind}--{id.replace('/', '--')}/refs/{revision}")
    try:
        text = ref.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return text if COMMIT.fullmatch(text) else None


def snapshot(id: str, revision: str | None) -> Path | None:
    """Folder of a model in the hub's local cache."""
    if not _NAME.fullmatch(id):
        return None
    pinned = revision if revision and COMMIT.fullmatch(revision) else commit("models", id, revision)
    return Path(f"{_cache()}/models--{id.replace('/', '--')}/snapshots/{pinned}") if pinned else None


def _cache() -> Path:
    """Where huggingface_hub keeps what it downloads."""
    get = os.environ.get
    return _hub(get("HF_HUB_CACHE"), get("XDG_CACHE_HOME"), get("HF_HOME"), get("HOME"))


@lru_cache(maxsize=8)
def _hub(hub: str | None, cache: str | None, home: str | None, _user: str | None) -> Path:
    if hub:
        return Path(hub).expanduser()
    return Path(home or f"{cache or '~/.cache'}/huggingface").expanduser() / "hub"


def _of_bytes(tokenizer: BytesTokenizer) -> TokenizerFiles:
    """As the runtime makes it: tokens are known by their names."""
    special = list(tokenizer.special)
    pads = [t for t in special if "pad" in t.lower()]
    ends = [t for t in special if "end" in t.lower() or "eos" in t.lower()]
    pad = "<pad>" if "<pad>" in special else next(iter(pads or special), None)
    return TokenizerFiles(None, next(iter(reversed(ends or special)), None), pad)


def files_in(folder: Path | None) -> TokenizerFiles | None:
    """The tokenizer files of one folder; None if there are none, or they cannot be read."""
    if folder is None:
        return None
    text = _text(folder / "tokenizer_config.json")
    if text is None:
        return None
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(config, dict):
        return None
    template = _text(folder / "chat_template.jinja") or _template(config.get("chat_template"))
    return TokenizerFiles(template, _token(config.get("eos_token")), _token(config.get("pad_token")))


def _text(path: Path) -> str | None:
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _template(value: Any) -> str | None:
    """One template, or the default one of a list of named ones."""
    if isinstance(value, list):
        named = {t.get("name"): t.get("template") for t in value if isinstance(t, dict)}
        value = named.get("default")
    return value if isinstance(value, str) else None


def _token(value: Any) -> str | None:
    """Tokens are strings, or objects that hold one."""
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else None
