"""Tokens and labels against a reference that does everything letter by letter: thousands of conversations with
tools, thoughts, turns that are not to be trained, and all that a mask can ask for."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from data_project import CHAT, byte_tokenizer
from transformers import PreTrainedTokenizerFast

from smolc.runtime.data.encode import Encoder
from smolc.runtime.data.formats import Chat
from smolc.runtime.data.render import Mask, Renderer
from smolc.runtime.data.rows import Row
from smolc.runtime.data.template import ChatTemplate

END = "<|im_end|>"
TAGS = ("<think>", "</think>")
WORDS = ["the", "user", "é", "😀", "日本", "\n", "<b>", "a_b", "'s", "0.5", "\t", "{{", "e\u0301", "ﬁ", "then"]  # fmt: skip
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role + '\n' }}"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}"
    "{% else %}{{ m.content }}<|im_end|>{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@dataclass
class Letter:
    """One character: who says it, in which message, and what it is part of."""

    char: str
    role: str
    message: int
    part: str  # head, words, end, after


def letters(messages: list[dict[str, Any]]) -> list[Letter]:
    made = []
    for n, message in enumerate(messages):
        head = f"<|im_start|>{message['role']}\n"
        parts = [("head", head), ("words", message["content"]), ("end", END), ("after", "\n")]
        for part, text in parts:
            made += [Letter(char, message["role"], n, part) for char in text]
    return made


def wanted(
    letter: Letter,
    messages: list[dict[str, Any]],
    untrained: tuple[int, ...],
    how: str,
    roles: tuple[str, ...],
) -> bool:
    """Whether the mask trains a letter, thoughts apart."""
    last = max(n for n, m in enumerate(messages) if m["role"] == "assistant")
    said = letter.part in ("words", "end")
    if how in ("completion", "all") and (letter.role == "tool" or letter.message in untrained):
        return False
    if how == "all":
        return True
    if how == "completion":
        return letter.message > last or (letter.message == last and letter.part != "head")
    if how == "last_turn":
        return said and letter.message == last
    if letter.message in untrained:
        return False
    return said and letter.role in (("assistant",) if how == "assistant" else roles)


def thought(content: str) -> list[bool]:
    """Of each letter of an assistant's words, whether it is a thought or its tag."""
    inside, marks, at = False, [False] * len(content), 0
    while at < len(content):
        if not inside and content.startswith(TAGS[0], at):
            inside = True
        if inside and content.startswith(TAGS[1], at):
            marks[at : at + len(TAGS[1])] = [True] * len(TAGS[1])
            at += len(TAGS[1])
            inside = False
            continue
        marks[at] = inside
        at += 1
    return marks


def reference(
    tokenizer: PreTrainedTokenizerFast,
    messages: list[dict[str, Any]],
    untrained: tuple[int, ...],
    how: str,
    roles: tuple[str, ...],
    without_thoughts: bool,
) -> tuple[list[int], list[bool]]:
    made = letters(messages)
    trained = [wanted(letter, messages, untrained, how, roles) for letter in made]
    if without_thoughts:
        at = 0
        for message in messages:
            at += len(f"<|im_start|>{message['role']}\n")
            if message["role"] == "assistant":
                for n, is_thought in enumerate(thought(message["content"])):
                    trained[at + n] = trained[at + n] and not is_thought
            at += len(message["content"]) + len(END) + 1
    text = "".join(letter.char for letter in made)
    tokens = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    mask = [trained[start] for start, _ in tokens["offset_mapping"]]
    return tokens["input_ids"], [False, *mask[1:]]


def conversation(rng: random.Random) -> tuple[list[dict[str, Any]], tuple[int, ...]]:
    def words(most: int = 8) -> str:
        return (
            "".join(rng.choice(WORDS) + rng.choice(["", " "]) for _ in range(rng.randint(1, most))).strip()
            or "x"
        )

    messages: list[dict[str, Any]] = []
    if rng.random() < 0.3:
        messages.append({"role": "system", "content": words()})
    for _ in range(rng.randint(1, 4)):
        messages.append({"role": "user", "content": words()})
        while rng.random() < 0.25:
            messages.append({"role": "assistant", "content": words(3)})
            messages.append({"role": "tool", "content": words()})
        content = words()
        if rng.random() < 0.4:
            content = f"<think>{words()}</think>{content}"
        messages.append({"role": "assistant", "content": content})
    spoken = [n for n, m in enumerate(messages) if m["role"] == "assistant"]
    return messages, tuple(n for n in spoken[:-1] if rng.random() < 0.2)


@cache
def tokenizer_of(newlines: bool) -> PreTrainedTokenizerFast:
    return byte_tokenizer(newlines=newlines)


MASKS = [
    ("assistant", ()),
    ("last_turn", ()),
    ("completion", ()),
    ("all", ()),
    ("roles", ("user",)),
    ("roles", ("user", "assistant")),
    ("roles", ("system", "tool")),
]


@pytest.mark.parametrize(("how", "roles"), MASKS)
@pytest.mark.parametrize("without_thoughts", [False, True])
@pytest.mark.parametrize("newlines", [False, True])
def test_tokens_and_labels_equal_the_letter_by_letter_reference(
    how: Any, roles: tuple[str, ...], without_thoughts: bool, newlines: bool
) -> None:
    tokenizer = tokenizer_of(newlines)
    mask = Mask(how, roles, TAGS if without_thoughts else None, END)
    end = tokenizer.convert_tokens_to_ids(END)
    encoder = Encoder(tokenizer, Renderer(ChatTemplate("chatml", CHATML, {}), mask), end)
    rng = random.Random(f"{how} {roles} {without_thoughts} {newlines}")
    examples, expected = [], []
    for number in range(200):
        messages, untrained = conversation(rng)
        last = max(n for n, m in enumerate(messages) if m["role"] == "assistant")
        examples.append((Row("r", "line", number, {}), Chat(messages, last, None, {}, untrained)))
        expected.append(reference(tokenizer, messages, untrained, how, roles, without_thoughts))
    for n, row in enumerate(encoder.chats(examples)):
        assert row is not None
        assert (row.ids.tolist(), row.mask().tolist()) == expected[n], examples[n][1].messages


def test_the_shipped_template_marks_the_same() -> None:
    text = (CHAT / "chatml.jinja").read_text(encoding="utf-8")
    one, other = ChatTemplate("shipped", text, {}), ChatTemplate("here", CHATML, {})
    rng = random.Random(5)
    for _ in range(50):
        messages, _ = conversation(rng)
        plain = [m for m in messages if m["role"] != "tool"]
        assert one.render(plain) == other.render(plain)
