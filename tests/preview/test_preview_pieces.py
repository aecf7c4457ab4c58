"""Tokens as text."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from smolc.runtime.data.pieces import pieces
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
