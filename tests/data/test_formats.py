"""From rows to examples."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from smolc.runtime.data.formats import Chat, Judged, Pair, Text, converter
from smolc.runtime.data.rows import RowError
from smolc.runtime.jobs.errors import JobError
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


def test_answers_that_are_compared_are_trained_as_a_whole() -> None:
    out = [{**says("good"), "train": False}]
    whole = [{**says("good"), "train": True}]
    before = [user, {**says("x"), "train": False}, user]
    assert convert(PAIR, {"p": before, "c": whole, "r": "bad"}).chosen == [says("good")]
    assert convert(SHARED, {"c": before + whole, "r": [*before, says("bad")]}).prompt == [
        user,
        says("x"),
        user,
    ]
    cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (PAIR, {"p": "q", "c": out, "r": "bad"}),
        (PAIR, {"p": "q", "c": "bad", "r": out}),
        (SHARED, {"c": [user, *out], "r": [user, says("bad")]}),
        (JUDGED, {"p": "q", "c": out, "l": True}),
    ]
    for format, row in cases:
        with pytest.raises(RowError, match=r"all of the answer '[cr]' to be trained"):
            convert(format, row)


SMOLTALK = {**MESSAGES, "template_kwargs": "k"}


def test_template_variables_of_a_row() -> None:
    given = {
        "enable_thinking": False,
        "custom_instructions": "",
        "python_tools": ["def f()"],
        "xml_tools": None,
    }
    expected = {"enable_thinking": False, "custom_instructions": "", "python_tools": ["def f()"]}
    for value in (given, json.dumps(given)):
        assert convert(SMOLTALK, {"m": [user, says("a")], "k": value}).kwargs == expected
    assert convert(SMOLTALK, {"m": [user, says("a")], "k": None}).kwargs == {}
    with pytest.raises(RowError, match="expected an object of template variables in 'k', found list"):
        convert(SMOLTALK, {"m": [user, says("a")], "k": []})


def test_tools_lose_the_nulls_of_a_columnar_file() -> None:
    tool = {"name": "f", "parameters": {"properties": {"x": {"type": "string"}, "of_another": None}}}
    format = {**MESSAGES, "tools": "t"}
    expected = {"name": "f", "parameters": {"properties": {"x": {"type": "string"}}}}
    assert convert(format, {"m": [user, says("a")], "t": [tool]}).tools == [expected]
    assert convert(format, {"m": [user, says("a")], "t": json.dumps([tool])}).tools == [tool]
    with pytest.raises(RowError, match="expected each tool in 't' to be an object"):
        convert(format, {"m": [user, says("a")], "t": ["f"]})


SYSTEM = {"role": "system", "content": "s"}
GOOD, BAD = says("good"), says("bad")


@pytest.mark.parametrize(
    ("prompt", "chosen", "rejected", "expected"),
    [
        # UltraFeedback: the prompt, and conversations that begin with it.
        ("q", [user, GOOD], [user, BAD], [user]),
        (" q\n", [user, GOOD], [user, BAD], [user]),
        ("q", [SYSTEM, user, GOOD], [SYSTEM, user, BAD], [SYSTEM, user]),
        ("q", [SYSTEM, user, GOOD], "bad", [SYSTEM, user]),
        ("q", "good", [user, BAD], [user]),
        ([user], [GOOD], [BAD], [user]),
        ([SYSTEM, user], [user, GOOD], [SYSTEM, user, BAD], [SYSTEM, user]),
        ([user, says("x"), user], [user, says("x"), user, GOOD], [BAD], [user, says("x"), user]),
        (None, [SYSTEM, user, GOOD], [SYSTEM, user, BAD], [SYSTEM, user]),
    ],
)
def test_prompts_that_the_answers_repeat(prompt: Any, chosen: Any, rejected: Any, expected: Any) -> None:
    pair = convert(SHARED if prompt is None else PAIR, {"p": prompt, "c": chosen, "r": rejected})
    assert [m["content"].strip() for m in pair.prompt] == [m["content"] for m in expected]
    assert [m["role"] for m in pair.prompt] == [m["role"] for m in expected]
    assert (pair.chosen, pair.rejected) == ([GOOD], [BAD])


@pytest.mark.parametrize(
    ("prompt", "chosen", "rejected", "error"),
    [
        ("other", [user, GOOD], [user, BAD], "'c' to start with the assistant, or to repeat the prompt"),
        ("q", [user, GOOD], [user], "an answer in 'r', found only the prompt"),
        ("q", [SYSTEM, user, GOOD], [{**SYSTEM, "content": "t"}, user, BAD], "to begin with the same prompt"),
        (
            [SYSTEM, user],
            [{**SYSTEM, "content": "t"}, user, GOOD],
            [BAD],
            "'c' to start with the assistant, or",
        ),
        ("q", [user, user, GOOD], [BAD], "the completion 'c' to start with the assistant, found 'user'"),
        ("q", [], [BAD], "expected messages in 'c', found an empty list"),
        ("q", [user, GOOD], [user, GOOD], "to differ, found them equal"),
        ("q", [user, GOOD], "good", "to differ, found them equal"),
        ("q", [SYSTEM], [BAD], "'c' to start with the assistant, or"),
        (None, [user], [user, BAD], "an answer in 'c', found only the prompt"),
        (None, [user, GOOD], [user, GOOD, user, BAD], "an answer in 'c', found only the prompt"),
        (None, "good", "bad", "expected a list of messages in 'c'"),
    ],
)
def test_prompts_that_do_not_fit(prompt: Any, chosen: Any, rejected: Any, error: str) -> None:
    with pytest.raises(RowError, match=error):
        convert(SHARED if prompt is None else PAIR, {"p": prompt, "c": chosen, "r": rejected})


def mapped(**texts: str) -> dict[str, Any]:
    keys = ("text", "system", "user", "assistant", "chosen", "rejected")
    return {"type": "map", **dict.fromkeys(keys), **texts}


def test_maps_make_documents_conversations_and_pairs() -> None:
    row = {"q": "Q", "a": "A", "b": "B", "s": "S", "empty": " "}
    system, asked = {"role": "system", "content": "S"}, {"role": "user", "content": "<Q>"}
    assert convert(mapped(text="{q}: {a}"), row) == Text("Q: A")
    assert convert(mapped(user="<{q}>", assistant="{a}"), row) == Chat([asked, says("A")], 1, None, {})
    with_system = mapped(system="{s}", user="<{q}>", assistant="{a}")
    assert convert(with_system, row, "other") == Chat([system, asked, says("A")], 2, None, {})
    pair = mapped(user="<{q}>", chosen="{a}", rejected="{b}")
    assert convert(pair, row) == Pair([asked], [says("A")], [says("B")])
    assert convert(pair | {"system": "{s}"}, row).prompt == [system, asked]
    # Without a system prompt in the row, the source's.
    assert convert(pair | {"system": "{empty}"}, row, "S").prompt == [system, asked]
    assert convert(pair | {"system": "{empty}"}, row).prompt == [asked]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no column", "no column"), ("{a.b}", "inside"), ("{ q }", "Q"), ("{{q}}", "{q}"), ("{{{q}}}", "{Q}"),
        ("{n} {f} {t}", "3 0.5 true"), ("{braces}", "{q}"), ("{two words}", "2"), ("{q}{q}", "QQ"),
        ("{q!r}", "named"), ("{q:>9}", "named too"), ("\\frac{{1}}{{{n}}}", "\\frac{1}{3}"), ("{large}", "1" + "0" * 30),
    ],
)  # fmt: skip
def test_columns_in_maps(text: str, expected: str) -> None:
    row = {
        "q": "Q", "a": {"b": "inside"}, "n": 3, "f": 0.5, "t": True, "braces": "{q}", "two words": "2", "q!r": "named",
        "q:>9": "named too", "large": 10**30,
    }  # fmt: skip
    assert convert(mapped(text=text), row) == Text(expected)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{z}", "expected a column 'z', found only 'q'"),
        ("{q.__class__}", "expected a column 'q.__class__'"),
        ("{q!r}", "expected a column 'q!r'"),
        ("{null}", "expected text, a number or true/false in 'null', found null"),
        ("{list}", "in 'list', found list"),
        ("{nan}", "in 'nan', found number nan"),
        ("{empty}", "expected text as 'text' of the map, found none"),
    ],
)
def test_columns_that_maps_cannot_take(text: str, error: str) -> None:
    row = {"q": "Q", "null": None, "list": [1], "nan": float("nan"), "empty": ""}
    with pytest.raises(RowError, match=error):
        convert(mapped(text=text), row)


def test_a_maps_answers_differ() -> None:
    with pytest.raises(RowError, match="'chosen' and 'rejected' of the map to differ"):
        convert(mapped(user="q", chosen="{a}", rejected="{b}"), {"a": "same", "b": "same"})


@pytest.mark.parametrize("text", ["{", "}", "a { b", "{}", "{a}}", "{{a}", "{a{b}}", "{a"])
def test_braces_that_do_not_match_are_no_map(text: str) -> None:
    with pytest.raises(JobError, match="map: expected a column in braces at character"):
        convert(mapped(text=text), {"a": "a"})


@pytest.mark.parametrize(
    "texts",
    [
        {}, {"system": "s"}, {"user": "u"}, {"assistant": "a"}, {"user": "u", "chosen": "c"}, {"text": "t", "user": "u"},
        {"system": "s", "text": "t"}, {"user": "u", "assistant": "a", "chosen": "c", "rejected": "r"},
    ],
)  # fmt: skip
def test_maps_of_no_kind(texts: dict[str, str]) -> None:
    with pytest.raises(
        JobError, match="map: expected text alone, user and assistant, or user, chosen and rejected"
    ):
        convert(mapped(**texts), {})


def test_an_answer_of_5_mb() -> None:
    answer = ("word \n" * 900_000)[:5_000_000] + "."
    assert convert(mapped(user="q", assistant="<{a}>"), {"a": answer}).messages[1]["content"] == f"<{answer}>"
    pair = convert(SHARED, {"c": [user, says(answer)], "r": [user, says(answer + "!")]})
    assert len(pair.rejected[0]["content"]) == 5_000_002
