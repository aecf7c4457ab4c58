"""What evals ask and expect, as texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from contaminated import asked, context, own, write

from smolc.runtime.contamination.problems import GENERATED, problems_of, suite_problems, texts_of_evals
from smolc.runtime.jobs.contamination import Measured
from smolc.runtime.jobs.errors import JobError

MESSAGES = {"type": "messages", "column": "messages", "tools": None, "template_kwargs": None}
WHOLE = {"type": "whole", "marker": None}


def texts(
    folder: Path, format: Any, rows: list[dict[str, Any]], **changes: Any
) -> list[tuple[str, str, str]]:
    write(folder, "test.jsonl", rows)
    return list(
        texts_of_evals(context(folder, [], []), [own(format=format, **{"extract": WHOLE, **changes})])
    )


def turns(*said: tuple[str, str]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in said]}


def test_an_eval_asks_the_users_turns_and_expects_the_last_answer(tmp_path: Path) -> None:
    row = turns(
        ("system", "be kind"), ("user", "one?"), ("assistant", "1"), ("user", "two?"), ("assistant", "2")
    )
    assert texts(tmp_path, MESSAGES, [row]) == [
        ("maths", "test.jsonl:1", "one?"), ("maths", "test.jsonl:1", "two?"), ("maths", "test.jsonl:1", "2")
    ]  # fmt: skip


def test_what_is_expected_is_the_whole_reference(tmp_path: Path) -> None:
    """Not only what is extracted from it."""
    row = turns(("user", "How many?"), ("assistant", "So it is 3.\n#### 3"))
    found = texts(tmp_path, MESSAGES, [row], extract={"type": "after", "marker": "####"})
    assert [text for _, _, text in found] == ["How many?", "So it is 3.\n#### 3"]


@pytest.mark.parametrize(
    ("format", "row", "expected"),
    [
        (
            {"type": "alpaca", "instruction": "q", "input": None, "output": "a"},
            {"q": "why?", "a": "so"},
            ["why?", "so"],
        ),
        (
            {"type": "preference", "prompt": "q", "chosen": "a", "rejected": "b"},
            {"q": "why?", "a": "so", "b": "no"},
            ["why?", "so"],
        ),
    ],
)
def test_what_is_expected_is_the_right_answer(
    tmp_path: Path, format: Any, row: dict[str, Any], expected: list[str]
) -> None:
    assert [text for _, _, text in texts(tmp_path, format, [row])] == expected


def test_all_rows_that_may_be_asked(tmp_path: Path) -> None:
    """Not only the subset that is."""
    rows = [{**turns(("user", f"{i}?"), ("assistant", f"{i}")), "hard": i % 2 == 1} for i in range(10)]
    hard = {"column": "hard", "operator": "==", "value": True}
    found = texts(tmp_path, MESSAGES, rows, where=hard, subset=2)
    assert [text for _, _, text in found] == [t for i in (1, 3, 5, 7, 9) for t in (f"{i}?", f"{i}")]


def test_bad_rows_of_an_eval_are_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"maths: 1 bad row\n  test.jsonl:2: "):
        texts(tmp_path, MESSAGES, [turns(("user", "a"), ("assistant", "b")), {"text": "no messages"}])


def test_questions_of_all_types_are_read(tmp_path: Path) -> None:
    """With the ids of the samples, which are not always places."""
    write(tmp_path, "vibe.jsonl", [{"id": "v1", "prompt": ["Say it.", "Again."]}])
    write(
        tmp_path,
        "mt.jsonl",
        [{"question_id": 81, "category": "math", "turns": ["One?", "Two?"], "reference": ["1", ""]}],
    )
    located = {name: {"type": "files", "paths": [f"{name}.jsonl"]} for name in ("vibe", "mt")}
    judged = {"type": "judged", "style": "pairwise", "against": "base", "location": located["mt"]}
    tasks = [
        {"type": "vibe", **asked("vibe"), "location": located["vibe"]},
        {**judged, **asked("mt")},
        {"type": "needle", **asked("needle"), "lengths": [64], "depths": 2, "refresh": 1},
    ]  # fmt: skip
    measured = Measured.model_validate({"eval": "final", "role": "test", "action": "warn", "tasks": tasks})
    vibe, mt, needle = problems_of(context(tmp_path, [], []), measured.tasks)
    assert [(p.id, p.place, p.texts) for p in vibe.problems] == [
        ("v1", "vibe.jsonl:1", ("Say it.", "Again."))
    ]
    assert mt.why is None
    assert [(p.id, p.place, p.texts) for p in mt.problems] == [("81", "mt.jsonl:1", ("One?", "Two?", "1"))]
    assert needle.why == GENERATED


def lm_eval_task(folder: Path, **config: Any) -> Any:
    from lm_eval.api.task import ConfigurableTask

    rows = [
        {"q": f"what is {i}?", "a": f"it is {i}", "choices": ["x", "y"], "right": i % 2} for i in range(2)
    ]
    data = folder / "rows.json"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = {"data_files": {"test": str(data)}, "cache_dir": str(folder / "cache")}
    fixed = {
        "task": "t",
        "dataset_path": "json",
        "dataset_kwargs": files,
        "test_split": "test",
        "num_fewshot": 0,
    }
    return ConfigurableTask(config={**fixed, "doc_to_text": "Q: {{q}}", **config})


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"output_type": "generate_until", "doc_to_target": "{{a}}"}, ["it is 0", "it is 1"]),
        (
            {"output_type": "multiple_choice", "doc_to_target": "right", "doc_to_choice": "choices"},
            ["x", "y"],
        ),
    ],
)
def test_a_task_of_the_suite_asks_its_prompts(
    tmp_path: Path, config: dict[str, Any], expected: list[str]
) -> None:
    found = list(suite_problems({"t": lm_eval_task(tmp_path, **config)}))
    assert [(one.id, one.place, one.texts) for one in found] == [
        ("t 0", "t row 1", ("Q: what is 0?", expected[0])), ("t 1", "t row 2", ("Q: what is 1?", expected[1]))
    ]  # fmt: skip


@pytest.mark.slow
def test_a_task_that_cannot_be_had_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    suite = {
        "type": "suite",
        **asked("gsm8k"),
        "task": "gsm8k_cot_zeroshot",
        "metric": "exact_match",
        "location": None,
    }
    with pytest.raises(JobError, match="task gsm8k_cot_zeroshot: its data cannot be had") as raised:
        list(texts_of_evals(context(tmp_path, [], []), [suite]))
    assert "decontaminate = none" in str(raised.value.help)
