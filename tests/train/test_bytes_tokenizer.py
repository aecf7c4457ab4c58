from pathlib import Path

import pytest
from compiled import SPECIAL
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.train.scratch import bytes_tokenizer

TOKENIZER = bytes_tokenizer(SPECIAL, 128)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_any_text_comes_back(text: str) -> None:
    ids = TOKENIZER.encode(text)
    assert TOKENIZER.decode(ids) == text
    if not any(token in text for token in SPECIAL):
        assert ids == list(text.encode("utf-8"))


def test_special_tokens_are_single_tokens_and_survive_saving(tmp_path: Path) -> None:
    TOKENIZER.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    text = "<|im_start|>user\nhé  ho \n<|im_end|><pad>"
    for tokenizer in (TOKENIZER, loaded):
        ids = tokenizer.encode(text)
        assert [ids[0], *ids[-2:]] == [257, 258, 256]
        assert len(ids) == 3 + len("user\nhé  ho \n".encode())
        assert tokenizer.decode(ids) == text
        assert (tokenizer.pad_token, tokenizer.eos_token, len(tokenizer)) == ("<pad>", "<|im_end|>", 259)
        assert tokenizer.decode(ids, skip_special_tokens=True) == "user\nhé  ho \n"


@pytest.mark.parametrize(
    ("special", "pad", "eos"),
    [
        (("<a>", "<b>"), "<a>", "<b>"),
        (("<eos>", "[PAD]", "<x>"), "[PAD]", "<eos>"),
        (("<padding>", "<pad>", "<end>"), "<pad>", "<end>"),
    ],
)
def test_which_tokens_pad_and_end(special: tuple[str, ...], pad: str, eos: str) -> None:
    tokenizer = bytes_tokenizer(special, 16)
    assert (tokenizer.pad_token, tokenizer.eos_token) == (pad, eos)


@pytest.mark.parametrize("special", [(), ("<a>", "<a>")])
def test_special_tokens_are_needed(special: tuple[str, ...]) -> None:
    with pytest.raises(JobError, match="special tokens"):
        bytes_tokenizer(special, 16)
