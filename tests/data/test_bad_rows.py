"""Rows and files that are not what they should be, through the whole job: a clear error, or a counted, listed drop."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from data_project import CHAT, Dataset, Project, chat, source

from smolc.runtime.jobs.errors import JobError

PAIRS = {"type": "preference", "prompt": "p", "chosen": "c", "rejected": "r"}
WHOLE = {"type": "preference", "prompt": None, "chosen": "c", "rejected": "r"}
JUDGED = {"type": "unpaired", "prompt": "p", "completion": "c", "label": "l"}
MESSAGES: dict[str, Any] = source()["format"]

CHATS = [chat(f"question {i}", f"answer {i}") for i in range(6)]
TWO = [{"p": f"q {i}", "c": f"good {i}", "r": f"bad {i}"} for i in range(6)]
SAID = [{"p": f"q {i}", "c": f"answer {i}", "l": bool(i % 2)} for i in range(6)]


def message(role: Any, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def turns(*messages: Any) -> dict[str, Any]:
    return {"messages": list(messages)}


def whole(answer: str) -> list[dict[str, str]]:
    return [message("user", "q"), message("assistant", answer)]


ASKED, ANSWERED = message("user", "q"), message("assistant", "a")

# Format, method, good rows, the bad one (bytes: as they stand in the file), what the error says of it.
ROWS = {
    "no messages": (MESSAGES, "sft", CHATS, turns(), "expected messages in 'messages', found an empty list"),
    "null": (MESSAGES, "sft", CHATS, {"messages": None}, "expected a list of messages in .*, found null"),
    "null message": (MESSAGES, "sft", CHATS, turns(ASKED, None), r"expected messages\[1\] .*, found null"),
    "null content": (
        MESSAGES, "sft", CHATS, turns(ASKED, message("assistant", None)), r"expected text .*messages\[1\], found null",
    ),
    "null role": (MESSAGES, "sft", CHATS, turns(message(None, "x")), "expected the role of .*, found null"),
    "two system prompts": (
        MESSAGES, "sft", CHATS, turns(message("system", "a"), message("system", "b"), ASKED, ANSWERED),
        r"expected one system message, the first, found a second one in messages\[1\]",
    ),
    "unknown role": (
        MESSAGES, "sft", CHATS, turns(message("robot", "x"), ANSWERED), "expected the role .*, found text 'robot'",
    ),
    "empty answer": (
        MESSAGES, "sft", CHATS, turns(ASKED, message("assistant", " ")), "expected the assistant .*, found empty",
    ),
    "no answer": (MESSAGES, "sft", CHATS, turns(ASKED), "expected a turn of the assistant .*, found none"),
    "no column": (MESSAGES, "sft", CHATS, {"text": "x"}, "expected a column 'messages', found only 'text'"),
    "not UTF-8": (MESSAGES, "sft", CHATS, b'{"messages": "\xff"}', "not UTF-8: byte 0xff at column 15"),
    "half a character": (MESSAGES, "sft", CHATS, b'{"messages": "\\ud83d"}', "found half of a surrogate pair"),
    "not JSON": (MESSAGES, "sft", CHATS, b'{"messages": [', "expected a JSON object, found what is not JSON"),
    "no object": (MESSAGES, "sft", CHATS, b"7", "expected a JSON object, found number 7"),
    "a name twice": (
        MESSAGES, "sft", CHATS, b'{"messages": [], "messages": []}', "'messages' stands twice in an object",
    ),
    "doubled end": (MESSAGES, "sft", CHATS, chat("q", "a<|im_end|>"), "stands twice in a row"),
    "empty chosen": (PAIRS, "dpo", TWO, {"p": "q", "c": "", "r": "b"}, "expected text in 'c', found none"),
    "null rejected": (PAIRS, "dpo", TWO, {"p": "q", "c": "a", "r": None}, "expected text in 'r', found null"),
    "no pair": (PAIRS, "dpo", TWO, {"p": "q", "c": "a", "r": "a"}, "expected 'c' and 'r' to differ, found them equal"),
    "same once rendered": (
        PAIRS, "dpo", TWO, {"p": "q", "c": "a", "r": "a<|im_end|>"}, "chosen and rejected|once|twice",
    ),
    "same conversation": (
        WHOLE, "dpo", [{"c": whole(f"g {i}"), "r": whole(f"b {i}")} for i in range(6)],
        {"c": whole("x"), "r": whole("x")}, "to differ, found the same conversation",
    ),
    "no label": (JUDGED, "kto", SAID, {"p": "q", "c": "a", "l": None}, "expected true or false in 'l', found null"),
}  # fmt: skip


def lines(rows: list[Any]) -> bytes:
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


def preview(dataset: Dataset) -> list[dict[str, Any]]:
    return [{key: row[key] for key in row if key != "where"} for row in dataset.json("preview.json")]


@pytest.mark.parametrize("case", ROWS)
def test_a_bad_row_is_an_error_or_a_counted_drop(project: Project, case: str) -> None:
    form, method, good, bad, says = ROWS[case]
    spec = {"format": form}
    project.write("good.jsonl", lines(good))
    expected = project.run(source("good.jsonl", **spec), method=method)
    rows, shown = expected.rows(), preview(expected)
    for place in (1, 3):
        project.write("rows.jsonl", lines([*good[: place - 1], bad, *good[place - 1 :]]))
        where = rf"rows\.jsonl:{place}\b"
        with pytest.raises(JobError, match=f"(?s){where}.*({says})|({says}).*{where}") as caught:
            project.run(source("rows.jsonl", **spec), method=method)
        assert caught.value.help
        dropped = project.run(source("rows.jsonl", bad_rows=0.5, **spec), method=method)
        assert dropped.rows() == rows
        assert preview(dropped) == shown
        (stats,) = dropped.json("stats.json")["sources"]
        assert (stats["rows_read"], stats["rows_bad"]) == (len(good) + 1, 1)
        (said,) = stats["bad_shown"]
        assert said.startswith(f"rows.jsonl:{place}: ")


def test_more_bad_rows_than_allowed_are_an_error_that_says_so(project: Project) -> None:
    bad = [turns(), b"{", turns()]
    project.write("rows.jsonl", lines([*CHATS, *bad]))
    assert len(project.run(source("rows.jsonl", bad_rows=3 / 9)).rows()) == 6
    with pytest.raises(
        JobError, match=r"chats: 3 bad rows\n  rows\.jsonl:7: .*\n  rows\.jsonl:8: "
    ) as caught:
        project.run(source("rows.jsonl", bad_rows=0.3))
    assert "at most 30.00% may be dropped" in str(caught.value.help)
    # What is left of the first run is not taken for the result of this one.
    with pytest.raises(JobError, match="3 bad rows"):
        project.run(source("rows.jsonl", bad_rows=0.3))


def test_only_bad_rows(project: Project) -> None:
    project.write("rows.jsonl", lines([turns()] * 7))
    with pytest.raises(JobError, match=r"(?s)chats: no rows: .*rows\.jsonl:5: .*\n  \.\.\. and 2 more$"):
        project.run(source("rows.jsonl", bad_rows=1.0))


def test_a_row_that_the_template_refuses(project: Project) -> None:
    text = (CHAT / "chatml.jinja").read_text(encoding="utf-8")
    text = "{%- if messages[0].content == 'no' %}{{ raise_exception('not this') }}{% endif -%}" + text
    template = project.template("own.jinja", text)
    project.write("rows.jsonl", lines([chat("no", "a"), *CHATS]))
    with pytest.raises(JobError, match=r"(?s)not this.*rows\.jsonl:1"):
        project.run(source("rows.jsonl"), template=template)
    dropped = project.run(source("rows.jsonl", bad_rows=0.5), template=template)
    assert dropped.json("stats.json")["sources"][0]["rows_bad"] == 1
    assert len(dropped.rows()) == 6
    # One that `where` leaves out is not looked at.
    project.write("rows.jsonl", lines([chat("no", "a", n=0), *({**row, "n": 1} for row in CHATS)]))
    where = {"column": "n", "operator": "==", "value": 1}
    assert len(project.run(source("rows.jsonl", where=where), template=template).rows()) == 6


@pytest.mark.parametrize("wanted", [{"rows": 5, "fraction": None}, {"rows": None, "fraction": 1.0}])
def test_what_is_taken_is_taken_of_the_good_rows(project: Project, wanted: dict[str, Any]) -> None:
    project.write("good.jsonl", lines(CHATS))
    project.write("rows.jsonl", lines([CHATS[0], turns(), *CHATS[1:4], b"{", *CHATS[4:]]))
    weight = {"type": "take", **wanted}
    good = project.run(source("good.jsonl", weight=weight))
    taken = project.run(source("rows.jsonl", weight=weight, bad_rows=0.5))
    assert taken.rows() == good.rows()
    assert taken.json("stats.json")["sources"][0]["rows_bad"] == 2


def test_rows_of_tables(project: Project) -> None:
    table = pa.table({"messages": [row["messages"] for row in CHATS[:2]] + [None, []]})
    pyarrow.parquet.write_table(table, project.root / "rows.parquet")
    with pytest.raises(JobError, match=r"2 bad rows\n  rows\.parquet row 3: .*null\n  rows\.parquet row 4: "):
        project.run(source("rows.parquet"))
    dropped = project.run(source("rows.parquet", bad_rows=0.5))
    assert dropped.json("stats.json")["sources"][0]["rows_bad"] == 2
    assert len(dropped.rows()) == 2


PACKED = gzip.compress(lines(CHATS * 200))


def table_with_a_column_twice() -> bytes:
    sink = pa.BufferOutputStream()
    column = pa.array(["x"])
    pyarrow.parquet.write_table(pa.Table.from_arrays([column, column], names=["text", "text"]), sink)
    return bytes(sink.getvalue())


FILES = {
    "rows.jsonl.gz": (PACKED[: len(PACKED) // 2], "the archive is cut short or damaged .* lines? could be read"),
    "flipped.jsonl.gz": (PACKED[:-8] + b"\x00\x00\x00\x00" + PACKED[-4:], "the archive is cut short or damaged"),
    "twice.csv": (b"text,text\na,b\n", "column 'text' stands twice in the header"),
    "twice.parquet": (table_with_a_column_twice(), "column 'text' stands twice in the file"),
    "short.parquet": (table_with_a_column_twice()[:-20], "not a parquet file that can be read"),
    "latin.csv": (b"text\nna\xefve\n", "not UTF-8"),
    "latin.json": (b'[{"text": "na\xefve"}]', "not UTF-8: byte 0xef"),
    "empty.jsonl": (b"", "the file is empty"),
    "mark.jsonl": (b'\xef\xbb\xbf{"text": "x"}\n', "byte-order mark"),
}  # fmt: skip


@pytest.mark.parametrize("bad_rows", [0.0, 0.5])
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_is_never_dropped(project: Project, name: str, bad_rows: float) -> None:
    content, says = FILES[name]
    (project.root / name).write_bytes(content)
    form = MESSAGES if "gz" in name else {"type": "text", "column": "text"}
    with pytest.raises(JobError, match=rf"{name}.*({says})"):
        project.run(source(name, format=form, bad_rows=bad_rows), method="sft", loss_on="all")
    assert not (project.build / "out" / "data" / "train").exists()


def answers(dataset: Dataset) -> list[int]:
    return sorted(len(row["input_ids"]) for row in dataset.rows())


@pytest.mark.slow
@pytest.mark.long
def test_an_answer_of_5_MB(project: Project) -> None:
    long = "the " * (5 << 18)
    project.write("rows.jsonl", lines([*CHATS[:2], chat("q", long), *CHATS[2:]]))
    with pytest.raises(JobError, match=r"1 row is longer .* the first is rows\.jsonl:3 \(\d{7} tokens"):
        project.run(source("rows.jsonl"))
    dropped = project.run(source("rows.jsonl"), overlong="drop")
    assert len(dropped.rows()) == 6
    assert dropped.json("stats.json")["sources"][0]["dropped"] == 1
    assert answers(project.run(source("rows.jsonl"), overlong="truncate"))[-1] == 256
    packed = project.run(source("rows.jsonl"), packing="wrapped", length=1 << 20)
    assert packed.json("stats.json")["tokens"] > 5 << 18


@pytest.mark.parametrize("text", ['[{"messages": []}, {"messages": []}]\n', '[\n  {"messages": []}\n]\n'])
def test_an_array_is_told_where_it_belongs(text: str, project: Project) -> None:
    project.write("chats.jsonl", text.encode())
    with pytest.raises(JobError, match=r"chats.jsonl:1: expected a JSON object.*whose name ends in \.json"):
        project.run(source("chats.jsonl"))


def test_all_that_are_left_out_are_listed(project: Project) -> None:
    project.write("chats.jsonl", [*CHATS, *({"messages": n} for n in range(9))])
    dataset = project.run(source("chats.jsonl", bad_rows=0.7))
    listed = (dataset.out / "dropped.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["row"] for line in listed] == [f"chats.jsonl:{n}" for n in range(7, 16)]
    assert len(dataset.json("stats.json")["sources"][0]["bad_shown"]) == 5
