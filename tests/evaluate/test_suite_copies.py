"""Each task of the suite that lm-eval scores, on a small made copy of its data: same columns, real prompts, real metric."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import lm_eval.tasks
import pytest
from evaluated import compiled, own_task, save_model, subject

from smolc.compiler.model.suite import SUITE
from smolc.runtime.evaluate.engines.cache import AnswerCache
from smolc.runtime.evaluate.run import run
from smolc.runtime.evaluate.suite import indices, load_suite
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import SuiteTask

OPTIONS = ["ten", "two", "six", "one", "no", "yes", "all", "any", "red", "blue"]
MMLU = {f"option_{letter}": word for letter, word in zip("abcd", OPTIONS, strict=False)}
ROWS: dict[str, dict[str, Any]] = {
    "gsm8k": {"question": "What is 2 + 3?", "answer": "2 + 3 = 5\n#### 5"},
    "gsm_plus": {
        "question": "What is 2 + 3?",
        "answer": "5",
        "solution": "#### 5",
        "perturbation_type": "digits",
    },
    "gsm_plus_mini": {
        "question": "What is 2 + 3?",
        "answer": "5",
        "solution": "#### 5",
        "perturbation_type": "digits",
    },
    "math500": {
        "problem": "What is $2 + 3$?",
        "solution": "It is $\\boxed{5}$.",
        "answer": "5",
        "subject": "Algebra",
    },
    "aime24": {"Problem": "What is 2 + 3?", "Answer": 5, "ID": "2024-I-1"},
    "aime25": {"problem": "What is 2 + 3?", "answer": "5"},
    "ifeval": {
        "key": 1000,
        "prompt": "Answer without commas, in at least two sentences.",
        "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_sentences"],
        "kwargs": [{}, {"num_sentences": 2, "relation": "at least"}],
    },
    "gpqa_diamond": {
        "Question": "Which?",
        "Correct Answer": "this",
        "Incorrect Answer 1": "that",
        "Incorrect Answer 2": "those",
        "Incorrect Answer 3": "these",
    },
    "mmlu_pro": {
        "question": "Which?",
        "options": OPTIONS,
        "answer": "B",
        "answer_index": 1,
        "category": "biology",
        "cot_content": "A: Let's think step by step. The answer is (B).",
    },
    "global_mmlu_fr": {"question": "Which?", **MMLU, "answer": "B", "subject": "anatomy"},
}
TASKS = {name: entry for name, entry in SUITE.items() if entry.type == "suite"}
SHOWN = {"mmlu_pro": "validation"}
"""The split that solved examples are taken from."""
FRENCH = Path(lm_eval.tasks.__file__).parent / "global_mmlu" / "full" / "fr"
CATEGORIES = {
    "mmlu_pro": ("category", ["biology", "business", "chemistry", "computer science", "economics", "engineering", "health",
                              "history", "law", "math", "other", "philosophy", "physics", "psychology"]),
    "global_mmlu_fr": ("subject", [m[1] for file in sorted(FRENCH.glob("*.yaml"))
                                   if (m := re.search(r"utils\.process_(\w+)", file.read_text()))]),
}  # fmt: skip
"""Of a group, what its subtasks are of: a copy has rows of each."""


def suite(name: str, **changes: Any) -> dict[str, Any]:
    entry = SUITE[name]
    return {
        "type": "suite", "name": name, "task": entry.task, "metric": entry.metric, "avg": 1, "pass_at": [],
        "subset": None, "strata": entry.strata, "max_new": None,
        "location": {"type": "files", "paths": ["copy.jsonl"]}, **changes,
    }  # fmt: skip


def copy(folder: Path, name: str, count: int = 6, **changes: Any) -> None:
    column, values = CATEGORIES.get(name, ("", []))
    rows = [{**ROWS[name], column: value, **changes} for value in values] or [
        {**ROWS[name], **changes}
    ] * count
    if name in SHOWN:
        shown = [{**row, "split": SHOWN[name]} for row in rows for _ in range(5)]
        rows = [{**row, "split": "test"} for row in rows] + shown
    # A problem is no example of itself: lm-eval leaves out those that are the same.
    rows = [{**row, "number": i} for i, row in enumerate(rows)]
    (folder / "copy.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_every_task_of_lm_eval_is_tried_but_the_one_that_makes_its_own_data() -> None:
    alike = {name for name in TASKS if name.startswith("global_mmlu_")} - set(ROWS)
    assert set(TASKS) - set(ROWS) - alike == {"ruler"}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_copy_is_asked_and_scored(tmp_path: Path, name: str) -> None:
    save_model(tmp_path, "base", hidden=16)
    copy(tmp_path, name, count=12)
    decode = {"temperature": 1.0, "top_p": 1.0, "max_new": 2}
    context = compiled(tmp_path, [suite(name, subset=4, avg=2, max_new=2)], [subject("base")], decode=decode)
    if name in ("mmlu_pro", "gpqa_diamond", "ifeval", "gsm_plus", "gsm_plus_mini", "global_mmlu_fr"):
        # Five solved examples are longer than the context of the small model: only the rows are looked at.
        material = load_suite(context, SuiteTask.model_validate(suite(name, subset=4)))
        chosen = indices(material, SuiteTask.model_validate(suite(name, subset=4)), 1)
        assert sum(map(len, chosen.values())) == 4
        return
    run(context)
    row = json.loads((context.out / "results.json").read_text())["rows"][0]
    assert (row["n"], row["k"], row["model"], row["task"]) == (4, 2, "base", name)
    assert row["metric"].startswith(SUITE[name].metric)
    assert row["low"] <= row["value"] <= row["high"]
    samples = [json.loads(line) for line in (context.out / "samples.jsonl").read_text().splitlines()]
    assert len(samples) == 8 and all("5" in s["gold"] or "2 + 3" in s["prompt"] for s in samples)


@pytest.mark.parametrize(
    ("name", "column"),
    [("gsm8k", "question"), ("gsm8k", "answer"), ("math500", "solution"), ("aime25", "answer"), ("ifeval", "kwargs"),
     ("mmlu_pro", "options"), ("aime24", "Problem"), ("gpqa_diamond", "Correct Answer")],
)  # fmt: skip
def test_a_missing_column_is_named(tmp_path: Path, name: str, column: str) -> None:
    save_model(tmp_path, "base", hidden=16)
    row = {key: value for key, value in ROWS[name].items() if key != column}
    (tmp_path / "copy.jsonl").write_text((json.dumps({**row, "split": "test"}) + "\n") * 3)
    context = compiled(tmp_path, [suite(name)], [subject("base")])
    with pytest.raises(JobError) as error:
        load_suite(context, SuiteTask.model_validate(suite(name)))
    assert column in str(error.value.message) and "copy.jsonl" in error.value.message


def test_no_rows_and_rows_of_nothing_that_is_asked(tmp_path: Path) -> None:
    save_model(tmp_path, "base", hidden=16)
    (tmp_path / "copy.jsonl").write_text("")
    context = compiled(tmp_path, [suite("gsm8k")], [subject("base")])
    with pytest.raises(JobError, match="the file is empty"):
        load_suite(context, SuiteTask.model_validate(suite("gsm8k")))
    copy(tmp_path, "mmlu_pro", category="of no subtask")
    with pytest.raises(JobError, match="every category"):
        load_suite(context, SuiteTask.model_validate(suite("mmlu_pro")))


def test_solved_examples_are_not_taken_from_what_is_measured(tmp_path: Path) -> None:
    context = compiled(tmp_path, [own_task()], [subject("base")])
    _, values = CATEGORIES["mmlu_pro"]
    rows = [json.dumps({**ROWS["mmlu_pro"], "category": value}) + "\n" for value in values]
    (tmp_path / "copy.jsonl").write_text("".join(rows))
    with pytest.raises(JobError, match="solved examples of its validation split"):
        load_suite(context, SuiteTask.model_validate(suite("mmlu_pro")))


def test_a_second_run_asks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(tmp_path, "base", hidden=16)
    copy(tmp_path, "gsm8k")
    context = compiled(tmp_path, [suite("gsm8k", max_new=2)], [subject("base")])
    run(context)
    before = (context.out / "samples.jsonl").read_text()

    def fail(*_: Any) -> None:
        raise AssertionError("an answer was generated again")

    monkeypatch.setattr(AnswerCache, "add", fail)
    run(context)
    assert (context.out / "samples.jsonl").read_text() == before
    assert json.loads((context.out / "results.json").read_text())["rows"][0]["cached"] == 6


def loaded(folder: Path, name: str, rows: list[dict[str, Any]]) -> Any:
    (folder / "copy.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    context = compiled(folder, [suite(name)], [subject("base")])
    return next(iter(load_suite(context, SuiteTask.model_validate(suite(name)))["tasks"].values()))


def test_each_run_asks_the_same(tmp_path: Path) -> None:
    # lm-eval shuffles the choices each time that it is asked for the documents.
    rows = [{**ROWS["gpqa_diamond"], "Question": f"Which {i}?"} for i in range(20)]
    task, again = (loaded(tmp_path, "gpqa_diamond", rows) for _ in range(2))
    right = [document["answer"] for document in task.eval_docs]
    assert len(set(right)) == 4
    assert right == [d["answer"] for d in task.eval_docs] == [d["answer"] for d in again.eval_docs]


def test_a_document_has_the_same_solved_examples_whatever_was_asked_before(tmp_path: Path) -> None:
    rows = [{**ROWS["gsm_plus"], "question": f"What is {i} + 3?"} for i in range(30)]
    task, again = (loaded(tmp_path, "gsm_plus", rows) for _ in range(2))
    prompts = [task.fewshot_context(document, num_fewshot=5) for document in task.eval_docs]
    assert len({prompt.split("Answer:")[0] for prompt in prompts}) > 10
    assert prompts[7] == task.fewshot_context(task.eval_docs[7], num_fewshot=5)
    assert prompts[7] == again.fewshot_context(again.eval_docs[7], num_fewshot=5)


@pytest.mark.parametrize(
    ("name", "kwargs", "follows", "does_not"),
    [
        ("change_case:capital_word_frequency", {"capital_relation": "at least", "capital_frequency": 2}, "NO. YES", "NO"),
        ("length_constraints:number_sentences", {"relation": "at least", "num_sentences": 2}, "No. Yes.", "No."),
        ("keywords:letter_frequency", {"letter": "#", "let_relation": "at least", "let_frequency": 2}, "#a #b", "#aaa bbb"),
    ],
)  # fmt: skip
def test_ifeval_needs_nothing_from_the_net(
    tmp_path: Path, name: str, kwargs: dict[str, Any], follows: str, does_not: str
) -> None:
    rows = [{"key": 1, "prompt": "Say it.", "instruction_id_list": [name], "kwargs": [kwargs]}]
    task = loaded(tmp_path, "ifeval", rows)
    for _ in range(5):  # nothing is drawn
        kept = [task.process_results(task.eval_docs[0], [text]) for text in (follows, does_not)]
        assert [one["prompt_level_strict_acc"] for one in kept] == [True, False]
