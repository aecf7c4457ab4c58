"""What is said of preference rows that cannot be read or are too long."""

from __future__ import annotations

import pytest
from data_project import Project, source

from smolc.runtime.jobs.errors import JobError

WHOLE = {"type": "preference", "prompt": None, "chosen": "c", "rejected": "r"}
PAIRS = {"type": "preference", "prompt": "p", "chosen": "c", "rejected": "r"}


def test_conversations_in_a_text_are_no_messages(project: Project) -> None:
    project.write("rows.jsonl", [{"c": "\n\nHuman: q\n\nAssistant: a", "r": "\n\nHuman: q\n\nAssistant: b"}])
    with pytest.raises(JobError, match=r"rows.jsonl:1: expected a list of messages in 'c'.*; found text"):
        project.run(source("rows.jsonl", format=WHOLE), method="dpo")


def test_pairs_are_not_split(project: Project) -> None:
    project.write("rows.jsonl", [{"p": "q", "c": "long " * 300, "r": "b"}])
    with pytest.raises(JobError, match="1 row is longer") as caught:
        project.run(source("rows.jsonl", format=PAIRS), method="dpo")
    assert caught.value.help == "raise the length, or say overlong = drop or truncate"


def test_no_rows_are_left(project: Project) -> None:
    project.write("rows.jsonl", [{"p": "q", "c": "a", "r": "a"}, {"p": "keep", "c": "a", "r": "b"}])
    where = {"column": "p", "operator": "==", "value": "q"}
    with pytest.raises(
        JobError, match=r"no rows: all are dropped, 1 bad row, and 1 that `where` dropped\n .*differ"
    ):
        project.run(source("rows.jsonl", format=PAIRS, bad_rows=1.0, where=where), method="dpo")
