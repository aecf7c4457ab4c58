"""From messages, in the forms that datasets have them in, to those that templates take."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from smolc.runtime.data.formats import Chat, converter
from smolc.runtime.data.rows import RowError
from smolc.runtime.jobs.prepare import Format

MESSAGES = {"type": "messages", "column": "m", "tools": None, "template_kwargs": None}
QUESTION = {"type": "prompt_completion", "prompt": "q", "completion": "a"}
user = {"role": "user", "content": "q"}


def convert(format: dict[str, Any], data: dict[str, Any], system: str | None = None) -> Any:
    return converter(TypeAdapter(Format).validate_python(format), system)(data)


def says(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


SHAREGPT = {
    **MESSAGES, "role": "from", "content": "value", "roles": {"human": "user", "gpt": "assistant", "observation": "tool"},
}  # fmt: skip
CALLING = {"role": "assistant", "content": None}
PLACE = r" m\[1\]"


def chat(*messages: Any, **format: Any) -> Any:
    return convert({**MESSAGES, **format}, {"m": list(messages)})


def test_names_and_roles_of_the_data() -> None:
    row = {"m": [
        {"from": "system", "value": "s"}, {"from": "human", "value": "q"}, {"from": "gpt", "value": "a", "x": 1},
        {"from": "observation", "value": "o", "name": None}, {"from": "assistant", "value": "b"},
    ]}  # fmt: skip
    assert convert(SHAREGPT, row).messages == [
        {"role": "system", "content": "s"}, user, {**says("a"), "x": 1}, {"role": "tool", "content": "o"}, says("b"),
    ]  # fmt: skip
    # What is mapped is mapped though the names are ours.
    swapped = {**MESSAGES, "roles": {"user": "assistant", "assistant": "user"}}
    assert convert(swapped, {"m": [says("q"), {"role": "user", "content": "a"}]}).messages == [
        user,
        says("a"),
    ]


def test_messages_as_json_text() -> None:
    assert convert(MESSAGES, {"m": json.dumps([user, says("a")])}) == Chat([user, says("a")], 1, None, {})


@pytest.mark.parametrize(
    ("messages", "prompt_turns"),
    [
        ([user, says("a"), user, says("b")], 3),
        ([user, says("a"), user], 1),
        ([user], 1),
        ([says("Hello!"), user, says("a")], 2),
        ([{"role": "system", "content": "s"}, says("Hello!")], 1),
        ([{"role": "system", "content": ""}, user, says("a")], 2),
        ([{"role": "developer", "content": "d"}, user, says("a")], 2),
        ([user, user, says("a")], 2),
        ([user, says("<call>"), {"role": "tool", "content": ""}, says("a")], 3),
        ([{"role": "tool", "content": "{}", "name": "f", "tool_call_id": "1"}, says("a")], 1),
    ],
)
def test_conversations_that_are_accepted(messages: list[Any], prompt_turns: int) -> None:
    assert chat(*messages) == Chat(messages, prompt_turns, None, {})


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([], "expected messages in 'm', found an empty list"),
        ([user, "text"], f"expected{PLACE} to be a message"),
        ([user, {"content": "a"}], f"expected a 'role' in{PLACE}, found only 'content'"),
        ([user, {"role": "assistant"}], f"expected a 'content' in{PLACE}, found only 'role'"),
        ([{"from": "human", "value": "q"}], "this is the ShareGPT form"),
        ([user, {"role": "bot", "content": "a"}], f"role of{PLACE} to be one of .*assistant, tool, found text 'bot'"),
        ([user, {"role": ["user"], "content": "a"}], f"role of{PLACE}.*found list"),
        ([user, {"role": None, "content": "a"}], f"role of{PLACE}.*found null"),
        ([user, {"role": "assistant", "content": None}], f"text as the content of{PLACE}, found null"),
        ([user, {"role": "tool", "content": None}], f"text as the content of{PLACE}, found null"),
        ([user, {"role": "tool", "content": {"a": 1}}], f"text as the content of{PLACE}, found object"),
        ([user, {"role": "assistant", "content": 3}], f"text as the content of{PLACE}, found number"),
        ([user, says(" \n")], f"the assistant to say something in{PLACE}"),
        ([user, {**says(""), "tool_calls": []}], f"the assistant to say something in{PLACE}"),
        ([user, {"role": "user", "content": ""}], f"the user to say something in{PLACE}"),
        ([{"role": "system", "content": "s"}, {"role": "system", "content": "t"}, user], f"found a second one in{PLACE}"),
        ([{"role": "system", "content": "s"}, {"role": "developer", "content": "t"}], f"a second one in{PLACE}"),
        ([user, {"role": "system", "content": "s"}, says("a")], f"found it after the user in{PLACE}"),
        ([says("a")], "a message that the assistant answers in 'm', found nothing before it"),
        ([user, {**says("a"), "reasoning_content": ["r"]}], f"text as the reasoning_content of{PLACE}, found list"),
        ([user, {**says("a"), "thinking": True}], f"text as the thinking of{PLACE}, found true/false"),
        ("text", "expected a list of messages in 'm'"),
        ('{"role": "user"}', "expected a list of messages in 'm'"),
        (None, "expected a list of messages in 'm', found null"),
    ],
)  # fmt: skip
def test_conversations_that_are_not(messages: Any, error: str) -> None:
    with pytest.raises(RowError, match=error):
        convert(MESSAGES, {"m": messages})


def test_an_unknown_role_names_those_that_are_mapped() -> None:
    with pytest.raises(RowError, match=r"one of human, gpt, observation, system, .*found text 'ai'"):
        convert(SHAREGPT, {"m": [{"from": "human", "value": "q"}, {"from": "ai", "value": "a"}]})


def test_nulls_that_a_columnar_file_fills_in_are_not_given() -> None:
    filled = {"role": "user", "content": "q", "tool_calls": None, "name": None, "train": None, "weight": None}
    assert chat(filled, {**says("a"), "reasoning": None, "tool_calls": []}).messages == [user, says("a")]


@pytest.mark.parametrize("key", ["reasoning_content", "thinking", "reasoning"])
def test_reasoning_stays_beside_the_content(key: str) -> None:
    assert chat(user, {**says("a"), key: "since"}).messages[1] == {**says("a"), key: "since"}


def text_part(text: object, **more: object) -> dict[str, object]:
    return {"type": "text", "text": text, **more}


def test_parts_of_text_are_joined() -> None:
    said = [text_part("one "), text_part("two", image_url=None)]
    assert chat(user, {"role": "assistant", "content": said}).messages[1] == says("one two")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ([{"type": "image_url", "image_url": {}}], r"m\[1\].content\[0\] to be a part of type 'text', found text 'image"),
        ([text_part("a"), "b"], r"m\[1\].content\[1\] to be a part of type 'text', found text 'b'"),
        ([text_part(None)], r"text in m\[1\].content\[0\], found null"),
        ([], "the assistant to say something"),
    ],
)  # fmt: skip
def test_other_parts_are_not(content: list[object], error: str) -> None:
    with pytest.raises(RowError, match=error):
        chat(user, {"role": "assistant", "content": content})


def called(arguments: Any, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "arguments": arguments}, **more}


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([called('{"x": 1}', id="c1")], called({"x": 1}, id="c1")),
        ([called({"x": 1})], called({"x": 1})),
        (json.dumps([called('{"x": "\\u00e4"}')]), called({"x": "ä"})),
        ([{"name": "f", "arguments": {"x": 1}}], called({"x": 1})),
        ([{"function": {"name": "f"}, "name": None}], called({})),
        ([called("")], called({})),
        ([called("{}")], called({})),
        # Arrow gives each call the arguments of all; a null within JSON text is somebody's.
        (
            [called({"x": 1, "y": None, "z": {"a": None, "b": [None]}}, id=None)],
            called({"x": 1, "z": {"b": [None]}}),
        ),
        ([called('{"x": null}')], called({"x": None})),
    ],
)
@pytest.mark.parametrize("content", [None, "", "I'll look."])
def test_tool_calls_are_as_templates_take_them(
    calls: Any, expected: dict[str, Any], content: str | None
) -> None:
    result = {"role": "tool", "content": "1", "name": "f", "tool_call_id": "c1"}
    messages = chat(user, {**CALLING, "content": content, "tool_calls": calls}, result, says("a")).messages
    assert messages == [user, {**says(content or ""), "tool_calls": [expected]}, result, says("a")]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({**CALLING, "tool_calls": [called("{")]}, r"an object in the arguments of m\[1\].tool_calls\[0\], found text '{'"),
        ({**CALLING, "tool_calls": [called("[1]")]}, "an object in the arguments"),
        ({**CALLING, "tool_calls": [called([1])]}, "an object in the arguments"),
        ({**CALLING, "tool_calls": [called('{"a":' * 100_000)]}, "nested too deep"),
        ({**CALLING, "tool_calls": "f(1)"}, r"a list of calls in tool_calls of m\[1\], found text 'f\(1\)'"),
        ({**CALLING, "tool_calls": {"name": "f"}}, "a list of calls"),
        ({**CALLING, "tool_calls": ["f"]}, r"m\[1\].tool_calls\[0\] to be a call"),
        ({**CALLING, "tool_calls": [{"id": "c"}]}, "to name a function"),
        ({**CALLING, "tool_calls": [{"function": {"name": 1}}]}, "to name a function"),
        ({**CALLING, "tool_calls": "[]"}, "text as the content"),
        ({**user, "tool_calls": [called({})]}, r"tool calls of the assistant only, found some of the user in m\[1\]"),
    ],
)  # fmt: skip
def test_bad_tool_calls(message: dict[str, Any], error: str) -> None:
    with pytest.raises(RowError, match=error):
        chat(user, message)


def test_the_row_is_left_as_it_is() -> None:
    call = {"name": "f", "arguments": "{}", "id": "c"}
    message = {**CALLING, "tool_calls": [call]}
    chat(user, message)
    assert message == {**CALLING, "tool_calls": [{"name": "f", "arguments": "{}", "id": "c"}]}


@pytest.mark.parametrize(
    ("flags", "untrained"),
    [
        ([{}, {}], ()),
        ([{"train": True}, {"train": True}], ()),
        ([{"train": False}, {"train": True}], (1,)),
        ([{"weight": 0}, {"weight": 1}], (1,)),
        ([{}, {"weight": 0.0}], (3,)),
        ([{"train": False, "weight": 0}, {"train": None}], (1,)),
        ([{"train": 1}, {"train": 0}], (3,)),
    ],
)
def test_turns_kept_out_of_the_loss(flags: list[dict[str, Any]], untrained: tuple[int, ...]) -> None:
    said = [
        {**user, "train": False},
        {**says("a"), **flags[0]},
        {**user, "weight": 0},
        {**says("b"), **flags[1]},
    ]
    plain = [user, says("a"), user, says("b")]
    assert chat(*said) == Chat(plain, 3, None, {}, untrained)
    with_system = convert(MESSAGES, {"m": said}, "s")
    assert with_system.untrained == tuple(i + 1 for i in untrained)
    assert convert(QUESTION, {"q": said[:3], "a": said[3:]}) == Chat(plain, 3, None, {}, untrained)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({**says("a"), "train": False}, "a message of the assistant in 'm' to train on, found all kept out"),
        ({**says("a"), "weight": 0.5}, f"true or false as 'weight' of{PLACE}, found number 0.5"),
        ({**says("a"), "weight": 2}, f"true or false as 'weight' of{PLACE}"),
        ({**says("a"), "train": "no"}, f"true or false as 'train' of{PLACE}, found text 'no'"),
        ({**says("a"), "weight": float("nan")}, "true or false as 'weight'"),
        ({**says("a"), "train": True, "weight": 0}, f"'train' and 'weight' of{PLACE} to agree"),
        ({**user, "train": True}, f"found 'train' of a message of the user in{PLACE}: say loss_on = roles"),
        ({"role": "tool", "content": "t", "weight": 1}, f"found 'weight' of a message of the tool in{PLACE}"),
    ],
)
def test_what_cannot_be_kept_out(message: dict[str, Any], error: str) -> None:
    with pytest.raises(RowError, match=error):
        chat(user, message)


def test_an_answer_of_5_mb() -> None:
    answer = ("word \n" * 900_000)[:5_000_000] + "."
    assert chat(user, says(answer)).messages[1]["content"] is answer
    parts = [text_part(letter) for letter in answer[:100_000]]
    assert chat(user, {"role": "assistant", "content": parts}).messages[1]["content"] == answer[:100_000]
