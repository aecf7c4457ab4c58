"""Word by word the same tokens as the library makes of whole texts, for all ways of cutting that are known."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from smolc.runtime.data.words import Words, words_of
from smolc.runtime.jobs.errors import JobError

SPECIAL = ("<|im_start|>", "<|im_end|>", "<think>", "</think>")
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
QWEN = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LEARNT = [
    "the user's prompt isn't the answer, and 12345 is a number.\n\nThen  some code:\n    def f(x):\n\treturn x + 1\n",
    "Über den Wolken;日本語のテキスト, даже русский. é e\u0301 ﬁ \U0001f642\U0001f642 <|im_end|> DON'T",
] * 3


def split(pattern: str) -> Any:
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), plain])


WAYS = {
    "gpt2": (lambda: pre_tokenizers.ByteLevel(add_prefix_space=False), None),
    "smollm": (
        lambda: pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        ),
        None,
    ),
    "llama3": (lambda: split(LLAMA3), None),
    "qwen": (lambda: split(QWEN), normalizers.NFC),
    "o200k": (lambda: split(O200K), None),
}


@cache
def tokenizer(way: str) -> Tokenizer:
    made = Tokenizer(models.BPE())
    cut, normal = WAYS[way]
    made.pre_tokenizer = cut()
    if normal is not None:
        made.normalizer = normal()
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        LEARNT, trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    )
    made.add_special_tokens([AddedToken(text, special=True) for text in SPECIAL])
    return made


def fresh(way: str) -> Words:
    made = words_of(tokenizer(way), json.loads(tokenizer(way).to_str()))
    assert made is not None
    return made


PIECES = [
    "the", " user", "'s", "'LL", "12345", " 7", ".", "...", "!?", "\n", "\n\n", " ", "  ", "\t", "\r\n", "é", "e\u0301",
    "日本", " ру", "\U0001f642", "\u200d", "\xa0", "\u3000", "\x1c", "\x85", "ſ", "\u0345", "ǅ", "²", "\u0870", "\U00010400",
    "<|im_end|>", "<|im", "|>", "<think>", "</think>", "_", "x", "A", "aB", "\0", "I'm", "\u212a", "ﬁ", "ñ", "/", "//\n",
]  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=25).map("".join)


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=300, deadline=None)
@given(st.lists(texts.filter(lambda t: t.isprintable() or "\ud800" not in t), min_size=1, max_size=4))
def test_the_same_tokens_as_the_library(way: str, batch: list[str]) -> None:
    batch = [text.encode("utf-8", "ignore").decode() for text in batch]
    expected = [e.ids for e in tokenizer(way).encode_batch(batch, add_special_tokens=False)]
    for _ in range(2):  # what was learnt from the first is used for the second
        assert [ids.tolist() for ids in shared(way).ids(batch)] == expected


@cache
def shared(way: str) -> Words:
    return fresh(way)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smolc.runtime.data.words.WORDS", 50)
    words = fresh("gpt2")
    for n in range(40):
        text = " ".join(f"word{n}x{i}" for i in range(20)) + " long" * 30
        (ids,) = words.ids([text])
        assert ids.tolist() == tokenizer("gpt2").encode(text, add_special_tokens=False).ids
    assert len(words._parts) < 100
    words.ids(["x" * 5000 + " and " + "y" * 5000])
    assert all(len(word) <= 48 for word in (*words._words, *words._parts))


def test_a_difference_is_an_error() -> None:
    words = fresh("gpt2")
    words.ids(["the user"])
    words._parts[" user"] = np.asarray([1, 2], dtype=np.int32).tobytes()
    with pytest.raises(JobError, match="word by word the tokenizer makes other tokens"):
        words.ids(["a user"])


def unknown() -> list[tuple[str, Any]]:
    spaced = pre_tokenizers.ByteLevel(add_prefix_space=True)
    merged = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(" "), "merged_with_next"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    across = split(r"\w+ \w+|\s+|\S")  # takes two words for one
    gaps = split(r"\p{L}+")  # what no match covers
    metaspace = pre_tokenizers.Metaspace()
    return [
        ("spaced", spaced), ("metaspace", metaspace), ("merged", merged), ("across", across), ("gaps", gaps),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "cut"), unknown())
def test_other_ways_of_cutting_are_left_to_the_library(name: str, cut: Any) -> None:
    state = json.loads(tokenizer("gpt2").to_str())
    other = Tokenizer.from_str(json.dumps(state))
    other.pre_tokenizer = cut
    assert words_of(other, json.loads(other.to_str())) is None, name


@pytest.mark.parametrize(
    "token",
    [
        AddedToken("<x>", lstrip=True),
        AddedToken("<x>", rstrip=True),
        AddedToken("word", single_word=True),
        AddedToken("two words"),
    ],
)
def test_added_tokens_that_look_beside_themselves_are_left_to_the_library(token: AddedToken) -> None:
    other = Tokenizer.from_str(tokenizer("gpt2").to_str())
    other.add_tokens([token])
    assert words_of(other, json.loads(other.to_str())) is None
