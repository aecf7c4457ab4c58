"""Tokens on disk: when they are used again, when not, and that they do not depend on who made them."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_project import CHAT, Dataset, Project, byte_tokenizer, chat, source
from job_process import chunks, many_chats, results

from smolc.runtime.data import sources
from smolc.runtime.data.sources import files
from smolc.runtime.jobs.errors import JobError

PACKED: dict[str, Any] = {"packing": "best_fit", "holdout": {"fraction": None, "rows": 6}}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SIZE", 10_000)
    for module in (sources.chunks, sources.tables):
        monkeypatch.setattr(module, "SIZE", 10_000)
    monkeypatch.setenv("SMOLC_WORKERS", "1")


@pytest.fixture
def ready(project: Project) -> Project:
    project.write("chats.jsonl", many_chats(300))
    return project


def prepare(project: Project, **fields: Any) -> Dataset:
    return project.run(source("chats.jsonl"), **{**PACKED, **fields})


def folder_of(project: Project) -> Path:
    (folder,) = {project.build / "out" / ".tokens" / name.split("/")[0] for name in chunks(project)}
    return folder


def test_beside_a_thread_no_process_is_forked(ready: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOLC_WORKERS", "2")
    expected = results(prepare(ready).out)
    for path in folder_of(ready).iterdir():
        path.unlink()
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    monkeypatch.setattr(os, "fork", None)
    try:
        assert results(prepare(ready).out) == expected
    finally:
        over.set()
        thread.join()


def test_the_number_of_workers_changes_nothing(ready: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even of what is dropped, though not every row is checked for everything."""
    text = (CHAT / "chatml.jinja").read_text(encoding="utf-8")
    # The prompt of some rows is not how the conversation begins.
    text += "{% if add_generation_prompt and 'weather' in messages[-1].content %} {% endif %}"
    template = ready.template("own.jinja", text)
    ready.write("chats.jsonl", [*many_chats(400), {"messages": []}])
    made = []
    for workers in ("1", "2", "3"):
        monkeypatch.setenv("SMOLC_WORKERS", workers)
        dataset = ready.run(source("chats.jsonl", bad_rows=0.5), template=template, **PACKED)
        tokens = {path.name: path.read_bytes() for path in folder_of(ready).glob("*.arrow")}
        made.append((results(dataset.out), tokens))
        for path in folder_of(ready).iterdir():
            path.unlink()
    assert len(made[0][1]) > 5
    assert made[0] == made[1] == made[2]
    (stats,) = dataset.json("stats.json")["sources"]
    assert stats["rows_read"] == 401
    assert stats["rows_bad"] > 10


SAME: list[dict[str, Any]] = [
    {"length": 300},
    {"length": {"quantile": 0.5, "at_most": 4096}, "overlong": "drop"},
    {"packing": "none"},
    {"packing": "wrapped"},
    {"holdout": None},
    {"seed": 8},
    {"basis": "examples"},
    {"budget_tokens": 5000},
    {"dedup": {"type": "exact", "threshold": None}},
]


def test_what_comes_after_tokens_makes_none(ready: Project) -> None:
    prepare(ready)
    tokens = chunks(ready)
    assert len(tokens) > 5
    for fields in SAME:
        prepare(ready, **fields)
        assert chunks(ready) == tokens, fields
    for weight in (
        {"type": "share", "share": 1.0, "at_most_epochs": 2.0},
        {"type": "all", "at_most_rows": 20},
        {"type": "take", "fraction": None, "rows": None, "tokens": 2000},
    ):
        ready.run(source("chats.jsonl", weight=weight), **PACKED)
        assert chunks(ready) == tokens, weight


def other_template(project: Project) -> Dataset:
    text = (CHAT / "chatml.jinja").read_text(encoding="utf-8")
    return prepare(project, template=project.template("other.jinja", text + "{# other #}"))


def other_tokenizer(project: Project) -> Dataset:
    model = project.build / "out" / "base" / "model"
    byte_tokenizer(newlines=True).save_pretrained(model)
    return prepare(project)


def other_rows(project: Project) -> Dataset:
    project.write("chats.jsonl", [*many_chats(300), chat("one", "more")])
    return prepare(project)


OTHER: dict[str, Callable[[Project], Dataset]] = {
    "template": other_template,
    "tokenizer": other_tokenizer,
    "rows": other_rows,
    "mask": lambda project: prepare(project, loss_on="all"),
    "system": lambda project: project.run(source("chats.jsonl", system="Be kind."), **PACKED),
    "bad rows": lambda project: project.run(source("chats.jsonl", bad_rows=0.1), **PACKED),
    "take": lambda project: project.run(
        source("chats.jsonl", weight={"type": "take", "fraction": 0.5, "rows": None}), **PACKED
    ),
}


@pytest.mark.parametrize("what", OTHER)
def test_what_shapes_tokens_makes_others_and_old_ones_go(ready: Project, what: str) -> None:
    prepare(ready)
    before = chunks(ready)
    OTHER[what](ready)
    assert not before.keys() & chunks(ready).keys()
    shelf = ready.build / "out" / ".tokens"
    assert {path.name.removesuffix(".lock").lstrip(".") for path in shelf.iterdir()} == {
        folder_of(ready).name
    }


def test_tokens_of_other_stages_stay(ready: Project) -> None:
    prepare(ready)
    first = chunks(ready)
    ready.write("more.jsonl", many_chats(20))
    more = ready.job([source("more.jsonl")]).model_copy(update={"id": "more"})
    from smolc.runtime.data.prepare import run

    run(ready.context(more))
    both = chunks(ready)
    assert first.items() < both.items()
    prepare(ready, loss_on="all")
    assert not first.keys() & chunks(ready).keys()
    assert both.keys() - first.keys() < chunks(ready).keys()


def test_nothing_of_an_earlier_tokenizer_stays(project: Project) -> None:
    project.write("chats.jsonl", [chat("q", "a")])
    assert project.run(source("chats.jsonl")).tokenizer.chat_template
    project.write("texts.jsonl", [{"text": "one"}])
    texts = source("texts.jsonl", format={"type": "text", "column": "text"})
    assert not project.run(texts, method="cpt", loss_on="all", template=None).tokenizer.chat_template


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def text(content: str) -> Callable[[Path], None]:
    return lambda path: (path.with_name("done.json").write_text(content, encoding="utf-8"), None)[1]


DAMAGE: dict[str, Callable[[Path], None]] = {
    "cut": cut,
    "empty": empty,
    "zeros": zeros,
    "gone": Path.unlink,
    "no JSON": text("{"),
    "other JSON": text("[1]"),
    "no text": lambda path: (path.with_name("done.json").write_bytes(b"\xff\xfe"), None)[1],
    "more chunks than there are": text('{"chunks": 1000, "rows": 300}'),
    "fewer": text('{"chunks": 2, "rows": 300}'),
    "nested": text("[" * 100_000),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_tokens_are_made_again(ready: Project, how: str, capsys: pytest.CaptureFixture[str]) -> None:
    expected, before = results(prepare(ready).out), chunks(ready)
    tokens = {path: path.read_bytes() for path in folder_of(ready).iterdir()}
    hurt = folder_of(ready) / "000001.arrow"
    DAMAGE[how](hurt)
    (hurt.parent / "inputs.json").write_text("garbage", encoding="utf-8")
    assert results(prepare(ready).out) == expected
    assert "prepared tokens are damaged" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in folder_of(ready).iterdir()} == tokens
    changed = {name for name, about in chunks(ready).items() if before[name] != about}
    assert changed <= {f"{hurt.parent.name}/{hurt.name}"}


def test_a_flipped_bit_is_noticed_wherever_it_is(ready: Project) -> None:
    expected = results(prepare(ready).out)
    paths = sorted(folder_of(ready).glob("*.arrow"))
    draw = random.Random(3)
    for _ in range(40):
        path = draw.choice(paths)
        content = path.read_bytes()
        at = draw.randrange(len(content))
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :])
        assert results(prepare(ready).out) == expected
        assert path.read_bytes() == content, at


def test_what_jobs_said_of_their_tokens_may_be_damaged(ready: Project) -> None:
    expected = results(prepare(ready).out)
    tokens = chunks(ready)
    for garbage in ("{", "[]", '{"sources": {"chats": 1}}', '{"sources": [{"tokens": []}]}'):
        (ready.build / "out" / "data" / "inputs.json").write_text(garbage, encoding="utf-8")
        other = ready.build / "out" / "other" / "inputs.json"
        other.parent.mkdir(exist_ok=True)
        other.write_text(garbage, encoding="utf-8")
        assert results(prepare(ready).out) == expected
        assert chunks(ready) == tokens


def stream(project: Project, taken: int | None) -> Dataset:
    place = {"type": "hub", "id": str(project.root / "set"), "config": None, "split": "train"}
    weight = {"type": "take", "rows": taken, "fraction": None if taken else 0.5}
    location = {**place, "revision": None, "streaming": True}
    return project.run(source(location=location, weight=weight))


@pytest.fixture
def hub(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A data set of 400 chats and then 200 bad rows."""
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(project.root / "cache"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    (project.root / "set").mkdir()
    project.write("set/train.jsonl", [*many_chats(400), *[{"messages": []}] * 200])
    return project


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=[pytest.mark.slow, pytest.mark.long])])
def test_a_stream_is_read_no_further_than_it_is_taken(
    hub: Project, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setenv("SMOLC_WORKERS", workers)
    taken = stream(hub, 70)
    (stats,) = taken.json("stats.json")["sources"]
    assert stats["rows"] == 70
    assert (
        70 <= stats["rows_read"] < 400
    )  # what workers were given before it was known to be enough is read, too
    hub.write("first.jsonl", many_chats(400)[:70])
    assert taken.rows() == hub.run(source("first.jsonl")).rows()
    for rows in (None, 500):
        with pytest.raises(JobError, match="chats: 200 bad rows"):
            stream(hub, rows)
    hub.write("set/train.jsonl", many_chats(400))
    with pytest.raises(JobError, match="take asks for 500 rows, but there are 400"):
        stream(hub, 500)


def test_a_stream_that_was_stopped_goes_on_and_no_further(hub: Project) -> None:
    expected, tokens = results(stream(hub, 70).out), chunks(hub)
    assert len(tokens) > 1
    last = max(tokens)
    for gone in (last, None):
        (folder_of(hub) / "done.json").unlink()
        if gone:
            (hub.build / "out" / ".tokens" / gone).unlink()
        assert results(stream(hub, 70).out) == expected
        assert chunks(hub).keys() == tokens.keys()
