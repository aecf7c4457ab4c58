"""Our questions as a task of lm-eval, and what a model says to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.metrics import mean
from lm_eval.api.task import Task
from lm_eval.evaluator import evaluate

from smolc.runtime.data.formats import Message
from smolc.runtime.data.template import ChatTemplate, RenderError
from smolc.runtime.evaluate.generate import Answer, ChatModel
from smolc.runtime.evaluate.tasks.base import Asked, Question, Questions, Verdict
from smolc.runtime.evaluate.tool_prompt import declared
from smolc.runtime.jobs.errors import JobError

UNTERMINATED = "thought without end"


@dataclass
class Said:
    """One answer to one question: sample j of k, the exact prompt of each turn, and how it was scored."""

    question: Question
    sample: int
    prompts: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    verdict: Verdict = field(default_factory=lambda: Verdict(None))


def render(messages: list[Message], question: Question, template: ChatTemplate | None) -> str:
    """The prompt; without a template, the plain text of the messages. Raises JobError."""
    if template is None:
        messages = declared(messages, question.tools) if question.tools else messages
        return "\n\n".join(str(m["content"]) for m in messages)
    try:
        text = template.render(messages, question.tools, question.kwargs, prompt=True)[0]
        if question.tools and text == template.render(messages, None, question.kwargs, prompt=True)[0]:
            # The template has no place for tools.
            messages = declared(messages, question.tools)
            text = template.render(messages, None, question.kwargs, prompt=True)[0]
        return text
    except RenderError as error:
        raise JobError(f"{question.place}: {error}", help="does this template know such messages?") from error


def ask(lm: ChatModel, name: str, questions: Questions, k: int, scored: Callable[[int], None]) -> list[Said]:
    """k answers to each question, turn by turn where it has several, and their scores. Raises JobError."""
    said = [Said(question, j) for question in questions.questions for j in range(k)]
    turns = 1 + max(len(question.follow_ups) for question in questions.questions)
    for turn in range(turns):
        now = [one for one in said if turn <= len(one.question.follow_ups)]
        for one in now:
            one.prompts.append(render(_conversation(one), one.question, lm.template))
        last = turn == turns - 1
        task = AskedTask(name, now, (lambda: score(questions, said, scored)) if last else None)
        evaluate(lm, {"tasks": {name: task}}, bootstrap_iters=0, log_samples=False)
    return said


def score(questions: Questions, said: Sequence[Said], tell: Callable[[int], None]) -> None:
    """Put in each one's verdict. An answer that thought without end is wrong, whatever it says."""
    judged = [one for one in said if not (questions.scored and one.answers[-1].unterminated)]
    for one in said:
        one.verdict = Verdict(0.0, None, UNTERMINATED)
    verdicts = questions.score_all([Asked(one.question, one.answers) for one in judged], tell)
    for one, verdict in zip(judged, verdicts, strict=True):
        one.verdict = verdict


def _conversation(one: Said) -> list[Message]:
    """The messages so far: the model is shown its own answers without their chains of thought, as in a chat."""
    messages = list(one.question.messages)
    for answer, user in zip(one.answers, one.question.follow_ups, strict=False):
        messages += [{"role": "assistant", "content": str(answer)}, {"role": "user", "content": user}]
    return messages


class AskedTask(Task):  # type: ignore[misc]
    """One turn of each conversation. Each of k samples is a document of its own: lm-eval's `repeats` end in a filter
    that keeps the first."""

    VERSION = 1
    OUTPUT_TYPE = "generate_until"

    def __init__(self, name: str, said: Sequence[Said], finish: Callable[[], None] | None) -> None:
        self.said, self.finish = said, finish
        self.rows = [
            {"number": i, "prompt": s.prompts[-1], "gold": s.question.gold} for i, s in enumerate(said)
        ]
        super().__init__(config={"task": name, "output_type": "generate_until", "num_fewshot": 0})

    def download(self, *_: Any, **__: Any) -> None:
        """The rows are here already."""

    def has_training_docs(self) -> bool:
        return False

    def has_validation_docs(self) -> bool:
        return False

    def has_test_docs(self) -> bool:
        return True

    def test_docs(self) -> list[dict[str, Any]]:
        return self.rows

    def doc_to_text(self, doc: dict[str, Any]) -> str:
        return str(doc["prompt"])

    def doc_to_target(self, doc: dict[str, Any]) -> str:
        return str(doc["gold"])

    def fewshot_context(self, doc: dict[str, Any], *_: Any, **__: Any) -> str:
        """The prompt as it was rendered, with nothing around it."""
        return str(doc["prompt"])

    def construct_requests(self, doc: dict[str, Any], ctx: str, **kwargs: Any) -> Instance:
        return Instance(
            request_type="generate_until", doc=doc, arguments=(ctx, {}), idx=0, metadata=kwargs["metadata"]
        )

    def apply_filters(self) -> Any:
        """Where all answers of the turn are there: after the last one, they are scored together."""
        for instance in self.instances:
            self.said[instance.doc["number"]].answers.append(instance.resps[0])
        if self.finish is not None:
            self.finish()
        return super().apply_filters()

    def process_results(self, doc: dict[str, Any], results: list[str]) -> dict[str, float]:
        found = self.said[doc["number"]].verdict.score
        return {} if found is None else {"score": found}

    def aggregation(self) -> dict[str, Callable[..., float]]:
        return {"score": mean}

    def higher_is_better(self) -> dict[str, bool]:
        return {"score": True}
