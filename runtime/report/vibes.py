"""Vibe tests: what each model said to each prompt, side by side, for people to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from smolc.runtime.evaluate.answers import without_thinking
from smolc.runtime.evaluate.checkpoints import by_step
from smolc.runtime.jobs.evaluate import EvaluateJob
from smolc.runtime.report.collect import JobView, Run
from smolc.runtime.report.outputs import mapping, objects, read_lines, read_object
from smolc.runtime.report.text import clean, label, setting, shorten

# Prompts of a set that are shown; characters of one text; those from which it is folded, and shown of it then.
PROMPTS, LONGEST, FOLDED, START = 200, 12_000, 700, 400


@dataclass(frozen=True)
class Turn:
    """role: who speaks. start: how a text begins that is folded; empty for one that is not. thought: its chain of
    thought, which the turns after it do not see."""

    role: str
    text: str
    start: str = ""
    thought: str = ""


@dataclass(frozen=True)
class VibeAnswer:
    """turns: the model's, and what the user said between them. marks: what went wrong in how it ended."""

    model: str
    turns: tuple[Turn, ...]
    marks: tuple[str, ...]


@dataclass
class VibePrompt:
    """turns: up to the first answer. note: what to look for."""

    id: str
    category: str
    note: str
    tools: tuple[str, ...]
    turns: tuple[Turn, ...]
    answers: dict[str, VibeAnswer] = field(default_factory=dict)

    def of(self, models: tuple[str, ...]) -> list[VibeAnswer]:
        return [self.answers[model] for model in models if model in self.answers]


@dataclass(frozen=True)
class Vibes:
    """One set. models: stages and start models; checkpoints: their `sft@120`, by step. more: prompts not shown."""

    eval: str
    task: str
    models: tuple[str, ...]
    checkpoints: tuple[str, ...]
    prompts: tuple[VibePrompt, ...]
    more: int


def vibes(run: Run) -> list[Vibes]:
    return [
        found for view in run.of_kind("evaluate") if view.state == "done" for found in _of_eval(run, view)
    ]


def _of_eval(run: Run, view: JobView) -> Iterator[Vibes]:
    if not isinstance(view.job, EvaluateJob):
        return
    tasks: dict[str, dict[str, VibePrompt]] = {
        task.name: {} for task in view.job.tasks if task.type == "vibe"
    }
    if not tasks:
        return
    tags = read_object(view.out / "results.json").get("strip_thinking")
    thinking = (str(tags[0]), str(tags[1])) if isinstance(tags, list) and len(tags) == 2 else None
    seen = dict.fromkeys(
        subject.name for subject in sorted(view.job.subjects, key=lambda s: _trained(run, s.job))
    )
    for row in read_lines(view.out / "samples.jsonl"):
        prompts = tasks.get(str(row.get("task")))
        if prompts is None:
            continue
        model = str(row.get("model"))
        seen.setdefault(model)
        prompt = prompts.setdefault(str(row.get("id")), _prompt(row))
        # Of a prompt that was asked several times, the first answer is shown.
        prompt.answers.setdefault(label(model), _answer(row, model, thinking))
    models = tuple(label(name) for name in seen if not by_step(name)[0])
    kept = sorted((name for name in seen if by_step(name)[0]), key=lambda name: by_step(name)[2])
    of = {name: number for number, name in enumerate(seen)}
    # As the models themselves: those of the first stage first.
    checkpoints = tuple(map(label, sorted(kept, key=lambda name: of.get(by_step(name)[1], len(of)))))
    for name, prompts in tasks.items():
        if prompts:
            shown = tuple(prompts.values())[:PROMPTS]
            yield Vibes(label(view.id), label(name), models, checkpoints, shown, len(prompts) - len(shown))


def _trained(run: Run, job_id: str) -> bool:
    """What nothing trained comes first: it is what the others are compared with."""
    maker = run.find(job_id)
    return maker is None or maker.kind != "model"


def _prompt(row: dict[str, Any]) -> VibePrompt:
    tools = (mapping(tool.get("function")) or tool for tool in objects(row.get("tools")))
    return VibePrompt(
        label(str(row.get("id"))),
        label(str(row.get("category") or "")),
        shorten(clean(str(row.get("gold") or "")[:4000]), 1000),
        tuple(label(str(tool.get("name"))) for tool in tools),
        tuple(_message(message) for message in objects(row.get("messages"))),
    )


def _message(message: dict[str, Any]) -> Turn:
    calls = [mapping(call.get("function")) for call in objects(message.get("tool_calls"))]
    called = [f"→ {call.get('name')}({setting(call.get('arguments'))})" for call in calls]
    text = "\n".join(filter(None, [str(message.get("content") or ""), *called]))
    return _turn(str(message.get("role")), text)


def _answer(row: dict[str, Any], model: str, thinking: tuple[str, str] | None) -> VibeAnswer:
    said = [turn.get("answer") for turn in objects(row.get("turns"))] or [row.get("answer")]
    asked = row["follow_ups"] if isinstance(row.get("follow_ups"), list) else []
    turns: list[Turn] = []
    for number, text in enumerate(said):
        if 0 < number <= len(asked):
            turns.append(_turn("user", str(asked[number - 1])))
        turns.append(_turn("assistant", str(text or ""), thinking))
    marks = []
    if row.get("unterminated") is True:
        marks.append("thought without end")
    elif row.get("stopped") is False:
        marks.append("cut off: it did not stop")
    if any(isinstance(text, str) and text and not text.strip() for text in said):
        marks.append("only spaces and line breaks")
    return VibeAnswer(label(model), tuple(turns), tuple(marks))


def _turn(role: str, text: str, thinking: tuple[str, str] | None = None) -> Turn:
    visible = without_thinking(text, thinking)[0] if thinking else text
    thought = _shown(text) if visible != text else ""
    shown = _shown(visible.strip())
    start = shown[:START].rstrip() if len(shown) > FOLDED else ""
    return Turn(label(role), shown, start, thought)


def _shown(text: str) -> str:
    more = len(text) - LONGEST
    shown = clean(text[:LONGEST], lines=True)
    return f"{shown} … ({more:,} more characters)" if more > 0 else shown
