"""Whether models can be merged: by their configs, their weights' names and shapes, and their tokenizers. All of it is
asked before any weight is read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolc.runtime.data.tokenizer import load_tokenizer
from smolc.runtime.jobs.context import ModelAt
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.merge.weights import DTYPES, FLOATS, Weights

FREE = frozenset(
    {
        "_name_or_path", "dtype", "torch_dtype", "transformers_version", "use_cache", "initializer_range",
        "bos_token_id", "eos_token_id", "pad_token_id", "_attn_implementation", "attn_implementation",
        "_attn_implementation_internal", "_experts_implementation", "gradient_checkpointing",
    }
)  # fmt: skip
"""Keys of a config that change nothing of what weights mean; dropout, too."""

WORDS = {
    "architectures": "architectures",
    "model_type": "architectures",
    "vocab_size": "vocabularies",
    "tie_word_embeddings": "output layers (tied to the embeddings, or not)",
}
"""What differs where a key does, for people; in this order, since the first says most."""

HEAD = "lm_head.weight"
"""The output layer, which some tied models store beside their embeddings."""

PROBES = (
    "The quick brown fox jumps over 13 lazy dogs, doesn't it?",
    "def f(x):\n    return x ** 2  # 1234567890\n",
    "Größe, naïve, \u4f60\u597d, \u3053\u3093\u306b\u3061\u306f, \u0645\u0631\u062d\u0628\u0627, \U0001f642 \u2264 \u00bd",
    "  two  spaces\t\ttabs\r\n\r\n<html> {\"key\": [1.5e-3]} \\frac{a}{b}",
)  # fmt: skip
"""Texts that tokenizers of one vocabulary and different rules take apart otherwise."""


@dataclass(frozen=True)
class Candidate:
    """name: as messages call it. folder: with config.json and safetensors."""

    name: str
    folder: Path


def check_configs(models: Sequence[Candidate], trust_remote_code: bool) -> None:
    """Raises JobError if they do not compute the same with their weights."""
    first, *others = [(model.name, _config(model, trust_remote_code)) for model in models]
    for name, config in others:
        differing = sorted(_differing(first[1], config), key=_rank)
        if not differing:
            continue
        key, here, there = differing[0]
        what = WORDS.get(key, "configs")
        more = f", and {len(differing) - 1} more" if len(differing) > 1 else ""
        raise JobError(
            f"`{first[0]}` and `{name}` have different {what}, so their weights cannot be merged: "
            f"{key} is {_short(here)} in `{first[0]}` and {_short(there)} in `{name}`{more}",
            help="merge models that were trained from one start model",
        )


def _config(model: Candidate, trust_remote_code: bool) -> dict[str, Any]:
    """As this version of transformers understands it, with its defaults. Raises JobError."""
    from transformers import AutoConfig

    try:
        loaded = AutoConfig.from_pretrained(str(model.folder), trust_remote_code=trust_remote_code)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise JobError(f"`{model.name}`: its config cannot be read: {reason}") from error
    config: dict[str, Any] = loaded.to_dict()
    if config.get("quantization_config"):
        raise JobError(
            f"`{model.name}` is quantised, and quantised weights cannot be merged",
            help="merge the model that it was quantised from",
        )
    return config


def _differing(one: Any, other: Any, at: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Keys by their address, with both values."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        if one != other:
            yield at, one, other
        return
    for key in sorted({*one, *other}, key=str):
        if key not in FREE and not str(key).endswith(("dropout", "pdrop")):
            yield from _differing(one.get(key), other.get(key), f"{at}.{key}" if at else str(key))


def _rank(found: tuple[str, Any, Any]) -> tuple[int, str]:
    order = list(WORDS)
    return (order.index(found[0]) if found[0] in WORDS else len(order)), found[0]


def _short(value: Any) -> str:
    said = json.dumps(value, default=str)
    return said if len(said) <= 60 else f"{said[:59]}…"


def common_names(models: Sequence[Weights], like: Weights, tied: bool) -> list[str]:
    """Names of the tensors that are merged, in the order of `like`. Raises JobError if models differ in their names or
    shapes, or hold numbers that are none of `DTYPES`.

    tied: whether the output layer is the embeddings: some files hold it a second time, which is left out.
    """
    twice = {HEAD} if tied and any(HEAD not in model.headers for model in models) else set[str]()
    names = [name for name in like.headers if name not in twice]
    for model in models:
        has = model.headers.keys() - twice
        for one, other, missing in ((model, like, set(names) - has), (like, model, has - set(names))):
            if missing:
                raise JobError(
                    f"`{one.name}` lacks {len(missing)} tensors that `{other.name}` has: {_some(missing)}",
                    help="merge models of one architecture",
                )
        for name in names:
            mine, theirs = like.headers[name], model.headers[name]
            if theirs.dtype not in DTYPES:
                raise JobError(f"`{model.name}`: {name} is in {theirs.dtype}, which cannot be merged")
            if mine.shape != theirs.shape:
                shapes = " and ".join("x".join(map(str, one.shape)) for one in (mine, theirs))
                raise JobError(
                    f"`{like.name}` and `{model.name}` have different shapes: {name} is {shapes}",
                    help="a stage that added tokens made the embeddings larger; merge models of one vocabulary"
                    if mine.shape[1:] == theirs.shape[1:]
                    else "merge models of one architecture",
                )
            if (DTYPES[mine.dtype] in FLOATS) != (DTYPES[theirs.dtype] in FLOATS):
                raise JobError(
                    f"{name} is {mine.dtype} in `{like.name}` and {theirs.dtype} in `{model.name}`"
                )
    return names


def _some(names: set[str], most: int = 3) -> str:
    said = ", ".join(sorted(names)[:most])
    return f"{said}, ..." if len(names) > most else said


def check_tokenizers(models: Sequence[Candidate], trust_remote_code: bool) -> None:
    """Raises JobError unless the same text has the same ids for all: a row of the embeddings would be of two tokens."""
    first, *others = models
    one = load_tokenizer(ModelAt(str(first.folder)), trust_remote_code)
    ids = one.get_vocab()
    for model in others:
        other = load_tokenizer(ModelAt(str(model.folder)), trust_remote_code)
        why = _other_ids(first.name, ids, model.name, other.get_vocab())
        if why is None and any(
            one.encode(text, add_special_tokens=False) != other.encode(text, add_special_tokens=False)
            for text in PROBES
        ):
            why = "they divide the same text into different tokens"
        if why is not None:
            raise JobError(
                f"`{first.name}` and `{model.name}` have different tokenizers, so one row of their embeddings is of two "
                f"tokens: {why}",
                help="merge models of one tokenizer",
            )


def _other_ids(first: str, one: dict[str, int], name: str, other: dict[str, int]) -> str | None:
    for here, mine, there, theirs in ((first, one, name, other), (name, other, first, one)):
        lacking = sorted(mine.keys() - theirs.keys(), key=mine.__getitem__)
        if lacking:
            return f"`{there}` lacks {len(lacking)} tokens of `{here}`, such as {lacking[0]!r}"
    moved = min((token for token in one if one[token] != other[token]), key=one.__getitem__, default=None)
    return None if moved is None else f"{moved!r} is {one[moved]} in `{first}` and {other[moved]} in `{name}`"
