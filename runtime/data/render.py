"""A conversation as text, and which of its characters are trained.

Everything about masking is decided here, in characters; `tokens.py` only finds the tokens.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from smolc.runtime.data import gates
from smolc.runtime.data.formats import Chat, Judged, Message, Pair
from smolc.runtime.data.rows import Row, found
from smolc.runtime.data.template import ChatTemplate, RenderError, Spans
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import LossOn


@dataclass(frozen=True)
class Mask:
    """What is trained. roles: for loss_on `roles`. thinking: the tags around a chain of thought, if it is left out.

    end: the end-of-turn, if there is one to be checked.
    """

    loss_on: LossOn
    roles: tuple[str, ...] = ()
    thinking: tuple[str, str] | None = None
    end: str | None = None


@dataclass(slots=True)
class Rendered:
    """spans: characters that are trained, in order, not touching. turns: where the assistant's turns begin and end.
    prompt: characters before the last turn of the assistant, 0 if there is none. faded: messages whose reasoning the
    template leaves out by design."""

    text: str
    spans: Spans
    turns: Spans
    prompt: int
    faded: int = 0


@dataclass(slots=True)
class RenderedAnswers:
    """answers end with their end-of-turn: what a template writes after it is left out, since nothing that is
    generated has it."""

    prompt: str
    answers: list[str]
    label: bool | None = None


Shape = tuple[Any, ...]
CHECKED_FIRST, CHECKED_EACH = 8, 16


@dataclass
class Renderer:
    """Raises JobError where a template makes no sense of a row, or something else of it than of its prompt."""

    template: ChatTemplate
    mask: Mask
    marked: bool = field(init=False)
    _shapes: Counter[Shape] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.marked = self.template.marks_generation

    def start(self) -> None:
        """Forget what was checked: which rows are checked next does not depend on those before."""
        self._shapes.clear()

    def chat(self, row: Row, chat: Chat) -> Rendered:
        text, turns, prompt = self._both(row, chat)
        try:
            faded = gates.survives(chat, text, self.template.kwargs)
        except JobError as error:
            raise JobError(f"{self.template.name}: {error.message}\n  {row.place}", error.help) from None
        spans = self._trained(row, chat, text, turns, prompt)
        if self.mask.thinking is not None:
            spans = _without(spans, _thoughts(text, spans, *self.mask.thinking))
        return Rendered(text, spans, turns, prompt, faded)

    def _both(self, row: Row, chat: Chat) -> tuple[str, Spans, int]:
        """The conversation, what is marked in it, and where the prompt of its last turn of the assistant ends.

        Prompts are rendered to see that they are how conversations begin: of each shape of conversation the first few,
        and some of the others. Else the prompt ends where the last generation begins.
        """
        text, turns = self._render(row, chat.messages, chat, False)
        if chat.prompt_turns >= len(chat.messages):
            return text, turns, 0
        if self.marked and self.mask.loss_on != "completion" and turns:
            shape = _shape(chat)
            seen = self._shapes[shape]
            self._shapes[shape] = seen + 1
            if seen >= CHECKED_FIRST and seen % CHECKED_EACH:
                return text, turns, turns[-1][0]
        return text, turns, len(self._prompt(row, chat, text))

    def _prompt(self, row: Row, chat: Chat, text: str) -> str:
        prompt, _ = self._render(row, chat.messages[: chat.prompt_turns], chat, True)
        self._check_prefix(row, prompt, text)
        return prompt

    def rendered(self, row: Row, chat: Chat) -> tuple[str, str]:
        """The conversation and the prompt as they are trained, as text."""
        text, _ = self._render(row, chat.messages, chat, False)
        return text, self._prompt(row, chat, text)

    def _trained(self, row: Row, chat: Chat, text: str, turns: Spans, prompt: int) -> Spans:
        loss_on = self.mask.loss_on
        if loss_on == "assistant":
            return self._spoken(row, chat, text, turns)
        if loss_on == "last_turn":
            self._check_ends(row, text, turns[-1:])
            return turns[-1:]
        if loss_on == "roles":
            return self._of_roles(row, chat, text, turns)
        if loss_on == "completion":
            if not prompt:
                return []
            if self.mask.end is not None and self.mask.end not in text[prompt:]:
                self.unfinished(row, text[prompt:])
            whole = [(prompt, len(text))]
        else:
            whole = [(0, len(text))]
        # What a tool said is no more the model's than what the user said.
        others = [i for i, m in enumerate(chat.messages) if m["role"] == "tool" or i in chat.untrained]
        return _without(whole, self._segments(row, chat, text, others)) if others else whole

    def _spoken(self, row: Row, chat: Chat, text: str, turns: Spans) -> Spans:
        """What the assistant says, but for messages that say `train: false`."""
        if chat.untrained:
            spoken = [i for i, m in enumerate(chat.messages) if m["role"] == "assistant"]
            if len(spoken) != len(turns):
                raise JobError(
                    f"{self.template.name}: marks {len(turns)} generations for {len(spoken)} turns of the assistant, "
                    f"so it is not known which of them is not to be trained\n  {row.place}",
                    help="let the template put {% generation %} once around each turn of the assistant",
                )
            turns = [turn for turn, i in zip(turns, spoken, strict=True) if i not in chat.untrained]
        self._check_ends(row, text, turns)
        return turns

    def _of_roles(self, row: Row, chat: Chat, text: str, turns: Spans) -> Spans:
        roles = {role for role in self.mask.roles if role != "assistant" or not self.marked}
        chosen = [i for i, m in enumerate(chat.messages) if m["role"] in roles and i not in chat.untrained]
        spans = self._segments(row, chat, text, chosen, words=True)
        if "assistant" in self.mask.roles and self.marked:
            spans += self._spoken(row, chat, text, turns)
        return sorted(spans)

    def _segments(self, row: Row, chat: Chat, text: str, chosen: list[int], *, words: bool = False) -> Spans:
        """Where messages stand: what each adds to the rendering of those before it. words: only from their content
        on, to their end-of-turn."""
        spans: Spans = []
        for i in chosen:
            start = len(self._render(row, chat.messages[:i], chat, False)[0]) if i else 0
            until, _ = self._render(row, chat.messages[: i + 1], chat, False)
            if not text.startswith(until):
                raise JobError(
                    f"{self.template.name}: renders message {i + 1} differently when more follow, so it is not known "
                    f"where it ends\n  {row.place}",
                    help="use loss_on = assistant with a template that marks what is generated",
                )
            stop = len(until)
            if words:
                start, stop = self._words(row, chat.messages[i], text, start, stop)
            spans.append((start, stop))
        return spans

    def _words(self, row: Row, message: Message, text: str, start: int, stop: int) -> tuple[int, int]:
        content = str(message["content"]).strip()
        end = text.rfind(self.mask.end, start, stop) if self.mask.end is not None else -1
        # From behind: a short word may stand in the head, too (`user`).
        at = text.rfind(content, start, end if end >= 0 else stop)
        if at < 0:
            raise JobError(
                f"{self.template.name}: the words of a message are not in its rendering\n"
                f"  {row.place}: {found(content)}",
            )
        return at, end + len(self.mask.end or "") if end >= 0 else at + len(content)

    def answers(self, row: Row, example: Pair | Judged) -> RenderedAnswers:
        prompt, _ = self._render(row, example.prompt, None, True)
        if isinstance(example, Judged):
            return RenderedAnswers(
                prompt, [self._answer(row, prompt, example.prompt + example.completion)], example.label
            )
        sides = (example.chosen, example.rejected)
        return RenderedAnswers(prompt, [self._answer(row, prompt, example.prompt + side) for side in sides])

    def _answer(self, row: Row, prompt: str, messages: list[Message]) -> str:
        text, _ = self._render(row, messages, None, False)
        self._check_prefix(row, prompt, text)
        answer, end_text = text[len(prompt) :], self.mask.end
        if end_text is None:
            return answer
        end = answer.rfind(end_text) + len(end_text)
        if end_text not in answer or answer[end:].strip():
            self.unfinished(row, answer)
        return answer[:end]

    def _render(
        self, row: Row, messages: list[Message], chat: Chat | None, prompt: bool
    ) -> tuple[str, Spans]:
        try:
            tools, kwargs = (chat.tools, chat.kwargs) if chat else (None, {})
            return self.template.render(messages, tools, kwargs, prompt)
        except RenderError as error:
            raise JobError(f"{error}\n  while rendering {row.place}: {found(messages, 300)}") from error

    def _check_prefix(self, row: Row, prompt: str, text: str) -> None:
        if text.startswith(prompt):
            return
        pairs = enumerate(zip(prompt, text, strict=False))
        at = next((i for i, (a, b) in pairs if a != b), min(len(prompt), len(text)))
        raise JobError(
            f"{self.template.name}: the prompt is not how the conversation begins, so the model would be trained "
            f"on another prompt than it gets\n"
            f"  {row.place}: the prompt goes on with {prompt[at : at + 60]!r},\n"
            f"  the conversation with {text[at : at + 60]!r}",
            help="let add_generation_prompt write exactly what stands before the assistant's words",
        )

    def _check_ends(self, row: Row, text: str, turns: Spans) -> None:
        end = self.mask.end
        if end is None:
            return
        end = end.rstrip()
        for start, stop in turns:
            # Templates write white space after it at most.
            if not text.endswith(end, start, stop) and not text[start:stop].rstrip().endswith(end):
                self.unfinished(row, text[start:stop])

    def unfinished(self, row: Row, trained: str) -> None:
        raise JobError(
            f"{self.template.name}: the end-of-turn {self.mask.end!r} is not trained, so the model would never learn "
            f"to stop\n  {row.place}: what is trained ends with {trained[-60:]!r}",
            help=f"write {self.mask.end} just before {{% endgeneration %}} in the template",
        )


def _shape(chat: Chat) -> Shape:
    """What a template may look at, but for the words: conversations of one shape are rendered in one way."""
    messages = tuple(
        (m["role"], tuple(m), m["content"] != m["content"].strip(), "<" in m["content"], "[" in m["content"])
        for m in chat.messages
    )
    return (
        messages,
        bool(chat.tools),
        tuple(sorted((key, repr(value)[:40]) for key, value in chat.kwargs.items())),
    )


def _thoughts(text: str, spans: Spans, opening: str, closing: str) -> Spans:
    """Chains of thought within the spans, tags and all. One that a prompt has opened begins with its span; one that
    is not closed goes on to the end."""
    thoughts: Spans = []
    for start, stop in spans:
        at = start
        while at < stop:
            first, close = text.find(opening, at, stop), text.find(closing, at, stop)
            if first < 0 and close < 0:
                break
            if close >= 0 and (first < 0 or close < first):
                first = at
            after = stop if close < 0 else close + len(closing)
            thoughts.append((first, after))
            at = after
    return thoughts


def _without(spans: Spans, holes: Spans) -> Spans:
    """Both in order. What is left of the spans."""
    left: Spans = []
    for start, stop in spans:
        for hole_start, hole_stop in holes:
            if hole_stop <= start or hole_start >= stop:
                continue
            if hole_start > start:
                left.append((start, hole_start))
            start = hole_stop
        if start < stop:
            left.append((start, stop))
    return left
