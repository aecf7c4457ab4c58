"""Tokens as text that can be shown: whole characters, and nothing of the end of a turn."""

from __future__ import annotations

import pytest
import torch
from talking import SPECIAL

from smolc.runtime.chat.pieces import Pieces
from smolc.runtime.train.scratch import bytes_tokenizer

TOKENIZER = bytes_tokenizer(SPECIAL, 256)
END = TOKENIZER.convert_tokens_to_ids("<|im_end|>")


def told(ids: list[int], end_text: str | None = None) -> tuple[list[str], Pieces]:
    said: list[str] = []
    pieces = Pieces(TOKENIZER, [END], end_text, said.append)
    pieces.put(torch.tensor([[1, 2, 3]]))  # the prompt
    for token in ids:
        pieces.put(torch.tensor([token]))
    pieces.finish()
    return said, pieces


@pytest.mark.parametrize("text", ["", "plain", "né 🙂 日本", "👩‍👩‍👧 مرحبا"])
def test_characters_are_told_whole(text: str) -> None:
    said, pieces = told(TOKENIZER.encode(text, add_special_tokens=False))
    assert "".join(said) == text == pieces.text and not any("\N{REPLACEMENT CHARACTER}" in s for s in said)
    assert said == list(text)


def test_half_a_character_at_the_end_is_told_as_such() -> None:
    said, pieces = told(TOKENIZER.encode("a🙂", add_special_tokens=False)[:-1])
    assert (
        said[0] == "a"
        and pieces.text.startswith("a\N{REPLACEMENT CHARACTER}")
        and "".join(said) == pieces.text
    )


def test_the_end_of_the_turn_is_in_the_raw_text_only() -> None:
    said, pieces = told([*TOKENIZER.encode("hi", add_special_tokens=False), END])
    assert ("".join(said), pieces.text, pieces.raw, pieces.stopped) == ("hi", "hi", "hi<|im_end|>", True)
    assert len(pieces.ids) == 2


@pytest.mark.parametrize(
    ("text", "shown", "stopped"),
    [
        ("hi###more", "hi", True),
        ("a # b ## c", "a # b ## c", False),
        ("hi##", "hi##", False),
        ("###", "", True),
    ],
)
def test_an_end_of_several_tokens_is_never_shown(text: str, shown: str, stopped: bool) -> None:
    said, pieces = told(TOKENIZER.encode(text, add_special_tokens=False), end_text="###")
    assert ("".join(said), pieces.text, pieces.stopped) == (shown, shown, stopped)
