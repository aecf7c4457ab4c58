"""Calls of declared tools, compared with the possible answers. Nothing is ever called.

Rows as BFCL publishes them: `id`, `question` (a list of turns, of which there is one), `function` (the declared tools),
and `ground_truth`: in the row, or in the file of the same name in a folder `possible_answer` beside it. Rows whose id
begins with `irrelevance` or `live_irrelevance` are right without a call; those of `live_relevance` with any valid one.

Otherwise than BFCL: an answer without a word, or a call that cannot be read, is wrong for `irrelevance`, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from smolc.runtime.data.formats import Message
from smolc.runtime.data.rows import Problems, Row, RowError, found
from smolc.runtime.data.sources import read
from smolc.runtime.evaluate.called import TYPES, Allowed, as_json_schema, ill_typed, undeclared, wrong
from smolc.runtime.evaluate.calls import Call, NotACall, calls_in
from smolc.runtime.evaluate.tasks.base import (
    Asked,
    Question,
    Questions,
    Verdict,
    draw,
    questions_of,
    stratum_of,
)
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import EvaluateJob, ToolsTask
from smolc.runtime.jobs.prepare import FileData

ANSWERS = "possible_answer"
_NUMBER = re.compile(r"_[0-9].*$")


@dataclass(frozen=True)
class Expected:
    """tools: by name, as declared. gold: the calls; empty for `irrelevance`, None where any valid call is right."""

    tools: Mapping[str, Any]
    gold: list[tuple[str, Allowed]] | None


@dataclass
class ToolQuestions(Questions):
    """`data` of a question is an Expected."""

    questions: list[Question]
    metric: str = "accuracy"

    def score(self, asked: Asked) -> Verdict:
        expected: Expected = asked.question.data
        try:
            calls = calls_in(str(asked.last), expected.tools)
        except NotACall as error:
            return Verdict(0.0, note=f"not a call: {error}", no_answer=True)
        silent = not asked.last.strip()
        note = "said nothing" if silent else _note(calls, expected)
        shown = json.dumps([{c.name: c.arguments} for c in calls], ensure_ascii=False) if calls else None
        missing = silent or (not calls and expected.gold != [])
        return Verdict(float(note is None), shown, note, no_answer=missing, more={"calls": len(calls)})


def _note(calls: list[Call], expected: Expected) -> str | None:
    if expected.gold == []:
        return f"called {calls[0].name[:60]}, where no tool fits" if calls else None
    if not calls:
        return "no call"
    if expected.gold is None:
        problems = (undeclared(c, expected.tools) or ill_typed(c, expected.tools) for c in calls)
        return next((problem for problem in problems if problem), None)
    return wrong(calls, expected.gold, expected.tools)


def load(context: Context, job: EvaluateJob, task: ToolsTask) -> ToolQuestions:
    """The questions, or a subset of them, stratified by category. Raises JobError naming the bad rows, or if there are
    none."""
    bad = Problems(task.name)
    answers: dict[str, dict[str, Any]] = {}

    def make(row: Row) -> Question:
        question = _question(row, context, answers, bad)
        question.stratum = stratum_of(row.data, task.strata, question.stratum)
        return question

    questions = questions_of(context, task.location, bad, make)
    bad.check(
        "expected rows of BFCL: id, question, function, and ground_truth (or a file in possible_answer/)"
    )
    if not questions:
        raise JobError(f"{task.name}: no rows to evaluate", help="check the task's files")
    return ToolQuestions(draw(questions, task.subset, lambda q: q.stratum, job.seed))


def _question(row: Row, context: Context, answers: dict[str, dict[str, Any]], bad: Problems) -> Question:
    data = row.data
    if not isinstance(data.get("id"), str):
        raise RowError(f"expected a text in `id`, found {found(data.get('id'))}")
    category = _NUMBER.sub("", data["id"])
    messages = _messages(data.get("question"))
    tools = _tools(data.get("function"), may_be_none=category.endswith("irrelevance"))
    gold: list[tuple[str, Allowed]] | None
    if category.endswith("irrelevance"):
        gold = []
    elif category.endswith("relevance"):
        gold = None
    else:
        truth = data.get("ground_truth")
        if truth is None:
            if row.file not in answers:
                answers[row.file] = _answers(row.file, context, bad)
            truth = answers[row.file].get(data["id"])
        gold = _gold(truth, tools)
    return Question(
        data["id"],
        row.place,
        messages,
        gold="no call"
        if gold == []
        else "any valid call"
        if gold is None
        else json.dumps([{name: allowed} for name, allowed in gold]),
        tools=[{"type": "function", "function": as_json_schema(tool)} for tool in tools.values()] or None,
        stratum=category,
        data=Expected(tools, gold),
    )


def _messages(turns: Any) -> list[Message]:
    if isinstance(turns, list) and turns and isinstance(turns[0], dict):
        turns = [turns]
    if not isinstance(turns, list) or not turns:
        raise RowError(f"expected a list of turns in `question`, found {found(turns)}")
    if len(turns) > 1:
        raise RowError(f"expected one turn in `question`, found {len(turns)}: several are not supported")
    messages: list[Message] = turns[0]
    well_formed = isinstance(messages, list) and all(
        isinstance(m, dict) and isinstance(m.get("role"), str) and isinstance(m.get("content"), str)
        for m in messages
    )
    if not well_formed or not messages or messages[-1]["role"] != "user":
        raise RowError(f"expected messages that end with the user's in `question`, found {found(messages)}")
    return messages


def _tools(declared: Any, may_be_none: bool) -> dict[str, Any]:
    if isinstance(declared, dict):
        declared = [declared]
    if not isinstance(declared, list) or not (declared or may_be_none):
        raise RowError(f"expected a list of tools in `function`, found {found(declared)}")
    tools: dict[str, Any] = {}
    for tool in declared:
        tool = tool.get("function", tool) if isinstance(tool, dict) else tool
        if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
            raise RowError(f"expected a tool with a name in `function`, found {found(tool)}")
        parameters = tool.get("parameters") or {}
        if not isinstance(parameters, dict):
            raise RowError(f"expected an object in `parameters` of {tool['name']}, found {found(parameters)}")
        _check(parameters, tool["name"])
        tools[tool["name"]] = {**tool, "parameters": parameters}
    return tools


def _check(schema: dict[str, Any], name: str) -> None:
    """Raises RowError for types that are not JSON's, such as those of Java."""
    said = schema.get("type", "any")
    if said not in TYPES:
        raise RowError(f"the type {found(said)} of a parameter of {name} is not one of {', '.join(TYPES)}")
    properties = schema.get("properties") or {}
    if not isinstance(properties, dict):
        raise RowError(f"expected an object in `properties` of {name}, found {found(properties)}")
    for one in (*properties.values(), schema.get("items")):
        if isinstance(one, dict):
            _check(one, name)


def _answers(file: str, context: Context, bad: Problems) -> dict[str, Any]:
    """By id, the rows of the file beside, if there is one."""
    at = PurePosixPath(file)
    beside = str(at.parent / ANSWERS / at.name)
    if "://" in file or not (context.folder / context.manifest.root / beside).is_file():
        return {}
    rows = read(FileData(type="files", paths=(beside,)), context, bad)
    return {str(row.data.get("id")): row.data.get("ground_truth") for row in rows}


def _gold(truth: Any, tools: Mapping[str, Any]) -> list[tuple[str, Allowed]]:
    if not isinstance(truth, list) or not truth:
        raise RowError(
            f"expected the possible answers in `ground_truth` or in {ANSWERS}/, found {found(truth)}"
        )
    gold: list[tuple[str, Allowed]] = []
    for call in truth:
        if not isinstance(call, dict) or len(call) != 1:
            raise RowError(
                f"expected {{function: {{parameter: [values]}}}} in `ground_truth`, found {found(call)}"
            )
        [(name, allowed)] = call.items()
        if name not in tools:
            raise RowError(f"`ground_truth` calls {name}, which `function` does not declare")
        if not isinstance(allowed, dict) or not all(isinstance(v, list) for v in allowed.values()):
            raise RowError(f"expected a list of values for each parameter of {name}, found {found(allowed)}")
        gold.append((name, allowed))
    return gold
