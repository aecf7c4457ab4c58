"""From rows to examples."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from smolc.runtime.data.formats import Chat, Judged, Pair, Text, converter
from smolc.runtime.data.rows import RowError
from smolc.runtime.jobs.prepare import Format

MESSAGES = {"type": "messages", "column": "m", "tools": None, "template_kwargs": None}
QUESTION = {"type": "prompt_completion", "prompt": "q", "completion": "a"}
PAIR = {"type": "preference", "prompt": "p", "chosen": "c", "rejected": "r"}
SHARED = {**PAIR, "prompt": None}
JUDGED = {"type": "unpaired", "prompt": "p", "completion": "c", "label": "l"}
user = {"role": "user", "content": "q"}


def convert(format: dict[str, Any], data: dict[str, Any], system: str | None = None) -> Any:
    return converter(TypeAdapter(Format).validate_python(format), system)(data)


def says(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def test_dots_reach_into_objects_and_a_column_with_a_dot_wins() -> None:
    format = {"type": "text", "column": "a.b"}
    assert convert(format, {"a": {"b": "inside"}}) == Text("inside")
    assert convert(format, {"a": {"b": "inside"}, "a.b": "named"}) == Text("named")
    with pytest.raises(RowError, match="found only 'a'"):
        convert(format, {"a": "text"})


def test_prompt_completion_takes_texts_and_messages() -> None:
    whole = [user, says("y")]
    assert convert(QUESTION, {"q": "q", "a": "y"}) == Chat(whole, 1, None, {})
    assert convert(QUESTION, {"q": whole[:1], "a": whole[1:]}) == Chat(whole, 1, None, {})
    with pytest.raises(RowError, match="to start with the assistant, found 'user'"):
        convert(QUESTION, {"q": "x", "a": whole[:1]})


@pytest.mark.parametrize(("extra", "content"), [("1 2", "Add.\n\n1 2"), ("", "Add."), (None, "Add.")])
def test_alpaca_joins_instruction_and_input(extra: str | None, content: str) -> None:
    format = {"type": "alpaca", "instruction": "i", "input": "x", "output": "o"}
    assert convert(format, {"i": "Add.", "x": extra, "o": "3"}).messages[0]["content"] == content


def test_system_is_added_only_where_there_is_none() -> None:
    own = {"role": "system", "content": "own"}
    added = convert(MESSAGES, {"m": [user, says("a")]}, "given")
    assert added.messages[0] == {"role": "system", "content": "given"}
    assert added.prompt_turns == 2
    assert convert(MESSAGES, {"m": [own, user, says("a")]}, "given").messages[0] == own


def test_tools_and_variables_may_be_json_texts() -> None:
    format = {**MESSAGES, "tools": "t", "template_kwargs": "k"}
    row = {"m": [user, says("a")], "t": '[{"name": "f"}]', "k": {"enable_thinking": False, "other": None}}
    example = convert(format, row)
    assert example.tools == [{"name": "f"}]
    assert example.kwargs == {"enable_thinking": False}
    assert convert(format, {**row, "t": None, "k": ""}).tools is None
    with pytest.raises(RowError, match="expected a list of tools in 't', found text 'f'"):
        convert(format, {**row, "t": "f"})
    with pytest.raises(RowError, match="expected a list of tools in 't', found object"):
        convert(format, {**row, "t": {"name": "f"}})


def test_pairs_with_and_without_a_prompt_column() -> None:
    expected = Pair([user], [says("good")], [says("bad")])
    assert convert(PAIR, {"p": "q", "c": "good", "r": "bad"}) == expected
    assert convert(SHARED, {"c": [user, says("good")], "r": [user, says("bad")]}) == expected


@pytest.mark.parametrize(
    ("format", "row", "message"),
    [
        (PAIR, {"p": "q", "c": "same", "r": "same"}, "to differ, found them equal"),
        (PAIR, {"p": "q", "c": "", "r": "bad"}, "expected text in 'c', found none"),
        (PAIR, {"p": "q", "c": "good", "r": None}, "expected text in 'r', found null"),
        (SHARED, {"c": [user, says("a")], "r": [user, says("a")]}, "the same conversation"),
        (SHARED, {"c": [says("a")], "r": [says("b")]}, "to begin with the same prompt"),
        (SHARED, {"c": [user, says("a")], "r": [user, user]}, "to start with the assistant"),
    ],
)
def test_bad_pairs(format: dict[str, Any], row: dict[str, Any], message: str) -> None:
    with pytest.raises(RowError, match=message):
        convert(format, row)


@pytest.mark.parametrize(("label", "meant"), [(True, True), (0, False), ("true", True), ("0", False)])
def test_labels(label: object, meant: bool) -> None:
    assert convert(JUDGED, {"p": "q", "c": "a", "l": label}) == Judged([user], [says("a")], meant)


@pytest.mark.parametrize("label", [None, 2, "good", [], 0.5])
def test_bad_labels(label: object) -> None:
    with pytest.raises(RowError, match="expected true or false in 'l'"):
        convert(JUDGED, {"p": "q", "c": "a", "l": label})


def test_a_judged_completion_is_the_assistants() -> None:
    with pytest.raises(RowError, match="to start with the assistant"):
        convert(JUDGED, {"p": "q", "c": [user], "l": True})
