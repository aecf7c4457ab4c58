"""Answers to prompts: whose, which prompts, how often, and after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from paired import MANIFEST, rows, write

from smolc.runtime.generate.prompts import prompts_of
from smolc.runtime.generate.run import run
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.generate import GenerateJob, Prompts

ALL = {"type": "all", "at_most_tokens": None, "at_most_rows": None}
MESSAGES = {"type": "messages", "column": "messages", "tools": "tools", "template_kwargs": None}


def prompts(name: str = "words", weight: dict[str, Any] = ALL, **more: Any) -> dict[str, Any]:
    return rows(name, weight=weight, **more)


def read(folder: Path, *sources: dict[str, Any], subset: int | None = None, seed: int = 1) -> list[str]:
    context = Context(folder, MANIFEST, _job())
    found = prompts_of(context, [Prompts.model_validate(s) for s in sources], subset, seed)
    return [prompt.messages[-1]["content"] for prompt in found.prompts]


def _job(**more: Any) -> GenerateJob:
    subject = {"name": "base", "job": "base", "template": None, "tokenizer": None}
    fields = {
        "id": "answers", "kind": "generate", "title": "t", "stage": "answers", "needs": [], "seed": 1, "device": "cpu",
        "subject": subject, "checkpoint": None, "prompts": [prompts()], "subset": None, "samples": 1,
        "decode": {"temperature": 0.0, "top_p": 1.0, "max_new": 8}, "thinking": None, "engine": "transformers",
        "batch": None, "processes": 1, "precision": "fp32", "trust_remote_code": False, **more,
    }  # fmt: skip
    return GenerateJob.model_validate(fields)


def test_each_prompt_once(tmp_path: Path) -> None:
    write(tmp_path, "words", [{"question": q, "answer": "x", "kept": q != "c"} for q in "abacd"])
    write(tmp_path, "more", [{"question": q, "answer": "x"} for q in "ae"])
    assert read(tmp_path, prompts(), prompts("more")) == ["a", "b", "c", "d", "e"]
    where = {"column": "kept", "operator": "==", "value": True}
    assert read(tmp_path, prompts(where=where)) == ["a", "b", "d"]


def test_a_subset_is_drawn_with_the_seed(tmp_path: Path) -> None:
    write(tmp_path, "words", [{"question": f"q{i}", "answer": "x"} for i in range(40)])
    first, again, other = (read(tmp_path, prompts(), subset=9, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 9 and first == sorted(first, key=lambda q: int(q[1:]))
    take = {"type": "take", "fraction": 0.25, "rows": None}
    assert len(read(tmp_path, prompts(weight=take))) == 10
    with pytest.raises(JobError, match="words: take asks for 41 rows, but there are 40"):
        read(tmp_path, prompts(weight={**take, "fraction": None, "rows": 41}))


def test_what_stands_before_the_last_answer_is_the_prompt(tmp_path: Path) -> None:
    said = [
        {"role": r, "content": c}
        for r, c in (("user", "1"), ("assistant", "2"), ("user", "3"), ("assistant", "4"))
    ]
    write(
        tmp_path,
        "words",
        [
            {"messages": said, "tools": None},
            {"messages": said[:1], "tools": []},
            {"messages": said, "tools": [{"name": "f"}]},
        ],
    )
    source = prompts(format=MESSAGES, bad_rows=0.4)
    context = Context(tmp_path, MANIFEST, _job())
    found = prompts_of(context, [Prompts.model_validate(source)], None, 1)
    assert [len(p.messages) for p in found.prompts] == [3, 1] and found.bad == 1
    with pytest.raises(
        JobError, match=r"words.jsonl:3: its prompt comes with tools, which preference rows have no"
    ):
        read(tmp_path, {**source, "bad_rows": 0.0})


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A random model, and the subject that it is."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "evaluate"))
    from evaluated import CHATML, TEMPLATE, save_model

    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "chatml.jinja").write_text(CHATML)
    save_model(tmp_path, "base", sharpness=8.0)
    return {"name": "base", "job": "base", "template": TEMPLATE, "tokenizer": None}


def answers(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "out" / "answers" / "answers.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def result(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "out" / "answers" / "result.json").read_text()))


@pytest.mark.slow
def test_answers_are_drawn_apart_and_kept(base: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path, "words", [{"question": q, "answer": "x"} for q in ("one", "two")])
    decode = {"temperature": 1.0, "top_p": 1.0, "max_new": 8}
    job = {"subject": base, "decode": decode}
    run(Context(tmp_path, MANIFEST, _job(**job)))
    first = answers(tmp_path)
    run(Context(tmp_path, MANIFEST, _job(**job, samples=3)))
    said = answers(tmp_path)
    # The first answer of each prompt was there before; the others have seeds of their own.
    assert [s for s in said if s["sample"] == 0] == first and result(tmp_path)["cached"] == 2
    assert len({s["answer"] for s in said}) == 6
    assert [(s["source"], s["place"], s["sample"]) for s in said[2:4]] == [
        ("words", "words.jsonl:1", 2),
        ("words", "words.jsonl:2", 0),
    ]
    counted = result(tmp_path)
    assert counted["answers"] == 6 and counted["unfinished"] == sum(not s["stopped"] for s in said)
    assert counted["tokens"]["total"] == sum(s["tokens"] for s in said)
    run(Context(tmp_path, MANIFEST, _job(**job, seed=2)))
    assert answers(tmp_path) != first and result(tmp_path)["cached"] == 0


@pytest.mark.slow
def test_a_prompt_without_room_for_an_answer(base: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path, "words", [{"question": q, "answer": "x"} for q in ("one", "long " * 60, "two")])
    with pytest.raises(
        JobError, match=r"words.jsonl:2: its prompt of \d+ tokens leaves no room .* context of 256"
    ):
        run(Context(tmp_path, MANIFEST, _job(subject=base)))
    assert not (tmp_path / "out" / "answers" / "answers.jsonl").exists()
    run(Context(tmp_path, MANIFEST, _job(subject=base, prompts=[prompts(bad_rows=0.4)])))
    assert [s["place"] for s in answers(tmp_path)] == ["words.jsonl:1", "words.jsonl:3"]
    counted = result(tmp_path)
    assert (counted["prompts"], counted["rows"], counted["unfit"], counted["bad_rows"]) == (2, 3, 1, 0)


@pytest.mark.slow
@pytest.mark.long
def test_goes_on_after_a_kill(base: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path, "words", [{"question": f"q{i}", "answer": "x"} for i in range(160)])
    decode = {"temperature": 1.0, "top_p": 1.0, "max_new": 60}
    job = _job(subject=base, decode=decode, batch=8)
    folder = tmp_path / "jobs" / "answers"
    folder.mkdir(parents=True)
    (folder / "job.yaml").write_text(yaml.safe_dump(job.model_dump(mode="json")))
    entry = {"id": "answers", "kind": "generate", "title": "t", "stage": "answers", "needs": (), "hash": "h"}
    manifest = MANIFEST.model_dump(mode="json") | {"jobs": [entry]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    command = [sys.executable, "-m", "smolc.runtime", "jobs/answers/job.yaml"]
    process = subprocess.Popen(command, cwd=tmp_path)
    kept = tmp_path / "out" / ".answers"
    deadline = time.monotonic() + 120
    while not any(path.name != "weights.jsonl" for path in kept.glob("*.jsonl")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "out" / "answers" / "answers.jsonl").exists()
    subprocess.run(command, cwd=tmp_path, check=True)
    said, counted = answers(tmp_path), result(tmp_path)
    assert counted["answers"] == 160 and counted["cached"] >= 64
    for path in kept.iterdir():
        path.unlink()
    run(Context(tmp_path, MANIFEST, job))
    assert answers(tmp_path) == said and result(tmp_path)["cached"] == 0
