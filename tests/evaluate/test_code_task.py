"""Rows of HumanEval, MBPP and LiveCodeBench: what is asked, which program an answer holds, and whether it passes."""

from __future__ import annotations

import base64
import json
import os
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest
from evaluated import compiled, subject

from smolc.runtime.evaluate.code_answers import program_in
from smolc.runtime.evaluate.generate import Answer
from smolc.runtime.evaluate.tasks.base import Asked, load
from smolc.runtime.evaluate.tasks.code import same_output
from smolc.runtime.jobs.errors import JobError

PROMPT = (
    "from typing import List\n\n\ndef twice(x: int) -> int:\n    return 2 * x\n\n\n"
    'def doubled(numbers: List[int]) -> List[int]:\n    """ Each of them twice.\n'
    '    >>> doubled([1, 2])\n    [2, 4]\n    """\n'
)
HUMANEVAL = {
    "task_id": "Made/0",
    "prompt": PROMPT,
    "entry_point": "doubled",
    "canonical_solution": "    return [twice(n) for n in numbers]\n",
    "test": "METADATA = {}\n\ndef check(candidate):\n    assert candidate([1, 2]) == [2, 4]\n"
    "    assert candidate([]) == []\n",
}
MBPP = {
    "task_id": 3,
    "text": "Write a function to find the depth of a tree.",
    "code": "class Node:\r\n  def __init__(self, n):\r\n    self.n, self.left = n, None\r\n"
    "def depth(node):\r\n  return 0 if node is None else 1 + depth(node.left)\r\n",
    "test_setup_code": "root = Node(1)\r\nroot.left = Node(2)",
    "test_list": ["assert depth(root) == 2", "assert depth(root.left) == 1", "assert depth(None) == 0"],
    "challenge_test_list": [],
}
STDIN = {
    "question_title": "Sums",
    "question_content": "Add the numbers of each line.",
    "question_id": "made_a",
    "difficulty": "easy",
    "starter_code": "",
    "public_test_cases": json.dumps([{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]),
    "private_test_cases": json.dumps([{"input": "1 2\n3 4\n", "output": "3\n7\n", "testtype": "stdin"}]),
    "metadata": "{}",
}


def packed(value: Any) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()


FUNCTIONAL = {
    **STDIN,
    "question_id": "made_b",
    "starter_code": "class Solution:\n    def add(self, nums: List[int], k: int) -> List[int]:\n        ",
    "public_test_cases": json.dumps([{"input": "[1, 2]\n3", "output": "[4, 5]", "testtype": "functional"}]),
    "private_test_cases": packed(json.dumps([{"input": "[]\n3", "output": "[]", "testtype": "functional"}])),
    "metadata": json.dumps({"func_name": "add"}),
}


def loaded(
    folder: Path, dialect: str, rows: list[dict[str, Any]], run_code: bool = True, **changes: Any
) -> Any:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = {
        "type": "code", "name": "code", "dialect": dialect, "location": {"type": "files", "paths": ["rows.jsonl"]},
        "subset": None, "strata": None, "avg": 1, "pass_at": [], "max_new": None, **changes,
    }  # fmt: skip
    job: Any = (context := compiled(folder, [task], [subject("base")], run_code=run_code)).job
    return load(context, job, job.tasks[0])


def verdicts(questions: Any, *said: str, told: list[int] | None = None) -> list[Any]:
    """Of answers to the first question."""
    asked = [Asked(questions.questions[0], [Answer.of(s, s, True, False, 1)]) for s in said]
    return list(questions.score_all(asked, (told if told is not None else []).append))


def fenced(code: str) -> str:
    return f"Here you are:\n\n```python\n{code}\n```\nIt works."


WHOLE = "def doubled(numbers):\n    return [twice(n) for n in numbers]"


@pytest.mark.parametrize(
    ("said", "program"),
    [
        (fenced(WHOLE), WHOLE + "\n"),
        (f"```\n{WHOLE}\n```", WHOLE + "\n"),
        (f"~~~py\n{WHOLE}\n~~~", WHOLE + "\n"),
        (f"```python\n{WHOLE}", WHOLE),
        (f"```python title=x\n{WHOLE}\n```\nUse it:\n```python\nprint(doubled([1]))\n```", WHOLE + "\n"),
        (f"```python\ndef doubled(n): pass\n```\nBetter:\n```python\n{WHOLE}\n```", WHOLE + "\n"),
        (f"```bash\npip install x\n```\n```python\n{WHOLE}\n```\n```text\n[2]\n```", WHOLE + "\n"),
        ("1. So:\n   ```python\n   def doubled(n):\n       return n\n   ```", "def doubled(n):\n    return n\n"),
        (f"{WHOLE}\n\nThis returns a list: each twice.", WHOLE + "\n\n"),
        (f"Sure! The code is:\n\n{WHOLE}\nprint(doubled([1]))\n", WHOLE + "\nprint(doubled([1]))\n"),
        ("doubled = lambda n: n", "doubled = lambda n: n"),
        ("from my point of view:\n\nit is hard", None),
        ("```python\ndoubled = lambda n: n\n```", "doubled = lambda n: n\n"),
        ("I cannot do this.", None),
        ("", None),
        ("```python\n```", None),
        ("```bash\nls\n```", None),
        # Bodies, which go on from the prompt.
        ("```python\n    return numbers\n```", PROMPT + "    return numbers\n"),
        ("```python\nreturn numbers\n```", PROMPT + "    return numbers\n"),
        ("    x = 2\n    return numbers\n\nprint(1)\n", PROMPT + "    x = 2\n    return numbers\n"),
        ("```python\nx = 2\n    return numbers\n```", PROMPT + "    x = 2\n    return numbers\n"),
        ("```python\nx = [\n    1]\nreturn x\n```", PROMPT + "    x = [\n        1]\n    return x\n"),
    ],
)  # fmt: skip
def test_the_program_of_an_answer(said: str, program: str | None) -> None:
    found = program_in(said, ("doubled",), PROMPT)
    assert (found and found.rstrip()) == (program and program.rstrip())


def test_a_body_goes_under_the_last_function_of_the_header() -> None:
    header = "class Solution:\n    def add(self, n):\n        "
    assert (
        program_in("```\nreturn n\n```", ("Solution", "add"), header)
        == header.rstrip() + "\n        return n\n"
    )


@pytest.mark.parametrize(
    ("dialect", "row", "right", "wrong", "note"),
    [
        (
            "humaneval",
            HUMANEVAL,
            fenced(WHOLE),
            fenced("def doubled(numbers):\n    return numbers"),
            "wrong: assert candidate([1, 2]) == [2, 4]",
        ),
        (
            "mbpp",
            MBPP,
            fenced(MBPP["code"]),
            fenced("class Node:\n    def __init__(self, n): pass\ndef depth(n): return 2"),
            "wrong: assert depth(root.left) == 1",
        ),
        (
            "livecodebench",
            STDIN,
            fenced("import sys\nfor line in sys.stdin: print(sum(map(int, line.split())))"),
            fenced("print(sum(map(int, input().split())))"),
            "wrong output (test 2)",
        ),
        (
            "livecodebench",
            FUNCTIONAL,
            fenced(
                "class Solution:\n    def add(self, nums: List[int], k):\n        return tuple(n + k for n in nums)"
            ),
            fenced("def add(nums, k):\n    return nums"),
            "wrong: assert plain(solve([1, 2], 3)) == [4, 5]",
        ),
    ],
)
def test_answers_are_run(
    tmp_path: Path, dialect: str, row: dict[str, Any], right: str, wrong: str, note: str
) -> None:
    questions = loaded(tmp_path, dialect, [row])
    told: list[int] = []
    passed, failed, broken, silent, again = verdicts(
        questions, right, wrong, fenced("def f(:"), "No.", right, told=told
    )
    assert [v.score for v in (passed, failed, broken, silent, again)] == [1, 0, 0, 0, 1]
    assert (passed.note, passed.more, failed.note) == (None, {"outcome": "ok"}, note)
    assert (silent.note, silent.no_answer, silent.extracted) == ("no code in the answer", True, None)
    assert (broken.note or "").startswith("syntax error line ")
    assert told == [1, 2, 3]  # the same program again is not run again


def test_a_published_solution_passes(tmp_path: Path) -> None:
    questions = loaded(tmp_path, "humaneval", [HUMANEVAL])
    assert verdicts(questions, fenced(questions.questions[0].gold))[0].note is None
    assert "Each of them twice." in questions.questions[0].messages[0]["content"]
    assert [place for place, _ in questions.texts()] == ["rows.jsonl:1", "rows.jsonl:1"]


def test_what_is_asked_shows_tests_and_starting_code(tmp_path: Path) -> None:
    asked = [
        loaded(tmp_path, dialect, [row]).questions[0].messages[0]["content"]
        for dialect, row in (("mbpp", MBPP), ("livecodebench", FUNCTIONAL), ("livecodebench", STDIN))
    ]
    assert "assert depth(None) == 0" in asked[0]
    assert "def add(self" in asked[1]
    assert "standard input" in asked[2]
    assert "[4, 5]" not in asked[1]


def test_a_failing_program_says_why(tmp_path: Path) -> None:
    questions = loaded(tmp_path, "livecodebench", [STDIN])
    (crashed,) = verdicts(questions, fenced("import nothing_here"))
    assert crashed.note == "ModuleNotFoundError: No module named 'nothing_here' (test 1)"


def test_subsets_are_stratified_by_a_column(tmp_path: Path) -> None:
    rows = [{**STDIN, "question_id": str(n), "difficulty": "easy" if n < 4 else "hard"} for n in range(8)]
    questions = loaded(tmp_path, "livecodebench", rows, subset=4, strata="difficulty").questions
    assert [q.stratum for q in questions] == ["easy", "easy", "hard", "hard"]


def test_code_runs_only_where_the_recipe_says_so(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="code: its programs may not be run") as caught:
        loaded(tmp_path, "humaneval", [HUMANEVAL], run_code=False)
    assert "run_code = true" in str(caught.value.help)


class Evil:
    """A pickle that makes a folder where it is loaded."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("made-by-a-pickle",)


@pytest.mark.parametrize(
    ("dialect", "row", "why"),
    [
        ("humaneval", {**HUMANEVAL, "test": None}, "expected a text in `test`, found null"),
        ("humaneval", {**HUMANEVAL, "entry_point": "other"}, "expected `prompt` to define other"),
        ("mbpp", {**MBPP, "test_list": []}, "expected a list of assertions in `test_list`"),
        ("mbpp", {**MBPP, "code": "x = 1"}, "expected `test_list` to call what `code` defines"),
        ("mbpp", {**MBPP, "test_imports": "os"}, "a list in `test_imports`"),
        ("livecodebench", {**STDIN, "public_test_cases": "[]", "private_test_cases": "[]"}, "expected test cases"),
        ("livecodebench", {**STDIN, "private_test_cases": "?"}, "`private_test_cases`: neither JSON nor base64"),
        ("livecodebench", {**STDIN, "private_test_cases": packed(Evil())}, "which is not done"),
        ("livecodebench", {**STDIN, "private_test_cases": packed([1])}, "expected a text in the pickle"),
        ("livecodebench", {**STDIN, "private_test_cases": '[{"input": "1"}]'}, "with input, output and testtype"),
        ("livecodebench", {**FUNCTIONAL, "metadata": '{"func_name": "a b"}'}, "the name of a function"),
        ("livecodebench", {**FUNCTIONAL, "metadata": "{"}, "expected JSON in `metadata`"),
    ],
)  # fmt: skip
def test_bad_rows_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dialect: str, row: dict[str, Any], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JobError) as caught:
        loaded(tmp_path, dialect, [row])
    assert "rows.jsonl:1: " in caught.value.message
    assert why in caught.value.message
    assert not (tmp_path / "made-by-a-pickle").exists()


def test_rows_that_are_there_twice_and_none_at_all(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="the id Made/0 is that of an earlier row"):
        loaded(tmp_path, "humaneval", [HUMANEVAL, HUMANEVAL])
    with pytest.raises(JobError, match="empty"):
        loaded(tmp_path, "humaneval", [])


@pytest.mark.parametrize(
    ("said", "expected", "same"),
    [
        ("3\n", "3", True),
        ("  1 2 \n3\n\n", "1 2\n3", True),
        ("1.0 2", "1 2.00", True),
        ("yes", "no", False),
        ("1\n2", "1", False),
        ("0.1", "0.10000001", False),
        ("nan", "1", False),
        ("1 sNaN", "1 2", False),
    ],
)
def test_outputs_are_compared_line_by_line(said: str, expected: str, same: bool) -> None:
    assert same_output(said, expected) is same
