"""Rows of HumanEval, MBPP and LiveCodeBench as they are published: what is asked, and the tests."""

from __future__ import annotations

import base64
import binascii
import io
import json
import pickle
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from smolc.runtime.data.rows import RowError, found

LARGEST = 256 * 2**20  # bytes of unpacked test cases of one problem
# What solutions of contest problems count on being there.
CONTEST = """\
import bisect, collections, copy, functools, heapq, itertools, json, math, operator, random, re, string, sys
from bisect import *
from collections import *
from copy import *
from functools import *
from heapq import *
from itertools import *
from math import *
from typing import *
"""


@dataclass(frozen=True)
class CodeProblem:
    """names: what the tests call, or a whole program reads stdin and prints where there are none.

    header: what an answer that is a mere body goes on from. first: what stands before every program. before, tests: as
    `run_tests` takes them. cases: stdin and stdout.
    """

    names: tuple[str, ...] = ()
    header: str = ""
    first: str = ""
    before: str = ""
    tests: str = ""
    cases: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class CodeRow:
    """gold: the published solution, where there is one."""

    id: str
    prompt: str
    gold: str
    problem: CodeProblem


def humaneval(row: dict[str, Any]) -> CodeRow:
    """task_id, prompt, entry_point, canonical_solution, test. Raises RowError."""
    name, prompt, test = (_text(row, column) for column in ("entry_point", "prompt", "test"))
    start = list(re.finditer(rf"^(?:async )?def {re.escape(name)}\b", prompt, re.MULTILINE))
    if not start:
        raise RowError(f"expected `prompt` to define {name}, the entry_point")
    asked = (
        "Complete this Python function. Answer with the whole function in one code block.\n\n"
        f"```python\n{prompt.strip()}\n```"
    )
    # The imports and helpers before the function belong to the problem: answers need not repeat them.
    first = prompt[: start[-1].start()]
    problem = CodeProblem((name,), prompt, first, prompt, f"{test}\ncheck({name})\n")
    gold = prompt + row["canonical_solution"] if isinstance(row.get("canonical_solution"), str) else ""
    return CodeRow(_text(row, "task_id"), asked, gold, problem)


def mbpp(row: dict[str, Any]) -> CodeRow:
    """task_id, text (or prompt), code, test_list, and test_setup_code or test_imports. Raises RowError."""
    text = _text(row, "text" if "text" in row else "prompt")
    code, tests = _text(row, "code").replace("\r\n", "\n"), row.get("test_list")
    if not isinstance(tests, list) or not tests or not all(isinstance(test, str) for test in tests):
        raise RowError(f"expected a list of assertions in `test_list`, found {found(tests)}")
    setup, imports = row.get("test_setup_code") or "", row.get("test_imports") or []
    if not isinstance(setup, str) or not isinstance(imports, list):
        raise RowError("expected a text in `test_setup_code` and a list in `test_imports`")
    whole = "\n".join([setup, *tests]).replace("\r\n", "\n") + "\n"
    defined = re.findall(r"^(?:(?:async )?def|class)\s+(\w+)|^(\w+)\s*=(?!=)", code, re.MULTILINE)
    names = tuple(dict.fromkeys(n for pair in defined for n in pair if n and re.search(rf"\b{n}\b", whole)))
    if not names:
        raise RowError("expected `test_list` to call what `code` defines")
    shown = "\n".join(test.strip() for test in tests)
    asked = (
        f"{text.strip()}\n\nWrite it in Python. Answer with one code block, which must pass these tests:\n\n"
        f"```python\n{shown}\n```"
    )
    # Some tests count on what the solution imports.
    imports = [*map(str, imports), *re.findall(r"^(?:import|from)\s[^(\\\n]+$", code, re.MULTILINE)]
    problem = CodeProblem(names, before="\n".join(imports), tests=whole)
    return CodeRow(str(row.get("task_id", "")), asked, code, problem)


def livecodebench(row: dict[str, Any]) -> CodeRow:
    """question_id, question_content, starter_code, public_test_cases, private_test_cases, metadata. Raises RowError."""
    cases = [*_cases(row, "public_test_cases"), *_cases(row, "private_test_cases")]
    if not cases:
        raise RowError("expected test cases in `public_test_cases` or `private_test_cases`")
    question, starter = _text(row, "question_content").strip(), row.get("starter_code") or ""
    if cases[0]["testtype"] == "stdin":
        asked = (
            f"{question}\n\nSolve this with a Python program that reads from standard input and prints to standard "
            "output. Answer with the whole program in one code block."
        )
        pairs = tuple((case["input"], case["output"]) for case in cases)
        return CodeRow(_text(row, "question_id"), asked, "", CodeProblem(first=CONTEST, cases=pairs))
    name = _json(row, "metadata").get("func_name")
    if not isinstance(name, str) or not name.isidentifier():
        raise RowError(f"expected the name of a function in `func_name` of `metadata`, found {found(name)}")
    asked = (
        f"{question}\n\nSolve this in Python, starting from this code. Answer with all of it in one code block.\n\n"
        f"```python\n{starter.strip()}\n```"
    )
    problem = CodeProblem(("Solution", name), starter, CONTEST, tests=_calls(name, cases))
    return CodeRow(_text(row, "question_id"), asked, "", problem)


DIALECTS: dict[str, Callable[[dict[str, Any]], CodeRow]] = {
    "humaneval": humaneval,
    "mbpp": mbpp,
    "livecodebench": livecodebench,
}


def _calls(name: str, cases: list[dict[str, str]]) -> str:
    """Tests that call a method of Solution, or a function, with the arguments that lines of JSON say. A tuple is as
    good as a list."""
    lines = [f"solve = getattr(Solution(), {name!r}) if 'Solution' in globals() else {name}"]
    lines.append("def plain(x): return [plain(y) for y in x] if isinstance(x, (list, tuple)) else x")
    for case in cases:
        try:
            given = [json.loads(line) for line in case["input"].split("\n") if line.strip()]
            expected = json.loads(case["output"])
        except ValueError as error:
            raise RowError(f"expected JSON in the test cases: {error}") from error
        lines.append(f"assert plain(solve({', '.join(map(repr, given))})) == {expected!r}")
    return "\n".join(lines) + "\n"


def _cases(row: dict[str, Any], column: str) -> list[dict[str, str]]:
    text = row.get(column)
    if text is None or text == "":
        return []
    if not isinstance(text, str):
        raise RowError(f"expected test cases as a JSON text in `{column}`, found {found(text)}")
    try:
        cases = json.loads(text if text.lstrip()[:1] == "[" else _unpacked(text))
    except (ValueError, zlib.error, pickle.UnpicklingError, EOFError) as error:
        raise RowError(f"expected test cases in `{column}`: {error}") from error
    parts = ("input", "output", "testtype")
    if not isinstance(cases, list) or not all(
        isinstance(case, dict) and all(isinstance(case.get(part), str) for part in parts) for case in cases
    ):
        raise RowError(f"expected test cases with input, output and testtype in `{column}`")
    return cases


class _TextOnly(pickle.Unpickler):
    """A pickle can run anything; one that names nothing can only hold plain data."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it wants to load {module}.{name}, which is not done")


def _unpacked(text: str) -> str:
    """The text that is packed as base64 of zlib of a pickle: as `code_generation_lite` has its private tests."""
    try:
        packed = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("neither JSON nor base64") from error
    unpacking = zlib.decompressobj()
    data = unpacking.decompress(packed, LARGEST)
    if unpacking.unconsumed_tail:
        raise ValueError(f"more than {LARGEST >> 20} MiB")
    inside = _TextOnly(io.BytesIO(data)).load()
    if not isinstance(inside, str):
        raise ValueError(f"expected a text in the pickle, found {found(inside)}")
    return inside


def _json(row: dict[str, Any], column: str) -> dict[str, Any]:
    try:
        value = json.loads(row[column]) if isinstance(row.get(column), str) else row.get(column)
    except ValueError as error:
        raise RowError(f"expected JSON in `{column}`: {error}") from error
    return value if isinstance(value, dict) else {}


def _text(row: dict[str, Any], column: str) -> str:
    value = row.get(column)
    if not isinstance(value, str) or not value.strip():
        raise RowError(f"expected a text in `{column}`, found {found(value)}")
    return value
