"""Prompts whose answers people read: in the report side by side, and blind in the arena. Never scored.

A row has one of `messages` (a conversation up to the turn that is to be answered), `turns` and `prompt` (a text, or a
list of what the user says, each after the model's answer). Beside them it may have `system`, `tools` (JSON schemas),
`category` and `note` (what to look for). MT-Bench's rows are such rows. A prompt may be empty: that, too, is something
to try.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from smolc.runtime.data.formats.fields import parsed
from smolc.runtime.data.formats.messages import PLAIN, SYSTEM
from smolc.runtime.data.rows import Problems, Row, RowError, found
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
from smolc.runtime.jobs.evaluate import EvaluateJob, VibeTask

ASKED = ("messages", "turns", "prompt")
IDS = ("question_id", "prompt_id", "id")


@dataclass
class VibeQuestions(Questions):
    """`data` of a question is its category, None where it has none; `gold` is what to look for."""

    questions: list[Question]
    metric: str = "none"
    scored: ClassVar[bool] = False

    def score(self, asked: Asked) -> Verdict:
        """No score. `more` is what the report and the arena show: the conversation as it was given, without anybody's
        template."""
        question = asked.question
        return Verdict(
            None,
            more={
                "category": question.data,
                "messages": question.messages,
                "follow_ups": list(question.follow_ups),
                "tools": question.tools,
            },
        )


def load(context: Context, job: EvaluateJob, task: VibeTask) -> VibeQuestions:
    """The prompts, or a subset of them, stratified by category unless the task says otherwise. Raises JobError naming
    the bad rows, or if there are none."""
    bad = Problems(task.name)
    questions = questions_of(context, task.location, bad, lambda row: _question(row, task.strata))
    bad.check('correct these rows: each has a "prompt", "turns" or "messages"')
    if not questions:
        raise JobError(f"{task.name}: no prompts", help="check the task's file")
    return VibeQuestions(draw(questions, task.subset, lambda q: q.stratum, job.seed))


def _question(row: Row, strata: str | None) -> Question:
    data = row.data
    named = [name for name in ASKED if data.get(name) is not None]
    if len(named) != 1:
        raise RowError(f"expected one of {', '.join(ASKED)}, found {' and '.join(named) or 'none of them'}")
    category = _text(data, "category")
    if named == ["messages"]:
        messages, follow_ups = _messages(data["messages"]), []
    else:
        first, *follow_ups = _turns(data, named[0])
        messages = [{"role": "user", "content": first}]
    if (system := _text(data, "system")) is not None:
        if messages[0]["role"] in SYSTEM:
            raise RowError("expected one system prompt, found `system` beside that of the messages")
        messages.insert(0, {"role": "system", "content": system})
    number = next((data[key] for key in IDS if data.get(key) is not None), row.place)
    return Question(
        str(number),
        row.place,
        messages,
        gold=_text(data, "note") or "",
        follow_ups=tuple(follow_ups),
        tools=_tools(data),
        stratum=stratum_of(data, strata, category or ""),
        data=category,
    )


def _messages(value: Any) -> list[dict[str, Any]]:
    messages = list(PLAIN.read(value, "messages").messages)
    last = messages[-1]["role"]
    if last not in ("user", "tool"):
        raise RowError(
            f"expected messages that end with a turn to answer, found one of the {last} at the end"
        )
    return messages


def _turns(data: dict[str, Any], name: str) -> list[str]:
    value = data[name]
    turns = [value] if isinstance(value, str) else value
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, str) for turn in turns):
        raise RowError(f"expected a text or a list of texts in `{name}`, found {found(value)}")
    return turns


def _tools(data: dict[str, Any]) -> list[Any] | None:
    tools: list[Any] | None = parsed(data.get("tools"), "`tools`", list, "a list of tools")
    if tools is not None and not all(isinstance(tool, dict) for tool in tools):
        raise RowError("expected each tool in `tools` to be an object")
    return tools or None


def _text(data: dict[str, Any], name: str) -> str | None:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise RowError(f"expected text in `{name}`, found {found(value)}")
    return value
