"""Every shipped template x generated conversations: with all that it has a form for."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from chat_cases import CHAT, ENDS, SHIPPED, TOOLS, WITH_REASONING, WITH_TOOLS, WORDS, conversations, load
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smolc.runtime.data.formats import Chat
from smolc.runtime.data.gates import freeze_today, survives
from smolc.runtime.data.template import ChatTemplate

STRIPPED = ("llama3", "gemma")
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=25)
each = pytest.mark.parametrize("name", SHIPPED)


@st.composite
def whole(draw: st.DrawFn, name: str) -> tuple[list[dict[str, Any]], list[Any] | None]:
    """A conversation, and its tools: turns of the assistant may think, and call tools and be answered."""
    messages: list[dict[str, Any]] = []
    tools = TOOLS if name in WITH_TOOLS and draw(st.booleans()) else None
    for message in draw(conversations()):
        if message["role"] != "assistant":
            messages.append(message)
            continue
        thought = {"reasoning_content": draw(WORDS)} if name in WITH_REASONING and draw(st.booleans()) else {}
        for answers in draw(st.lists(st.lists(WORDS, min_size=1, max_size=2), max_size=2)) if tools else []:
            calls = [{"function": {"name": "weather", "arguments": {"city": a}}} for a in answers]
            messages.append({"role": "assistant", "content": draw(st.just("") | WORDS), "tool_calls": calls})
            messages[-1].update(thought)
            messages += [{"role": "tool", "content": answer} for answer in answers]
        messages.append({**message, **thought})
    return messages, tools


@each
@unhurried
@given(st.data())
def test_what_the_assistant_says_is_marked_and_nothing_else(name: str, data: st.DataObject) -> None:
    messages, tools = data.draw(whole(name))
    text, spans = load(name).render(messages, tools)
    said = [m for m in messages if m["role"] == "assistant"]
    assert len(spans) == len(said)
    for message, (start, stop) in zip(said, spans, strict=True):
        span, words = text[start:stop], message["content"]
        assert span.endswith(ENDS[name]) and span.count(ENDS[name]) == 1
        span = span.removesuffix(ENDS[name])
        if "reasoning_content" in message:
            thought = f"<think>\n{message['reasoning_content'].strip(chr(10))}\n</think>\n\n"
            assert span.startswith(thought)
            span = span.removeprefix(thought)
        words = words.strip() if name in STRIPPED else words
        assert span.startswith(words)
        called = span.removeprefix(words)
        calls = message.get("tool_calls", [])
        assert called.count("weather") == len(calls) and bool(called) == bool(calls)
        for call in calls:
            assert json.dumps(call["function"]["arguments"], ensure_ascii=False) in called
    outside = "".join(
        text[a:b]
        for a, b in zip(
            [0, *(stop for _, stop in spans)], [*(start for start, _ in spans), len(text)], strict=True
        )
    )
    heard = [m["content"].strip() for m in messages if m["role"] != "assistant"]
    at = 0
    for words in heard:
        assert outside.find(words, at) >= 0
        at = outside.find(words, at) + len(words)


@each
@pytest.mark.parametrize("kwargs", [{}, {"enable_thinking": False}], ids=["thinking", "not thinking"])
@unhurried
@given(st.data())
def test_the_prompt_is_exactly_what_stands_before_the_words(
    name: str, kwargs: dict[str, Any], data: st.DataObject
) -> None:
    messages, tools = data.draw(whole(name))
    template = load(name)
    text, spans = template.render(messages, tools, kwargs)
    turns = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
    for turn, (start, stop) in zip(turns, spans, strict=True):
        assert template.render(messages[:turn], tools, kwargs, prompt=True)[0] == text[:start]
        until = template.render(messages[: turn + 1], tools, kwargs)[0]
        assert text.startswith(until) and not until[stop:].strip()


@each
@unhurried
@given(st.data())
def test_nothing_is_lost(name: str, data: st.DataObject) -> None:
    messages, tools = data.draw(whole(name))
    text, _ = load(name).render(messages, tools)
    assert survives(Chat(messages, 0, tools, {}), text) == 0


@each
def test_nothing_depends_on_the_day(name: str) -> None:
    source = load(name).source
    assert freeze_today(source, "2025-06-30") == source
    undated = ChatTemplate(name, source, {"bos_token": "<s>"}, dates=False)
    messages = [{"role": "user", "content": "Hi"}]
    assert undated.render(messages, prompt=True) == load(name).render(messages, prompt=True)


@each
def test_markers_are_balanced(name: str) -> None:
    markers = re.findall(r"{%-?\s*(generation|endgeneration)\b", load(name).source)
    assert markers == ["generation", "endgeneration"] * (len(markers) // 2)
    assert markers


def test_all_shipped_templates_are_in_the_matrix() -> None:
    assert sorted(SHIPPED) == sorted(path.stem for path in CHAT.glob("*.jinja"))
