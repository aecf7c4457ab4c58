"""Prompts that a model cannot be asked: told with their place, or left out and listed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from paired import MANIFEST, rows, write

from smolc.runtime.data.template import ChatTemplate
from smolc.runtime.generate.fit import fitting
from smolc.runtime.generate.prompts import prompts_of
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.generate import Prompts

ALL = {"type": "all", "at_most_tokens": None, "at_most_rows": None}
REFUSES = "{% for m in messages %}{{ raise_exception('no roles here') if m.content == 'b' else m.content }}{% endfor %}"


class Model:
    """A token a letter; five leave no room."""

    def __init__(self, template: str | None = None) -> None:
        self.template = ChatTemplate("t.jinja", template, {}) if template else None

    def tok_encode(self, text: str) -> list[str]:
        return list(text)

    def unfit(self, ids: list[str]) -> str | None:
        return f"of {len(ids)} tokens is too long" if len(ids) > 4 else None


def asked(folder: Path, questions: str, model: Model, bad_rows: float = 0.0) -> list[str]:
    """What each is asked. Questions of two datasets, in turn."""
    context = Context(folder, MANIFEST, Job())  # type: ignore[arg-type]
    sources = []
    for number, name in enumerate(("one", "two")):
        write(folder, name, [{"question": q, "answer": "x"} for q in questions.split()[number::2]])
        sources.append(Prompts.model_validate(rows(name, weight=ALL, bad_rows=bad_rows)))
    found = prompts_of(context, sources, None, 1)
    kept, texts = fitting(context, found, sources, model)  # type: ignore[arg-type]
    assert [prompt.messages[-1]["content"] for prompt in kept] == texts
    return texts


class Job:
    id = "answers"


def listed(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "out" / "answers" / "dropped.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_all_of_them_fit(tmp_path: Path) -> None:
    assert asked(tmp_path, "a b c", Model()) == ["a", "c", "b"] and listed(tmp_path) == []


def test_they_are_told_with_their_place(tmp_path: Path) -> None:
    with pytest.raises(JobError) as caught:
        asked(tmp_path, "a b c dddddd e ffffff", Model())
    assert caught.value.message.splitlines() == [
        "two: 2 bad rows",
        "  two.jsonl:2: its prompt of 6 tokens is too long",
        "  two.jsonl:3: its prompt of 6 tokens is too long",
    ]
    assert "bad_rows = drop(at_most = 1%)" in str(caught.value.help) and "where" not in str(caught.value.help)
    assert [(line["from"], line["place"], line["said"]) for line in listed(tmp_path)] == [
        (["two"], "two.jsonl:2", "dddddd"),
        (["two"], "two.jsonl:3", "ffffff"),
    ]


def test_so_many_of_a_dataset_may_be_left_out(tmp_path: Path) -> None:
    said = "a b c dddddd"
    assert asked(tmp_path, said, Model(), bad_rows=0.5) == ["a", "c", "b"]
    assert [line["place"] for line in listed(tmp_path)] == ["two.jsonl:2"]
    with pytest.raises(JobError, match="two: 1 bad row"):
        asked(tmp_path, said, Model(), bad_rows=0.49)


def test_the_template_refuses_one(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"two.jsonl:1: its prompt is not rendered: .*no roles here"):
        asked(tmp_path, "a b c", Model(REFUSES))
    assert asked(tmp_path, "a b c", Model(REFUSES), bad_rows=1.0) == ["a", "c"]


def test_none_is_left(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="none of the prompts can be answered"):
        asked(tmp_path, "aaaaaa bbbbbb", Model(), bad_rows=1.0)


def test_rows_that_cannot_be_read_are_listed_all(tmp_path: Path) -> None:
    context = Context(tmp_path, MANIFEST, Job())  # type: ignore[arg-type]
    write(
        tmp_path,
        "one",
        [{"question": "a", "answer": "x"}, *({"question": n, "answer": "x"} for n in range(8))],
    )
    source = Prompts.model_validate(rows("one", weight=ALL, bad_rows=0.9))
    fitting(context, prompts_of(context, [source], None, 1), [source], Model())  # type: ignore[arg-type]
    said = listed(tmp_path)
    assert [line["place"].split(":")[1] for line in said] == [str(n) for n in range(2, 10)]
    assert {line["why"] for line in said} == {"a row that cannot be read"}
