"""The tokenizer: loaded from the start model, saved with the template that was trained."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from smolc.runtime.data.template import ChatTemplate
from smolc.runtime.jobs.context import ModelAt
from smolc.runtime.jobs.errors import JobError

_LIKE_SPECIAL = re.compile(r"<\|[^\s<>|]{1,40}\|>")
_SPARE = re.compile(r"pad|reserved|unused|extra|spare|filler", re.IGNORECASE)


def load_tokenizer(model: ModelAt, trust_remote_code: bool) -> Any:
    """A fast tokenizer. Raises JobError if there is none."""
    # Batches are encoded on all cores; nothing is forked afterwards.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    try:
        tokenizer = _from_pretrained(model, trust_remote_code)
    except Exception as error:  # transformers and the hub raise many kinds
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise JobError(f"{model.source}: no tokenizer that can be loaded: {reason}") from error
    if not tokenizer.is_fast:
        raise JobError(
            f"{model.source}: its tokenizer has no fast version, so there are no offsets to mask with",
            help="use a model that has a tokenizer.json",
        )
    return tokenizer


def _from_pretrained(model: ModelAt, trust_remote_code: bool) -> Any:
    # AutoTokenizer imports torch (2.5 s) to end with this same class.
    config = Path(model.source) / "tokenizer_config.json"
    plain = ("PreTrainedTokenizerFast", "TokenizersBackend")
    if config.is_file() and (Path(model.source) / "tokenizer.json").is_file():
        settings = json.loads(config.read_text(encoding="utf-8"))
        if settings.get("tokenizer_class") in plain and "auto_map" not in settings:
            from transformers import PreTrainedTokenizerFast

            return PreTrainedTokenizerFast.from_pretrained(model.source)
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(
        model.source, revision=model.revision, trust_remote_code=trust_remote_code
    )


def single_token(tokenizer: Any, text: str) -> int:
    """Id of `text` as one token. Raises JobError if it takes several: no model can stop at it."""
    ids = tokenizer.encode(text, add_special_tokens=False)
    if len(ids) == 1:
        return int(ids[0])
    specials = [t for t in tokenizer.all_special_tokens if t]
    raise JobError(
        f"end_of_turn {text!r} is {len(ids)} tokens in this tokenizer, so generation could not stop at it",
        help=f"use one of its special tokens: {', '.join(specials) or '(it has none)'}",
    )


def spelt_out(tokenizer: Any, texts: Iterable[str]) -> list[str]:
    """A note, if rendered `texts` have what looks like special tokens and is none here. The end of turn is looked at by
    `single_token`."""
    found = dict.fromkeys(match for text in texts for match in _LIKE_SPECIAL.findall(text))
    counts = {text: len(tokenizer.encode(text, add_special_tokens=False)) for text in found}
    several = [f"{text} ({count} tokens)" for text, count in counts.items() if count > 1]
    if not several:
        return []
    return [
        f"the tokenizer has no special tokens for these, and spells them out: {', '.join(several[:8])}"
        + (f" and {len(several) - 8} more" if len(several) > 8 else "")
    ]


def choose_pad(tokenizer: Any, used: np.ndarray[Any, Any], template: ChatTemplate | None) -> str | None:
    """Set a padding token that is not the end-of-turn, from the special tokens that the data doesn't use.

    used: ids that occur in the data. Returns a note for the report if something is to be said.
    """
    if tokenizer.pad_token is not None and tokenizer.pad_token != tokenizer.eos_token:
        return None
    taken = {tokenizer.eos_token, tokenizer.bos_token}
    present = set(used.tolist())
    spare = [
        str(token)
        for id, token in sorted(tokenizer.added_tokens_decoder.items())
        if token.special
        and str(token) not in taken
        and id not in present
        and not (template and str(token) in template.source)
    ]
    if spare:
        tokenizer.pad_token = next((t for t in spare if _SPARE.search(t)), spare[0])
        return f"padding token: {tokenizer.pad_token} (a special token that the data does not use)"
    if tokenizer.eos_token is None:
        raise JobError(
            "the tokenizer has neither a padding nor an end-of-text token",
            help="set end_of_turn in the template",
        )
    tokenizer.pad_token = tokenizer.eos_token
    return (
        f"padding token: {tokenizer.pad_token}, the same as the end of text; labels come from the "
        f"mask, so it is still trained"
    )
