"""Bad rows and bad files: each error names the file, the line, what was expected and what was found."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from data_project import Project, chat, source

from smolc.runtime.data.prepare import run
from smolc.runtime.jobs.errors import JobError

GOOD = json.dumps(chat("a", "b")).encode() + b"\n"


def fails(project: Project, *sources: dict[str, Any], **fields: Any) -> str:
    with pytest.raises(JobError) as caught:
        project.run(*sources, **fields)
    return f"{caught.value.message}\nhelp: {caught.value.help}"


def line_of(*messages: Any) -> bytes:
    return json.dumps({"messages": messages}).encode() + b"\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"{oops}\n", "not JSON"),
        (b"\x00\n", "not JSON"),
        (b'{"messages": [], "messages": 1}\n', "'messages' stands twice in an object"),
        (b"[1, 2]\n", "expected a JSON object, found list [1, 2]"),
        (b'"text"\n', "expected a JSON object, found text 'text'"),
        (b"null\n", "expected a JSON object, found null"),
        (b'{"text": "\xff"}\n', "not UTF-8: byte 0xff at column 11"),
        (b'{"messages": "\\ud800"}\n', "half of a surrogate pair"),
        (b"[" * 100_000 + b"\n", "nested too deeply"),
        (b'{"prompt": 1, "answer": 2}\n', "expected a column 'messages', found only 'prompt', 'answer'"),
        (b"{}\n", "expected a column 'messages', found only an empty object"),
        (b'{"messages": null}\n', "expected a list of messages in 'messages', found null"),
        (b'{"messages": "hi"}\n', "expected a list of messages in 'messages', found text 'hi'"),
        (line_of(), "expected messages in 'messages', found an empty list"),
        (line_of("hi"), "expected messages[0] to be a message (an object), found text 'hi'"),
        (line_of({"role": "bot", "content": "x"}), "expected the role of messages[0] to be one of system"),
        (line_of({"role": ["user"], "content": "x"}), "found list ['user']"),
        (line_of({"from": "human", "value": "x"}), "ShareGPT"),
        (line_of({"role": "user"}), "expected a 'content' in messages[0], found only 'role'"),
        (line_of({"role": "user", "content": 3}), "text as the content of messages[0], found number 3"),
        (line_of({"role": "assistant", "content": " "}), "found empty content"),
        (
            line_of({"role": "user", "content": "a"}),
            "expected a turn of the assistant to train on, found none",
        ),
    ],
)
def test_a_bad_line_is_named(project: Project, line: bytes, expected: str) -> None:
    project.write("chats.jsonl", GOOD + b"\n" + line + GOOD)
    message = fails(project, source("chats.jsonl"))
    assert "chats.jsonl:3: " in message
    assert expected in message


def test_several_bad_lines_are_one_error_with_their_number(project: Project) -> None:
    project.write("chats.jsonl", GOOD + b"{}\n" * 9)
    message = fails(project, source("chats.jsonl"))
    assert "9 bad rows" in message
    assert "chats.jsonl:2: " in message
    assert "chats.jsonl:6: " in message
    assert "chats.jsonl:7: " not in message
    assert "and 4 more" in message


def test_a_truncated_file_is_named_as_such(project: Project) -> None:
    project.write("chats.jsonl", GOOD * 2 + GOOD[:20])
    message = fails(project, source("chats.jsonl"))
    assert "chats.jsonl:3: " in message
    assert "was it cut off?" in message


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
@pytest.mark.parametrize("name", ["chats.jsonl", "chats.json", "chats.csv"])
def test_a_byte_order_mark_is_an_error(project: Project, name: str, mark: bytes) -> None:
    project.write(name, mark + GOOD)
    message = fails(project, source(name))
    assert f"{name}:1: the file starts with a byte-order mark" in message


def test_carriage_returns_are_read(project: Project) -> None:
    project.write("chats.jsonl", GOOD.replace(b"\n", b"\r\n") * 3)
    assert len(project.run(source("chats.jsonl")).rows()) == 3


def test_missing_and_empty_and_unknown_files(project: Project) -> None:
    assert "none.jsonl: no such file" in fails(project, source("none.jsonl"))
    project.write("empty.jsonl", b"")
    assert "empty.jsonl: the file is empty" in fails(project, source("empty.jsonl"))
    project.write("blank.jsonl", b"\n\n")
    assert "no rows" in fails(project, source("blank.jsonl"))
    project.write("notes.txt", b"hello")
    assert "notes.txt: not a kind of file that is known" in fails(project, source("notes.txt"))


def test_json_files(project: Project) -> None:
    project.write("good.json", json.dumps([chat("a", "b")] * 2).encode())
    assert len(project.run(source("good.json")).rows()) == 2
    project.write("bad.json", b'[\n{"messages": 1},\n 2')
    assert "bad.json:3: not JSON" in fails(project, source("bad.json"))
    project.write("object.json", GOOD)
    assert "object.json: expected a list of objects" in fails(project, source("object.json"))
    project.write("lines.json", GOOD * 2)
    assert "name the file .jsonl" in fails(project, source("lines.json"))
    project.write("row.json", json.dumps([chat("a", "b"), 3]).encode())
    assert "row.json row 2: expected a JSON object, found number 3" in fails(project, source("row.json"))
    project.write("bytes.json", b'[\n"\xff"]')
    assert "bytes.json:2: not UTF-8" in fails(project, source("bytes.json"))


QUESTIONS = {"type": "prompt_completion", "prompt": "question", "completion": "answer"}


def test_a_csv_column_that_stands_twice(project: Project) -> None:
    project.write("rows.csv", b"prompt,answer,answer\na,b,c\n")
    message = fails(project, source("rows.csv"))
    assert "rows.csv:1: column 'answer' stands twice in the header" in message


def test_csv_files(project: Project) -> None:
    def error(name: str, content: bytes) -> str:
        project.write(name, content)
        return fails(project, source(name, format=QUESTIONS))

    project.write("good.csv", b'question,answer\n"a\nb",c\nd,e\n')
    assert len(project.run(source("good.csv", format=QUESTIONS)).rows()) == 2
    short = error("bad.csv", b'question,answer\n"a\nb",c\nd\n')
    assert "bad.csv:4: expected 2 columns (question, answer), found 1" in short
    assert "open.csv:2: not CSV" in error("open.csv", b'question,answer\na,"b\n')
    assert "empty.csv:2: expected text in 'answer', found none" in error(
        "empty.csv", b"question,answer\na,\n"
    )
    assert "bytes.csv:1: not UTF-8" in error("bytes.csv", b"question,answer\na,\xff\n")


def test_parquet_files(project: Project) -> None:
    tool = {"role": "tool", "content": "x", "name": "y"}
    rows = [chat("a", "b"), {"messages": [*chat("c", "d")["messages"], tool]}]
    pa.parquet.write_table(pa.Table.from_pylist(rows), project.root / "good.parquet")
    assert len(project.run(source("good.parquet")).rows()) == 2
    pa.parquet.write_table(pa.Table.from_pylist([*rows, {"messages": None}]), project.root / "null.parquet")
    assert "null.parquet row 3: expected a list of messages" in fails(project, source("null.parquet"))
    whole = (project.root / "good.parquet").read_bytes()
    project.write("cut.parquet", whole[:-20])
    assert "cut.parquet: not a parquet file that can be read" in fails(project, source("cut.parquet"))


def test_a_hub_dataset_that_is_not_there_is_an_error(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets.config
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    hub = {"type": "hub", "id": "no-such/data", "config": None, "split": "train", "revision": "main"}
    message = fails(project, source(location=hub))
    assert "dataset no-such/data, split train: " in message
    assert "HF_HUB_OFFLINE" in message


def test_inputs_are_recorded(project: Project) -> None:
    project.write("chats.jsonl", GOOD)
    context = project.context(project.job([source("chats.jsonl")]))
    run(context)
    assert context.inputs["chats.jsonl"]["bytes"] == len(GOOD)
