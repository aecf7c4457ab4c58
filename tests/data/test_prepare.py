"""The whole job: what it writes."""

from __future__ import annotations

import json
from collections import Counter
from itertools import accumulate
from typing import Any

import pytest
from data_project import Dataset, Project, byte_tokenizer, chat, source

from smolc.runtime.jobs.errors import JobError

TEXT = {"type": "text", "column": "text"}
PAIRS = {"type": "preference", "prompt": "p", "chosen": "c", "rejected": "r"}


def chats(size: int, say: str = "answer") -> list[dict[str, Any]]:
    return [chat(f"question {i}", f"{say} {i} " + "x" * (i % 17)) for i in range(size)]


def documents(row: dict[str, Any]) -> list[tuple[list[int], list[int]]]:
    """The packed documents of a row: ids and labels."""
    ends = list(accumulate(row["seq_lengths"]))
    assert ends[-1] == len(row["input_ids"]) == len(row["labels"])
    cuts = [slice(end - length, end) for end, length in zip(ends, row["seq_lengths"], strict=True)]
    return [(row["input_ids"][cut], row["labels"][cut]) for cut in cuts]


def sequences(dataset: Dataset, part: str = "train") -> Counter[tuple[int, ...]]:
    return Counter(tuple(row["input_ids"]) for row in dataset.rows(part))


@pytest.mark.parametrize("packing", ["best_fit", "wrapped"])
def test_packed_rows_hold_the_same_tokens_and_train_across_no_border(project: Project, packing: str) -> None:
    project.write("chats.jsonl", chats(100))
    plain = project.run(source("chats.jsonl"), loss_on="all")
    tokens, unpacked = plain.json("result.json")["tokens"], sequences(plain)
    packed = project.run(source("chats.jsonl"), loss_on="all", packing=packing, length=200)
    rows = packed.rows()
    assert sum(len(r["input_ids"]) for r in rows) == tokens
    assert all(len(r["input_ids"]) <= 200 for r in rows)
    for row in rows:
        for ids, labels in documents(row):
            assert labels == [-100, *ids[1:]]
    if packing == "best_fit":
        packed_documents = Counter(tuple(ids) for row in rows for ids, _ in documents(row))
        assert packed_documents == unpacked
    result = packed.json("result.json")
    assert result["trained_tokens"] == sum(label != -100 for r in rows for label in r["labels"])
    assert result["bins"] == len(rows)
    assert result["fill"] == pytest.approx(result["tokens"] / (len(rows) * 200), abs=1e-4)


def test_the_counts_are_what_was_written(project: Project) -> None:
    project.write("chats.jsonl", chats(50))
    dataset = project.run(source("chats.jsonl"), packing="best_fit")
    stats, rows = dataset.json("stats.json"), dataset.rows()
    assert stats["tokens"] == sum(len(r["input_ids"]) for r in rows)
    assert stats["trained_tokens"] == sum(label != -100 for r in rows for label in r["labels"])
    assert stats["rows"] == stats["sources"][0]["rows"] == sum(len(r["seq_lengths"]) for r in rows) == 50
    assert sum(stats["lengths"]["counts"]) == 50
    assert len(stats["lengths"]["edges"]) == len(stats["lengths"]["counts"]) + 1
    assert stats["lengths"]["p100"] == max(n for r in rows for n in r["seq_lengths"])
    assert dataset.json("result.json").items() <= stats.items()


def test_datasets_loads_what_was_written(project: Project) -> None:
    import datasets

    project.write("chats.jsonl", chats(30))
    project.write("pairs.jsonl", [{"p": "q é", "c": "good", "r": f"bad {i}"} for i in range(9)])
    for dataset in (
        project.run(source("chats.jsonl"), packing="best_fit"),
        project.run(source("pairs.jsonl", format=PAIRS), method="dpo"),
    ):
        loaded = datasets.load_from_disk(str(dataset.out / "train"))
        assert loaded.to_list() == dataset.rows()
        assert loaded.select([2, 1]).to_list() == [dataset.rows()[2], dataset.rows()[1]]


def test_a_run_is_the_same_every_time_and_another_with_another_seed(project: Project) -> None:
    project.write("chats.jsonl", chats(60))
    fields: dict[str, Any] = {"packing": "best_fit", "holdout": {"fraction": None, "rows": 6}}

    def content(**more: Any) -> list[bytes]:
        out = project.run(source("chats.jsonl"), **fields, **more).out
        return [
            path.read_bytes()
            for path in sorted(out.rglob("*"))
            if path.is_file() and "progress" not in path.name
        ]

    first = content()
    assert content() == first
    assert content(seed=8) != first


def test_the_holdout_is_kept_apart(project: Project) -> None:
    project.write("chats.jsonl", chats(60) + chats(60))
    dataset = project.run(source("chats.jsonl"), holdout={"fraction": 0.1, "rows": None})
    train, validation = sequences(dataset), sequences(dataset, "validation")
    assert sum(validation.values()) == 12
    assert sum(train.values()) == 108
    assert not train.keys() & validation.keys()
    assert dataset.json("stats.json")["sources"][0]["holdout_rows"] == 12


def test_an_earlier_validation_part_does_not_stay(project: Project) -> None:
    project.write("chats.jsonl", chats(20))
    dataset = project.run(source("chats.jsonl"), holdout={"fraction": 0.1, "rows": None})
    assert (dataset.out / "validation").exists()
    project.run(source("chats.jsonl"))
    assert not (dataset.out / "validation").exists()


def test_conditions_take_and_shares(project: Project) -> None:
    project.write("a.jsonl", [{**row, "n": {"i": i}} for i, row in enumerate(chats(200, "a"))])
    project.write("b.jsonl", chats(200, "b"))
    where = {"column": "n.i", "operator": ">=", "value": 100}
    half = {"type": "take", "fraction": 0.5, "rows": None}
    part = {"type": "share", "share": 0.3, "at_most_epochs": 1.0}
    dataset = project.run(
        source("a.jsonl", name="a", where=where, weight=half), source("b.jsonl", name="b", weight=part)
    )
    a, b = dataset.json("stats.json")["sources"]
    assert (a["rows_read"], a["rows_filtered"], a["rows"]) == (200, 100, 50)
    assert b["declared_share"] == 0.3
    assert abs(b["realised_share"] - 0.3) < 0.02
    assert a["tokens"] + b["tokens"] == dataset.json("result.json")["tokens"]
    missing = {"column": "m", "operator": "==", "value": 1}
    with pytest.raises(JobError, match=r"a\.jsonl:1: expected a column 'm'"):
        project.run(source("a.jsonl", name="a", where=missing))
    nothing = {"column": "n.i", "operator": "<", "value": 0}
    with pytest.raises(JobError, match="a: no rows: `where` dropped all 200"):
        project.run(source("a.jsonl", name="a", where=nothing))
    many = {"type": "take", "fraction": None, "rows": 300}
    with pytest.raises(JobError, match="take asks for 300 rows, but there are 200"):
        project.run(source("b.jsonl", weight=many))


def test_overlong_rows(project: Project) -> None:
    project.write("chats.jsonl", [*chats(5), chat("a", "b", "c", "d" * 300), chat("a" * 300, "b")])
    with pytest.raises(JobError, match="chats: 2 rows are longer than 100 tokens; the first is chats"):
        project.run(source("chats.jsonl"), length=100)
    dropped = project.run(source("chats.jsonl"), length=100, overlong="drop")
    assert len(dropped.rows()) == 5
    assert dropped.json("stats.json")["sources"][0]["dropped"] == 2
    cut = project.run(source("chats.jsonl"), length=100, overlong="truncate")
    counts = cut.json("stats.json")["sources"][0]
    # The first is cut after its first answer, the second has nothing trained within 100 tokens.
    assert (counts["overlong"], counts["cut_at_turn"], counts["untrained"]) == (2, 1, 1)
    assert len(cut.rows()) == 6
    assert all(len(row["input_ids"]) <= 100 for row in cut.rows())
    with pytest.raises(JobError, match="of 7 rows, none is within 3 tokens"):
        project.run(source("chats.jsonl"), length=3, overlong="drop")
    with pytest.raises(JobError, match="of 7 rows, none has a trained token left once it is cut at 3 tokens"):
        project.run(source("chats.jsonl"), length=3, overlong="truncate")


def test_a_turn_that_has_to_be_cut_is_counted(project: Project) -> None:
    project.write("chats.jsonl", [chat("a", "b" * 300)])
    dataset = project.run(source("chats.jsonl"), length=100, overlong="truncate")
    assert len(dataset.rows()[0]["input_ids"]) == 100
    assert dataset.json("stats.json")["sources"][0]["cut_within_turn"] == 1


def test_text_is_trained_whole_and_ends_with_the_end_of_text(project: Project) -> None:
    project.write("texts.jsonl", [{"text": "one"}, {"text": "two words"}])
    dataset = project.run(source("texts.jsonl", format=TEXT), method="cpt", loss_on="all", template=None)
    decoded = sorted(project.tokenizer.decode(row["input_ids"]) for row in dataset.rows())
    assert decoded == ["one<|endoftext|>", "two words<|endoftext|>"]
    assert all(row["labels"][1:] == row["input_ids"][1:] for row in dataset.rows())


def test_the_saved_tokenizer_is_the_one_that_was_trained(project: Project) -> None:
    project.write("chats.jsonl", chats(3))
    tokenizer = project.run(source("chats.jsonl")).tokenizer
    assert tokenizer.chat_template == (project.build / "templates" / "chatml.jinja").read_text(
        encoding="utf-8"
    )
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.pad_token == "<|reserved_0|>"
    # Saved, it is a template of its own: a stage without a template uses it.
    tokenizer.save_pretrained(project.build / "out" / "base" / "model")
    assert len(project.run(source("chats.jsonl"), template=None).rows()) == 3


def test_no_spare_token_for_padding_is_said(project: Project) -> None:
    byte_tokenizer(("<|im_end|>", "<|im_start|>")).save_pretrained(project.build / "out" / "base" / "model")
    project.write("chats.jsonl", chats(3))
    dataset = project.run(source("chats.jsonl"))
    assert dataset.tokenizer.pad_token == "<|im_end|>"
    assert any("still trained" in note for note in dataset.json("stats.json")["notes"])
    assert all(row["labels"][-2] == dataset.tokenizer.pad_token_id for row in dataset.rows())


def test_preview_shows_the_tokens_and_what_is_trained(project: Project) -> None:
    project.write("chats.jsonl", [chat("a", "日本 😀")])
    (row,) = project.run(source("chats.jsonl")).json("preview.json")
    assert row["source"] == "chats"
    assert row["where"] == "chats.jsonl:1"
    assert "".join(text for text, trained in row["tokens"] if trained) == "日本 😀<|im_end|>"
    assert row["tokens"][0] == ["<|im_start|>", False]


def test_pairs(project: Project) -> None:
    project.write("pairs.jsonl", [{"p": "q", "c": "good", "r": "bad"}])
    dataset = project.run(source("pairs.jsonl", format=PAIRS), method="dpo")
    (row,) = dataset.rows()
    decode = dataset.tokenizer.decode
    assert (
        decode(row["prompt_ids"]) == row["prompt"] == "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n"
    )
    assert decode(row["chosen_ids"]) == row["chosen"] == "good<|im_end|>"
    assert decode(row["rejected_ids"]) == row["rejected"] == "bad<|im_end|>"
    with pytest.raises(JobError, match="dpo cannot be packed"):
        project.run(source("pairs.jsonl", format=PAIRS), method="dpo", packing="best_fit")
    with pytest.raises(JobError, match="sft is trained on conversations"):
        project.run(source("pairs.jsonl", format=PAIRS))


def test_judged_answers_and_pairs_taken_apart(project: Project) -> None:
    judged = {"type": "unpaired", "prompt": "p", "completion": "c", "label": "l"}
    project.write("judged.jsonl", [{"p": "q", "c": "good", "l": True}, {"p": "q", "c": "bad", "l": False}])
    project.write("pairs.jsonl", [{"p": "q", "c": "good", "r": "bad"}])
    for spec in (source("judged.jsonl", format=judged), source("pairs.jsonl", format=PAIRS)):
        rows = project.run(spec, method="kto").rows()
        assert sorted((row["completion"], row["label"]) for row in rows) == [
            ("bad<|im_end|>", False),
            ("good<|im_end|>", True),
        ]


def test_progress_ends_at_the_number_of_rows(project: Project) -> None:
    project.write("chats.jsonl", chats(7))
    out = project.run(source("chats.jsonl")).out
    last = json.loads((out / "progress.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert (last["done"], last["total"]) == (7, 7)


def test_what_is_left_out_is_listed(project: Project) -> None:
    project.write("a.jsonl", [*chats(20, "a"), {"messages": []}])
    project.write("b.jsonl", [*chats(20, "b"), *chats(5, "a"), chat("what is six times seven", "forty-two")])
    project.write("test.jsonl", [chat("what is six times seven", "42")])
    asked = {
        "type": "own", "name": "sums", "location": {"type": "files", "paths": ["test.jsonl"]},
        "format": source("x")["format"], "where": None, "system": None, "subset": None, "strata": None, "avg": 1,
        "pass_at": [], "max_new": None, "extract": {"type": "whole", "marker": None},
    }  # fmt: skip
    dataset = project.run(
        source("a.jsonl", name="a", bad_rows=0.1),
        source("b.jsonl", name="b"),
        dedup={"type": "exact", "threshold": None},
        decontaminate={"ngram": 5, "action": "drop", "against": [asked]},
    )
    lines = [
        json.loads(line) for line in (dataset.out / "dropped.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [(line["source"], line["row"], line["why"]) for line in lines] == [
        ("a", "a.jsonl:21", "bad row"),
        ("b", "b.jsonl:26", "an eval has the same words"),
        *(("b", f"b.jsonl:{n}", "a duplicate") for n in range(21, 26)),
    ]
    assert [line["of"] for line in lines[2:]] == [f"a.jsonl:{n}" for n in range(1, 6)]
    assert (lines[1]["eval"], lines[1]["problem"]) == ("sums", "test.jsonl:1")
    assert any("dropped.jsonl (7 lines)" in note for note in dataset.json("stats.json")["notes"])
    project.run(
        source("a.jsonl", name="a", bad_rows=0.1, where={"measure": "turns", "operator": ">", "value": 0})
    )
    project.write("a.jsonl", chats(20, "a"))
    project.run(source("a.jsonl", name="a"))
    assert not (dataset.out / "dropped.jsonl").exists()


def test_columns_that_are_not_read_are_told_of(project: Project) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {}}}
    project.write("a.jsonl", [chat("a", "b", tools=[tool], chat_template_kwargs=None)])
    notes = project.run(source("a.jsonl", name="a")).json("stats.json")["notes"]
    assert "a: the column 'tools' is not read; messages(tools = \"tools\") gives it to the template" in notes
    assert not any("chat_template_kwargs" in note for note in notes)


def test_parts_of_split_rows_that_train_nothing_are_counted(project: Project) -> None:
    project.write("a.jsonl", [chat("x" * 300, "y" * 100)])
    dataset = project.run(source("a.jsonl"), length=64, overlong="split")
    (stats,) = dataset.json("stats.json")["sources"]
    assert (stats["split"], stats["untrained"]) == (1, 0)
    assert stats["untrained_pieces"] == 4
    assert stats["rows"] == len(dataset.rows()) == 3


def test_a_fitted_length_that_ends_in_an_error_is_told_before_anything_is_read(project: Project) -> None:
    with pytest.raises(JobError, match="leaves others out") as caught:
        project.run(source("missing.jsonl"), length={"quantile": 0.9, "at_most": 1024})
    assert "overlong = drop" in str(caught.value.help)
    project.write("a.jsonl", [chat("x" * n, "y") for n in range(1, 200)])
    whole = project.run(source("a.jsonl"), length={"quantile": 1.0, "at_most": 1024})
    assert whole.json("result.json")["length"] == 256
    most = project.run(source("a.jsonl"), length={"quantile": 0.5, "at_most": 1024}, overlong="drop")
    assert most.json("result.json")["length"] == 128
