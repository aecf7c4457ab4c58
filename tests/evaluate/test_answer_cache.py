"""Answers are generated once: kept by what they depend on, through kills, damage and writers at the same time."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from evaluated import save_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from smolc.runtime.evaluate.engines.base import Done, Sampling, Wanted
from smolc.runtime.evaluate.engines.cache import AnswerCache
from smolc.runtime.evaluate.engines.fingerprint import fingerprint, folder_sha256
from smolc.runtime.evaluate.engines.transformers import TransformersEngine
from smolc.runtime.evaluate.generate import ChatModel, Decoding
from smolc.runtime.jobs.context import ModelAt

GREEDY, DRAWN = Sampling(0.0, 1.0, (2,)), Sampling(0.7, 0.9, (2,))
WANT = Wanted((1, 2, 3), 8, 11, ("\n",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for job, seed in (("one", 1), ("two", 2)):
        (folder / "out" / job).mkdir(parents=True)
        save_model(folder, job, seed, sharpness=6.0)
    return folder


class Counted(TransformersEngine):
    asked = 0

    def generate(self, wanted: Any, sampling: Sampling, done: Done) -> None:
        self.asked += len(wanted)
        super().generate(wanted, sampling, done)


class Request:
    def __init__(self, prompt: str, *until: str) -> None:
        self.args = (prompt, {"until": list(until)})


def model_at(folder: Path, job: str, answers: Path) -> ChatModel:
    at = ModelAt(str(folder / "out" / job / "model"))
    model = AutoModelForCausalLM.from_pretrained(at.source)
    tokenizer = AutoTokenizer.from_pretrained(at.source)
    engine = Counted(model, tokenizer, 4)
    cache = AnswerCache(answers, fingerprint(at, model, answers), engine.name)
    return ChatModel(model, tokenizer, None, 4, engine, cache)


def ask(lm: ChatModel, prompts: list[str], *until: str, **changes: Any) -> tuple[list[str], int, int]:
    """Answers, how many were generated, and how many came from the cache."""
    how = {"temperature": 0.0, "top_p": 1.0, "max_new": 10, "end_ids": (258,), "end_text": None, **changes}
    lm.decoding = Decoding(thinking=None, seed=how.pop("seed", 1), tell=lambda _: None, **how)
    lm.cached, lm.engine.asked = 0, 0
    answers = [a.raw for a in lm.generate_until([Request(p, *until) for p in prompts])]
    return answers, lm.engine.asked, lm.cached


def test_the_same_job_again_generates_nothing(folder: Path, tmp_path: Path) -> None:
    prompts = ["one", "two", "three"]
    first, made, cached = ask(model_at(folder, "one", tmp_path), prompts)
    assert (made, cached) == (3, 0)
    assert ask(model_at(folder, "one", tmp_path), prompts) == (first, 0, 3)
    # One more question: only that one. Another model: all of them.
    assert ask(model_at(folder, "one", tmp_path), [*prompts, "four"])[1:] == (1, 3)
    assert ask(model_at(folder, "two", tmp_path), prompts)[1:] == (3, 0)


@pytest.mark.parametrize(
    ("until", "changes"),
    [
        ((), {"max_new": 11}),
        ((), {"end_ids": (258, 65)}),
        ((), {"end_text": "\n\n"}),
        (("stop",), {}),
        ((), {"temperature": 0.5}),
    ],
)
def test_another_way_to_decode_is_another_answer(
    folder: Path, tmp_path: Path, until: tuple[str, ...], changes: dict[str, Any]
) -> None:
    lm = model_at(folder, "one", tmp_path)
    ask(lm, ["one", "two"])
    assert ask(lm, ["one", "two"], *until, **changes)[1:] == (2, 0)
    assert ask(lm, ["one", "two"], *until, **changes)[1:] == (0, 2)


def test_greedy_answers_are_generated_once_and_drawn_ones_k_times(folder: Path, tmp_path: Path) -> None:
    lm = model_at(folder, "one", tmp_path)
    greedy, made, _ = ask(lm, ["one"] * 5)
    assert made == 1 and len(set(greedy)) == 1
    drawn, made, _ = ask(lm, ["one"] * 5, temperature=1.0)
    assert made == 5 and len(set(drawn)) == 5
    # Fewer or more samples, or other prompts beside them: the same draws.
    assert ask(lm, ["one"] * 3, temperature=1.0) == (drawn[:3], 0, 3)
    fresh = model_at(folder, "one", tmp_path / "fresh")
    assert ask(fresh, ["two", "one", "one", "two", "one"], temperature=1.0)[0][1:3] == drawn[:2]
    assert ask(fresh, ["one"] * 5, temperature=1.0, seed=2)[0] != drawn


def test_damaged_lines_are_no_answers(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path, "f", "e")
    cache.add([("a", [1, 2]), ("b", [3]), ("c", [4])])
    lines = cache.path.read_bytes().splitlines()
    changed = lines[1].replace(b"[3]", b"[5]")
    # A changed number, bytes that are no text, another kind of JSON, and a line that was cut off by a kill.
    cache.path.write_bytes(b"\n".join([lines[0], changed, b"\xff\xfe", b"[]", b"7", lines[2][:-9]]))
    again = AnswerCache(tmp_path, "f", "e")
    assert again.known == {"a": [1, 2]}
    again.add([("d", [6])])
    assert AnswerCache(tmp_path, "f", "e").known == {"a": [1, 2], "d": [6]}


def _write(folder: Path, name: str) -> None:
    cache = AnswerCache(folder, "f", "e")
    for i in range(50):
        cache.add([(f"{name}{i}", [i] * 500)])


def test_writers_at_the_same_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_write, args=(tmp_path, name)) for name in "abc"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert len(AnswerCache(tmp_path, "f", "e").known) == 150


def _write_for_ever(folder: Path, ready: Any) -> None:
    cache = AnswerCache(folder, "f", "e")
    for i in range(1_000_000):
        cache.add([(str(i), [i] * 2000)])
        if i == 20:
            ready.set()


def test_a_kill_loses_what_was_being_written_at_most(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=_write_for_ever, args=(tmp_path, ready))
    process.start()
    assert ready.wait(20)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    cache = AnswerCache(tmp_path, "f", "e")
    n = len(cache.known)
    assert n > 20 and set(cache.known) == {str(i) for i in range(n)}
    cache.add([("after", [1])])
    assert len(AnswerCache(tmp_path, "f", "e").known) == n + 1


def test_fingerprints(folder: Path, tmp_path: Path) -> None:
    one, two = (folder / "out" / job / "model" for job in ("one", "two"))
    found = folder_sha256(one, tmp_path)
    assert found != folder_sha256(two, tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(one, copy)
    assert folder_sha256(copy, tmp_path) == found
    # Not of the answer: the tokenizer. Of it: an adapter, the configuration.
    (copy / "tokenizer_config.json").write_text("{}")
    assert folder_sha256(copy, tmp_path) == found
    (copy / "adapter_config.json").write_text("{}")
    assert folder_sha256(copy, tmp_path) != found
    # Remembered by size and time of change: a hash is not made again, unless its line is damaged.
    memory = tmp_path / "weights.jsonl"
    lines = memory.read_text().splitlines()
    assert folder_sha256(one, tmp_path) == found and memory.read_text().splitlines() == lines
    memory.write_text(memory.read_text()[:40])
    assert folder_sha256(one, tmp_path) == found


def test_a_hub_model_is_its_commit(folder: Path, tmp_path: Path) -> None:
    lm = model_at(folder, "one", tmp_path)
    lm.model.config._commit_hash = "abc"
    assert fingerprint(ModelAt("org/name", "main"), lm.model, tmp_path) == "hub:org/name@abc float32"
