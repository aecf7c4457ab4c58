"""Tokens as text."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from smolc.runtime.data.pieces import pieces
from smolc.runtime.preview.text import prepared_said
from smolc.runtime.train.scratch import bytes_tokenizer

BYTES = bytes_tokenizer(("<pad>", "<|im_end|>"), 64)


@pytest.mark.parametrize(
    ("text", "breaks", "expected"),
    [
        ("ab", (), ["a", "b"]),
        ("é日😀", (), ["é", "日", "😀"]),
        ("a<|im_end|>\n", (), ["a", "<|im_end|>", "\n"]),
        ("\ufffd!ab", (), ["\ufffd!", "a", "b"]),
        ("日", (1,), ["\ufffd", "\ufffd\ufffd"]),
        ("", (), []),
    ],
)
def test_bytes(text: str, breaks: tuple[int, ...], expected: list[str]) -> None:
    ids = BYTES.encode(text, add_special_tokens=False)
    made = pieces(BYTES, ids, breaks)
    assert [piece for piece, _ in made] == expected
    assert sum(tokens for _, tokens in made) == len(ids)


def test_spaces_that_a_decoder_drops_at_the_begin() -> None:
    words = {"▁one": 0, "▁two": 1, "▁": 2, "s": 3, "<unk>": 4}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    assert [text for text, _ in pieces(fast, [0, 1, 3, 1])] == ["one", " two", "s", " two"]


@pytest.mark.parametrize(
    ("basis", "said"),
    [
        (None, "60.0% of the tokens"),
        ("tokens", "60.0% of the tokens"),
        ("trained", "50.0% of the trained tokens"),
        ("examples", "25.0% of the rows"),
    ],
)
def test_shares_are_told_in_what_they_are_shares_of(basis: str | None, said: str) -> None:
    a = {"name": "a", "rows": 1, "tokens": 60, "trained_tokens": 10, "declared_share": 0.5}
    b = {"name": "b", "rows": 3, "tokens": 40, "trained_tokens": 10, "declared_share": 0.5}
    stage: Any = SimpleNamespace(stats={"sources": [a, b], "basis": basis})
    assert prepared_said(stage)[0][1].startswith(f"{said} (declared 50.0%)")
