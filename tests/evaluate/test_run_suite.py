"""lm-eval's own tasks: on data of the test, and what cannot be run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from evaluated import CHATML, compiled, save_model
from lm_eval.api.task import ConfigurableTask

from smolc.runtime.data.template import ChatTemplate
from smolc.runtime.evaluate.generate import ChatModel, Decoding
from smolc.runtime.evaluate.score import score_suite
from smolc.runtime.evaluate.suite import load_suite, metric_key
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import SuiteTask
from smolc.runtime.train.scratch import bytes_tokenizer


def suite(name: str, metric: str, **changes: Any) -> SuiteTask:
    fields = {
        "type": "suite",
        "name": name,
        "task": name,
        "metric": metric,
        "subset": None,
        "strata": None,
        "pass_at": (),
        "location": None,
        "avg": 1,
        "max_new": None,
    }
    return SuiteTask.model_validate({**fields, **changes})


def loaded(folder: Path, **config: Any) -> dict[str, Any]:
    """A task as lm-eval's files declare it, over five local rows."""
    rows = [{"q": f"{i}?", "a": str(i), "choices": ["x", "y"], "right": i % 2} for i in range(5)]
    data = folder / "rows.json"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = ConfigurableTask(
        config={
            "task": "digits", "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(data)}, "cache_dir": str(folder / "cache")},
            "test_split": "test", "doc_to_text": "{{q}}", "num_fewshot": 0, **config,
        }
    )  # fmt: skip
    return {"tasks": {"digits": task}, "groups": {}, "group_map": {}}


def generated(folder: Path) -> dict[str, Any]:
    regex = [{"function": "regex", "regex_pattern": "([0-9])"}, {"function": "take_first"}]
    return loaded(
        folder,
        output_type="generate_until",
        doc_to_target="{{a}}",
        generation_kwargs={"until": ["\n\n\n\n"], "max_gen_toks": 999, "do_sample": False},
        filter_list=[{"name": "first-digit", "filter": regex}],
        metric_list=[{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    )


def model(folder: Path, temperature: float = 1.0, thinking: tuple[str, str] | None = None) -> ChatModel:
    tokenizer = bytes_tokenizer(("<pad>", "<|im_start|>", "<|im_end|>"), 256)
    lm = ChatModel(save_model(folder, "base"), tokenizer, ChatTemplate("chatml", CHATML, {}), 4)
    lm.decoding = Decoding(temperature, 1.0, 40, (258,), None, thinking, 7, lambda done: None)
    return lm


def test_every_sample_counts_and_the_error_is_over_problems(tmp_path: Path) -> None:
    (row,), samples = score_suite(
        model(tmp_path), suite("digits", "exact_match", subset=3, avg=40), generated(tmp_path), 1
    )
    assert (row["metric"], row["n"], row["k"]) == ("exact_match,first-digit", 3, 40)
    chosen = list(dict.fromkeys(s["id"] for s in samples))
    assert [(s["id"], s["sample"]) for s in samples] == [(i, j) for i in chosen for j in range(40)]
    number = chosen[1].split()[1]
    assert {s["prompt"] for s in samples if s["id"] == chosen[1]} == {
        f"<|im_start|>user\n{number}?<|im_end|>\n<|im_start|>assistant\n"
    }
    assert len({s["answer"] for s in samples}) > 100
    scores = [s["score"] for s in samples]
    assert 0 < sum(scores) < len(scores)
    assert row["value"] == pytest.approx(sum(scores) / len(scores))
    means = [sum(scores[i * 40 : i * 40 + 40]) / 40 for i in range(3)]
    variance = sum((m - row["value"]) ** 2 for m in means) / 2
    assert row["stderr"] == pytest.approx((variance / 3) ** 0.5)


def test_the_same_task_is_run_again_on_the_next_model(tmp_path: Path) -> None:
    lm, material = model(tmp_path, temperature=0.0), generated(tmp_path)
    first = score_suite(lm, suite("digits", "exact_match", subset=2), material, 1)
    assert score_suite(lm, suite("digits", "exact_match", subset=2), material, 1) == first
    assert first[0][0]["n"] == 2


def test_an_endless_chain_of_thought_is_wrong(tmp_path: Path) -> None:
    lm = model(tmp_path, thinking=("<|im_start|>assistant", "</t>"))
    (row,), samples = score_suite(lm, suite("digits", "exact_match", avg=8), generated(tmp_path), 1)
    assert row["unterminated"] == len(samples) == 40
    assert row["value"] == 0.0
    assert any(s["answer"] for s in samples)


def test_log_likelihoods_are_not_sampled(tmp_path: Path) -> None:
    material = loaded(
        tmp_path, output_type="multiple_choice", doc_to_choice="choices", doc_to_target="right",
        metric_list=[{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    )  # fmt: skip
    (row,), samples = score_suite(model(tmp_path), suite("digits", "acc", avg=16), material, 1)
    assert (row["metric"], row["n"], row["k"], row["stopped"]) == ("acc", 5, 1, None)
    assert row["value"] in (0.4, 0.6)
    assert len(samples[0]["answer"]) == 2


def test_metric_names() -> None:
    measured = {"acc,none": 1.0, "acc_stderr,none": 0.1, "em,strict": 0.2, "em,loose": 0.4, "alias": "x"}
    assert metric_key(suite("t", "em"), measured) == "em,strict"
    assert metric_key(suite("t", "em,loose"), measured) == "em,loose"
    with pytest.raises(JobError, match="no metric 'f1'") as error:
        metric_key(suite("t", "f1"), measured)
    assert error.value.help == "it has acc,none, em,strict, em,loose"


def test_a_path_is_not_taken_for_a_task(tmp_path: Path) -> None:
    evil = tmp_path / "evil.yaml"
    evil.write_text("task: evil\ndoc_to_text: !function evil.run\n")
    with pytest.raises(JobError, match="not the name"):
        load_suite(compiled(tmp_path, [], []), suite(str(evil), "acc"))


def test_a_task_that_runs_what_a_model_wrote_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    material = loaded(tmp_path, output_type="generate_until", doc_to_target="{{a}}", unsafe_code=True)
    monkeypatch.setattr("smolc.runtime.evaluate.suite._load", lambda name: material)
    with pytest.raises(JobError, match="runs code that the model writes"):
        load_suite(compiled(tmp_path, [], []), suite("digits", "exact_match"))


@pytest.mark.slow
def test_what_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    code = (
        "from smolc.runtime.evaluate.suite import load_suite\n"
        "from smolc.runtime.jobs.evaluate import SuiteTask\n"
        "from smolc.runtime.jobs.errors import JobError\n"
        "for name in ('gsm8k', 'humaneval'):\n"
        "    task = SuiteTask(type='suite', name=name, task=name, metric='m', subset=1, strata=None, "
        "pass_at=(), location=None, avg=1, max_new=None)\n"
        "    try:\n        load_suite(None, task)\n"
        "    except JobError as error:\n        print(error.message, '|', error.help)\n"
    )
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=offline, capture_output=True, text=True, check=True
    )
    gsm8k, humaneval = done.stdout.splitlines()
    assert gsm8k.startswith("task gsm8k: its data cannot be had: ")
    assert "HF_HUB_OFFLINE" in gsm8k
    assert humaneval.startswith("task humaneval runs code that the model writes")
