"""Engines in other processes: several of them, and vLLM where there is one, say what one here says."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evaluated import compiled, own_task, save_model, subject
from transformers import AutoModelForCausalLM, AutoTokenizer

from smolc.runtime.evaluate.engines.base import Sampling, Wanted
from smolc.runtime.evaluate.engines.start import PYTHON, _gpu, start
from smolc.runtime.evaluate.engines.transformers import TransformersEngine
from smolc.runtime.jobs.context import ModelAt
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import EvaluateJob

END = 258
WANTED = [
    Wanted(tuple(f"{word} {i}".encode()), 8 + i, 100 + i, ("\n",) if i % 2 else ())
    for i, word in enumerate(["sun", "a river", "tea", "mountains"] * 3)
]
HAS_VLLM = bool(os.environ.get(PYTHON)) or importlib.util.find_spec("vllm") is not None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    (folder / "out" / "one").mkdir(parents=True)
    # Heads of 32: vLLM has kernels for no smaller ones.
    save_model(folder, "one", 1, hidden=128, sharpness=4.0)
    return folder


@pytest.mark.parametrize(
    ("seen", "second"), [("4, 5", "5"), ("GPU-a,GPU-b", "GPU-b"), ("", "1"), (None, "1")]
)
def test_a_worker_has_a_gpu_of_those_that_are_seen(
    seen: str | None, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if seen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    assert _gpu(1) == {"CUDA_VISIBLE_DEVICES": second}


@pytest.fixture
def engines(folder: Path) -> Iterator[Any]:
    """Makes engines of job settings, and closes them."""
    made = []

    def make(**changes: Any) -> Any:
        job: EvaluateJob = compiled(folder, [own_task()], [subject("one")], **changes).job  # type: ignore[assignment]
        at = ModelAt(str(folder / "out" / "one" / "model"))
        model, tokenizer = (
            AutoModelForCausalLM.from_pretrained(at.source),
            AutoTokenizer.from_pretrained(at.source),
        )
        made.append(start(job, at, model.eval(), tokenizer))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


def generated(engine: Any, sampling: Sampling, wanted: list[Wanted] = WANTED) -> list[list[int]]:
    found: dict[int, list[int]] = {}
    engine.generate(wanted, sampling, found.__setitem__)
    return [found[i] for i in range(len(wanted))]


def test_several_processes_say_what_one_says(engines: Any) -> None:
    one, several = engines(), engines(processes=3)
    assert isinstance(one, TransformersEngine)
    for sampling in (Sampling(0.0, 1.0, (END,)), Sampling(0.9, 0.9, (END,))):
        expected = generated(one, sampling)
        assert generated(several, sampling) == expected
        assert len(set(map(tuple, expected))) == len(WANTED)
    assert generated(several, Sampling(0.0, 1.0, (END,)), []) == []


@pytest.mark.slow
@pytest.mark.long
def test_a_process_that_ends_is_said(engines: Any, capsys: Any) -> None:
    several = engines(processes=2)
    greedy = Sampling(0.0, 1.0, (END,))
    generated(several, greedy)
    worker = several.engine.engines[1]
    os.kill(worker._process.pid, signal.SIGKILL)
    with pytest.raises(JobError, match="its process ended"):
        generated(several, greedy)


def test_a_model_that_cannot_be_loaded_is_said(folder: Path, engines: Any) -> None:
    several = engines(processes=2)
    several.engine.engines[1].load["source"] = str(folder / "nowhere")
    with pytest.raises(JobError, match="cannot be loaded"):
        generated(several, Sampling(0.0, 1.0, (END,)))


@pytest.mark.skipif(HAS_VLLM, reason="vLLM is there")
def test_vllm_is_asked_for_and_not_there(engines: Any) -> None:
    with pytest.raises(JobError, match="vLLM is not installed") as error:
        engines(engine="vllm")
    assert PYTHON in str(error.value.help)


def test_a_python_without_vllm_is_said(monkeypatch: Any, engines: Any) -> None:
    monkeypatch.setenv(PYTHON, "/nowhere/python")
    with pytest.raises(JobError, match="/nowhere/python: cannot be started"):
        generated(engines(engine="vllm"), Sampling(0.0, 1.0, (END,)))


@pytest.mark.slow
@pytest.mark.skipif(not HAS_VLLM, reason=f"needs vLLM, here or in the environment that {PYTHON} names")
def test_vllm_says_what_transformers_says(engines: Any) -> None:
    ours, vllm = engines(engine="transformers"), engines(engine="vllm")
    greedy = Sampling(0.0, 1.0, (END,))
    expected, found = generated(ours, greedy), generated(vllm, greedy)
    # Its kernels round differently.
    assert sum(a == b for a, b in zip(expected, found, strict=True)) >= len(WANTED) - 1
    # Drawn answers are other ones than ours, but the same again in another company.
    drawn = generated(vllm, Sampling(0.9, 0.9, (END,)))
    again = generated(vllm, Sampling(0.9, 0.9, (END,)), WANTED[::-1])[::-1]
    assert drawn == again != found
    assert vllm.version is not None and vllm.name == "vllm"
