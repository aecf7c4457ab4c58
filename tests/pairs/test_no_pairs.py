"""Where no pairs come out: what is said of it, and the advice that fits what most was left out for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from paired import STRENGTH, answered, made, rows, write

from smolc.runtime.jobs.errors import JobError

EXACT = {
    "type": "exact",
    "extract": {"type": "last_number", "marker": None},
    "problems": [rows("problems")],
}
CUT = {"stopped": False}

# How they are compared, what each set says and how, and what the error and its help say.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], str, str]] = {
    "other prompts": (
        STRENGTH, {"strong": {"a": ["x"]}, "weak": {"b": ["y"]}}, {}, "2 prompts that one side only answered",
        "let both sides answer the same prompts: a prompt is the same if all of its messages are, a `system`",
    ),
    "one side is cut off": (
        STRENGTH, {"strong": {"a": ["x"]}, "weak": {"a": ["y"]}}, CUT, "2 cut off before its end", "raise `max_new`",
    ),
    "the same": (
        STRENGTH, {"strong": {"a": ["x"]}, "weak": {"a": ["x"]}}, {}, "1 the same answer on both sides",
        "at a higher temperature",
    ),
    "no problem": (
        EXACT, {"tries": {"b": ["1", "2"]}}, {}, "0 right, 2 without a problem",
        "name `problems` with the prompts that were answered",
    ),
    "all wrong": (
        EXACT, {"tries": {"a": ["1", "2"]}}, {}, "answers: 0 right, 2 wrong; 1 as good", "none is right: take easier",
    ),
    "all right": (
        EXACT, {"tries": {"a": ["7", "it is 7"]}}, {}, "answers: 2 right; 1 as good", "none is wrong: take harder",
    ),
    "one answer": (EXACT, {"tries": {"a": ["7"]}}, {}, "1 prompts with one answer", "ask for several answers"),
    "all alike": (
        EXACT, {"tries": {"a": ["7", "7 "]}}, {}, "1 prompts whose answers are all the same", "none is wrong",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_no_pairs(case: str, tmp_path: Path) -> None:
    by, sets, more, says, advises = CASES[case]
    write(tmp_path, "problems", [{"question": "a", "answer": "7"}])
    sources = [answered(tmp_path, name, said, **more) for name, said in sets.items()]
    with pytest.raises(JobError) as caught:
        made(tmp_path, sources, by)
    assert "no pairs came out of 2 answers" in caught.value.message or case == "one answer"
    assert says in caught.value.message
    assert advises in (caught.value.help or "")
