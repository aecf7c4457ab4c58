"""What is sampled is what preparation makes of the same rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from previewed import DOCUMENTS, JUDGED, MESSAGES, PAIRS, chat, compiled, rows, source, taken, trained_text

from smolc.runtime.data import prepare
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.manifest import read_job, read_manifest
from smolc.runtime.preview.rows import Piece, elided
from smolc.runtime.preview.sample import Looking
from smolc.runtime.train import start

CHATS = [
    chat("one", "1"),
    chat("two and 日本", "2 😀", "again", "22"),
    chat("three " * 20, "3 " * 40, "more", "33 " * 30),
]

LOST = "; {} of 6 trained tokens are lost"


def test_turns_places_and_what_is_trained(tmp_path: Path) -> None:
    rows(tmp_path, "chats", CHATS)
    stage = taken(compiled(tmp_path, [source("chats", system="Be brief.")]), 2)
    assert [row.place for row in stage.rows] == ["chats.jsonl:1", "chats.jsonl:2"]
    (sequence,) = stage.rows[1].sequences
    assert [turn.role for turn in sequence.turns] == ["system", "user", "assistant", "user", "assistant"]
    said = ["".join(piece.text for piece in turn.pieces) for turn in sequence.turns]
    assert said[1:3] == [
        "<|im_start|>user\ntwo and 日本<|im_end|>\n",
        "<|im_start|>assistant\n2 😀<|im_end|>\n",
    ]
    assert trained_text(stage) == [["1<|im_end|>"], ["2 😀<|im_end|>22<|im_end|>"]]
    assert stage.rows[0].trained == stage.rows[0].kept == 2
    assert not stage.wrong


@pytest.mark.parametrize("packing", ["none", "best_fit"])
@pytest.mark.parametrize(
    ("overlong", "length"), [("truncate", 190), ("split", 190), ("split", 64), ("drop", 190)]
)
@pytest.mark.parametrize("loss_on", ["assistant", "all", "completion"])
def test_as_prepared(tmp_path: Path, packing: str, overlong: str, length: int, loss_on: str) -> None:
    rows(tmp_path, "chats", CHATS)
    job = {"packing": packing, "overlong": overlong, "length": length, "loss_on": loss_on}
    build = compiled(tmp_path, [source("chats")], **job)
    stage = taken(build)
    assert not stage.wrong
    told = trained_text(stage)

    manifest = read_manifest(build)
    start.run(Context(build, manifest, read_job(build, "base")))
    prepare.run(Context(build, manifest, read_job(build, "data")))
    with pa.OSFile(str(build / "out/data/train/data-00000-of-00001.arrow")) as file:
        prepared = pa.ipc.open_stream(file).read_all().to_pylist()
    tokenizer = start.only_tokenizer(
        Context(build, manifest, read_job(build, "base")), read_job(build, "base")
    )
    documents = []
    for row in prepared:
        at = 0
        for size in row.get("seq_lengths") or [len(row["labels"])]:
            labels = row["labels"][at : at + size]
            documents.append(tokenizer.decode([label for label in labels if label >= 0]))
            at += size
    assert sorted(text for parts in told for text in parts) == sorted(documents)
    trained = sum(row.kept for row in stage.rows)
    assert trained == json.loads((build / "out/data/stats.json").read_text())["trained_tokens"]
    assert sum(len(bin.documents) for bin in stage.bins) == (len(documents) if packing != "none" else 0)


@pytest.mark.parametrize(
    ("overlong", "length", "fate", "said"),
    [
        ("error", 30, "stops", "22 tokens too long for 30: preparation stops here (overlong = error)"),
        ("drop", 30, "left out", "22 tokens too long for 30: left out (overlong = drop)"),
        ("truncate", 30, "cut", "22 tokens too long for 30: cut at 25, where a turn ends" + LOST.format(3)),
        ("truncate", 24, "cut", "28 tokens too long for 24: cut at 24, within a turn, whose end is lost" + LOST.format(4)),
        ("truncate", 9, "left out", "43 tokens too long for 9: left out (nothing that is trained would be left)"),
        ("split", 30, "split", "22 tokens too long for 30: split into 2 rows of 25, 27 tokens"),
        ("split", 52, "fits", "fits into 52"),
    ],
)  # fmt: skip
def test_what_length_does(tmp_path: Path, overlong: str, length: int, fate: str, said: str) -> None:
    rows(tmp_path, "chats", [chat("abc", "ab", "abc", "ab")])
    stage = taken(compiled(tmp_path, [source("chats")], overlong=overlong, length=length))
    (row,) = stage.rows
    assert (row.tokens, row.fate, row.said) == (52, fate, said)
    assert [error.message for error in stage.wrong] == (
        [f"chats: chats.jsonl:1 is {said}"] if fate == "stops" else []
    )


def test_pairs(tmp_path: Path) -> None:
    rows(tmp_path, "pairs", [{"prompt": "q", "chosen": "good", "rejected": "a bad one"}])
    job = {"method": "dpo", "loss_on": "completion", "length": 28, "overlong": "truncate"}
    (row,) = taken(compiled(tmp_path, [source("pairs", PAIRS)], **job)).rows
    assert [sequence.name for sequence in row.sequences] == ["prompt", "chosen", "rejected"]
    assert [turn.role for turn in row.sequences[0].turns] == ["user", "assistant begins"]
    assert [(s.tokens, s.trained) for s in row.sequences] == [(20, 0), (5, 5), (10, 8)]
    cut = "".join(p.text for p in row.sequences[2].turns[0].pieces if p.part is None)
    assert cut == "e<|im_end|>"
    assert row.fate == "cut"


def test_judged_answers_and_documents(tmp_path: Path) -> None:
    rows(tmp_path, "judged", [{"prompt": "q", "completion": "a", "label": False}])
    (row,) = taken(compiled(tmp_path, [source("judged", JUDGED)], method="kto", loss_on="completion")).rows
    assert [sequence.name for sequence in row.sequences] == ["prompt", "completion, a bad one"]
    rows(tmp_path, "docs", [{"text": "a document"}])
    job = {"method": "cpt", "loss_on": "all", "template": None}
    stage = taken(compiled(tmp_path, [source("docs", DOCUMENTS)], **job))
    assert [turn.role for turn in stage.rows[0].sequences[0].turns] == ["document"]
    assert trained_text(stage) == [[" document<|im_end|>"]]


def test_only_the_first_rows_are_read(tmp_path: Path) -> None:
    rows(tmp_path, "chats", [*CHATS, "not JSON"])
    build = compiled(tmp_path, [source("chats")])
    assert not taken(build, 3).wrong
    (error,) = taken(build, 4).wrong
    assert "chats.jsonl:4" in error.message
    assert not (build / "out").exists()
    looking = Looking(build, read_manifest(build), read_job(build, "data"))
    looking.user_file("chats.jsonl")
    assert (
        looking.inputs["chats.jsonl"]["sha256"] == ""
    )  # of a large file, hashing would take longer than all the rest


@pytest.mark.parametrize("bad_rows", [0.0, 0.5])
def test_bad_rows_are_told_of_and_the_others_shown(tmp_path: Path, bad_rows: float) -> None:
    rows(tmp_path, "chats", [CHATS[0], {"messages": []}, CHATS[1]])
    stage = taken(compiled(tmp_path, [source("chats", bad_rows=bad_rows)]), 2)
    assert [row.place for row in stage.rows] == ["chats.jsonl:1", "chats.jsonl:3"]
    assert [bad.partition(": ")[0] for bad in stage.sources[0].bad] == ["chats.jsonl:2"]
    assert len(stage.wrong) == (0 if bad_rows else 1)


def test_filters(tmp_path: Path) -> None:
    rows(tmp_path, "chats", CHATS)
    where: dict[str, Any] = {"measure": "turns", "operator": ">", "value": 2}
    stage = taken(compiled(tmp_path, [source("chats", where=where)]), 1)
    assert [row.place for row in stage.rows] == ["chats.jsonl:2"]
    assert (stage.sources[0].read, stage.sources[0].filtered) == (2, 1)


def test_one_source_of_several(tmp_path: Path) -> None:
    for name in ("chats", "more"):
        rows(tmp_path, name, CHATS)
    build = compiled(tmp_path, [source("chats"), source("more")])
    assert [row.number for row in taken(build, 2).rows] == [1, 2, 3, 4]
    assert {row.source for row in taken(build, 2, only="more").rows} == {"more"}


@pytest.mark.parametrize(
    ("job", "more", "said"),
    [
        ({"loss_on": "last_turn", "template": None}, {}, "has no chat template"),
        ({"thinking": False}, {}, "thinking = false needs to know"),
        ({}, {"location": {"type": "files", "paths": ["none.jsonl"]}}, "none.jsonl: no such file"),
        ({"method": "dpo"}, {}, "dpo is trained on pairs"),
        ({}, {"format": {**MESSAGES, "column": "talk"}}, "talk"),
    ],
)
def test_what_is_wrong(tmp_path: Path, job: dict[str, Any], more: dict[str, Any], said: str) -> None:
    rows(tmp_path, "chats", CHATS)
    try:
        found = taken(compiled(tmp_path, [source("chats", **more)], **job)).wrong
    except JobError as error:
        found = [error]
    assert len(found) == 1
    assert said in found[0].message


def test_what_is_prepared_already_is_told(tmp_path: Path) -> None:
    rows(tmp_path, "chats", CHATS)
    build = compiled(tmp_path, [source("chats")], length={"quantile": 0.99, "at_most": 1024})
    assert taken(build, earlier=build).stats is None
    assert taken(build).length == 1024
    out = build / "out" / "data"
    out.mkdir(parents=True)
    (out / "stats.json").write_text('{"length": 320}')
    for hash, length in (("another", 1024), ("hash of data", 320)):
        (out / "done.json").write_text(json.dumps({"hash": hash}))
        assert taken(build, earlier=build).length == length


def test_long_turns_are_shown_in_part() -> None:
    pieces = [Piece(str(n), 1, 1, False, None if n >= 100 else 0) for n in range(110)]
    short = elided(pieces, 30)
    assert [p.text for p in short[:20]] == [str(n) for n in range(20)]
    assert short[20] == Piece("", 70, 70, False, 0, True)
    assert [p.text for p in short[21:]] == [str(n) for n in range(90, 110)]


def test_special_tokens_that_are_none_are_told(tmp_path: Path) -> None:
    rows(tmp_path, "chats", [chat("question", "answer")])
    build = compiled(tmp_path, [source("chats")])
    assert not any("special" in note for note in taken(build).notes)
    path = build / "templates" / "chat.jinja"
    path.write_text(path.read_text(encoding="utf-8").replace("<|im_start|>", "<|turn|>"), encoding="utf-8")
    assert any("spells them out: <|turn|> (8 tokens)" in note for note in taken(build).notes)
