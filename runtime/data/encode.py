"""Examples to tokens, and which of them are trained. The checks that a run is worth starting are here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from smolc.runtime.data.formats import Chat, Judged, Message, Pair, Text
from smolc.runtime.data.rows import Row, found
from smolc.runtime.data.template import ChatTemplate, RenderError, Spans
from smolc.runtime.jobs.errors import JobError

Array = np.ndarray[Any, Any]
LossOn = Literal["assistant", "last_turn", "completion", "all"]


@dataclass(slots=True)
class Encoded:
    """One row of input ids and which of them count in the loss. turn_ends: token indices where an assistant
    turn is over."""

    ids: Array
    trained: Array
    turn_ends: list[int]


@dataclass(slots=True)
class Answered:
    """A prompt with its answers (chosen and rejected, or one), as ids and as text."""

    prompt: Array
    answers: list[Array]
    prompt_text: str
    answer_texts: list[str]
    label: bool | None


@dataclass
class Encoder:
    """tokenizer: a fast one. end: id of the end-of-turn, if there is one to be checked."""

    tokenizer: Any
    template: ChatTemplate | None
    loss_on: LossOn
    end: int | None
    end_text: str | None
    _tails: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._backend = self.tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        self._special = set(self.tokenizer.added_tokens_decoder)
        self._bos = self.tokenizer.bos_token_id
        self._eos = self.tokenizer.eos_token_id

    def texts(self, examples: list[tuple[Row, Text]]) -> list[Encoded]:
        """Documents: everything is trained but the first token; each ends with the end-of-text token."""
        encodings = self._backend.encode_batch_fast([e.text for _, e in examples], add_special_tokens=True)
        rows = []
        for encoding in encodings:
            ids = encoding.ids
            if self._eos is not None and (not ids or ids[-1] != self._eos):
                ids.append(self._eos)
            trained = np.ones(len(ids), dtype=bool)
            trained[:1] = False
            rows.append(Encoded(np.asarray(ids, dtype=np.int32), trained, []))
        return rows

    def chats(self, examples: list[tuple[Row, Chat]]) -> list[Encoded]:
        rendered = [self._render_chat(row, chat) for row, chat in examples]
        encodings = self._backend.encode_batch([text for text, _, _ in rendered], add_special_tokens=False)
        return [
            self._mask(row, text, spans, prompt, encoding)
            for (row, _), (text, spans, prompt), encoding in zip(examples, rendered, encodings, strict=True)
        ]

    def _render(
        self, row: Row, messages: list[Message], chat: Chat | None, prompt: bool
    ) -> tuple[str, Spans]:
        assert self.template is not None
        try:
            tools, kwargs = (chat.tools, chat.kwargs) if chat else (None, {})
            return self.template.render(messages, tools, kwargs, prompt)
        except RenderError as error:
            raise JobError(f"{error}\n  while rendering {row.place}: {found(messages, 300)}") from error

    def _render_chat(self, row: Row, chat: Chat) -> tuple[str, Spans, str]:
        """The conversation, the assistant's spans, and the prompt of its last completion."""
        text, spans = self._render(row, chat.messages, chat, False)
        if chat.prompt_turns >= len(chat.messages):
            return text, spans, ""
        prompt, _ = self._render(row, chat.messages[: chat.prompt_turns], chat, True)
        self._check_prefix(row, prompt, text)
        return text, spans, prompt

    def _check_prefix(self, row: Row, prompt: str, text: str) -> None:
        if text.startswith(prompt):
            return
        pairs = enumerate(zip(prompt, text, strict=False))
        at = next((i for i, (a, b) in pairs if a != b), min(len(prompt), len(text)))
        raise JobError(
            f"{self._name}: the prompt is not how the conversation begins, so the model would be trained "
            f"on another prompt than it gets\n"
            f"  {row.place}: the prompt goes on with {prompt[at : at + 60]!r},\n"
            f"  the conversation with {text[at : at + 60]!r}",
            help="let add_generation_prompt write exactly what stands before the assistant's words",
        )

    @property
    def _name(self) -> str:
        return self.template.name if self.template else "template"

    def _mask(self, row: Row, text: str, spans: Spans, prompt: str, encoding: Any) -> Encoded:
        ids = np.asarray(encoding.ids, dtype=np.int32)
        self._check_start(row, ids)
        if prompt:
            self._check_boundary(row, encoding, text, len(prompt))
        trained = np.zeros(len(ids), dtype=bool)
        for start, _ in spans:
            self._check_boundary(row, encoding, text, start)
        ranges = [(self._first(encoding, text, s), self._first(encoding, text, e)) for s, e in spans]
        if self.loss_on == "all":
            trained[:] = True
        elif self.loss_on == "completion":
            start = self._first(encoding, text, len(prompt)) if prompt else len(ids)
            trained[start:] = True
            if self.end is not None and prompt and self.end not in ids[start:]:
                self._unfinished(row, text[len(prompt) :])
        else:
            chosen = list(zip(ranges, spans, strict=True))[-1 if self.loss_on == "last_turn" else 0 :]
            for (start, stop), (s, e) in chosen:
                trained[start:stop] = True
                if self.end is not None and not self._ends(ids[start:stop], text[s:e]):
                    self._unfinished(row, text[s:e])
        trained[:1] = False
        ends = [stop for _, stop in ranges]
        if not ranges and self.end is not None:
            ends = (np.flatnonzero((ids == self.end) & trained) + 1).tolist()
        return Encoded(ids, trained, ends)

    def _ends(self, ids: Array, text: str) -> bool:
        assert self.end_text is not None
        return self.end in ids[-4:] and text.rstrip().endswith(self.end_text.rstrip())

    def _unfinished(self, row: Row, text: str) -> None:
        raise JobError(
            f"{self._name}: the end-of-turn {self.end_text!r} is not trained, so the model would never learn "
            f"to stop\n  {row.place}: what is trained ends with {text[-60:]!r}",
            help=f"write {self.end_text} just before {{% endgeneration %}} in the template",
        )

    def _check_start(self, row: Row, ids: Array) -> None:
        if self._bos is not None and len(ids) > 1 and ids[0] == ids[1] == self._bos:
            raise JobError(
                f"{self._name}: begins with the token {self.tokenizer.bos_token!r} twice ({row.place})",
                help="write it once in the template",
            )

    def _first(self, encoding: Any, text: str, char: int) -> int:
        """Index of the first token that starts at `char` or later."""
        while char < len(text):
            token = encoding.char_to_token(char)
            if token is not None:
                return int(token) if encoding.token_to_chars(token)[0] >= char else int(token) + 1
            char += 1  # in no token: a space that the tokenizer leaves out
        return len(encoding.ids)

    def _check_boundary(self, row: Row, encoding: Any, text: str, char: int) -> None:
        """The tokens of the prompt `text[:char]` must begin the conversation's. Special tokens are never
        merged with what is beside them, so it is enough to look at what follows the prompt's last one."""
        ids = encoding.ids
        stop = self._first(encoding, text, char)
        start = stop
        while start > 0 and ids[start - 1] not in self._special:
            start -= 1
        start = max(start - 1, 0)
        tail = text[encoding.token_to_chars(start)[0] if start else 0 : char]
        expected = self._tails.get(tail)
        if expected is None:
            expected = self.tokenizer.encode(tail, add_special_tokens=False)
            self._tails[tail] = expected
        if ids[start:stop] != expected:
            self._not_a_prefix(row, expected, ids[start:stop])

    def _not_a_prefix(self, row: Row, expected: list[int], actual: list[int]) -> None:
        raise JobError(
            f"{self._name}: the prompt's tokens are not how the conversation's begin, so the model would be "
            f"trained on another prompt than it gets\n  {row.place}: the prompt ends with "
            f"{self.tokenizer.convert_ids_to_tokens(expected[-6:])}, the conversation has "
            f"{self.tokenizer.convert_ids_to_tokens(actual[-6:])} there",
            help="end the generation prompt where a token ends: after a special token, not after a space",
        )

    def answers(self, examples: list[tuple[Row, Pair | Judged]]) -> list[Answered]:
        """Prompts with their answers. An answer ends with its end-of-turn: what a template writes after it is
        left out, since nothing that is generated has it."""
        prompts: list[str] = []
        texts: list[str] = []
        answers: list[list[str]] = []
        for row, example in examples:
            prompt, _ = self._render(row, example.prompt, None, True)
            sides = [example.chosen, example.rejected] if isinstance(example, Pair) else [example.completion]
            prompts.append(prompt)
            answers.append([self._answer(row, prompt, example.prompt + side) for side in sides])
            texts.extend(prompt + answer for answer in answers[-1])
        encoded = self._backend.encode_batch_fast(prompts, add_special_tokens=False)
        whole = iter(self._backend.encode_batch_fast(texts, add_special_tokens=False))
        rows = []
        for (row, example), prompt, sides_, begin in zip(examples, prompts, answers, encoded, strict=True):
            head = begin.ids
            parts = []
            for _ in sides_:
                ids = next(whole).ids
                if ids[: len(head)] != head:
                    self._not_a_prefix(row, head, ids[: len(head)])
                parts.append(np.asarray(ids[len(head) :], dtype=np.int32))
            start = np.asarray(head, dtype=np.int32)
            self._check_start(row, start)
            label = example.label if isinstance(example, Judged) else None
            rows.append(Answered(start, parts, prompt, sides_, label))
        return rows

    def _answer(self, row: Row, prompt: str, messages: list[Message]) -> str:
        text, _ = self._render(row, messages, None, False)
        self._check_prefix(row, prompt, text)
        answer = text[len(prompt) :]
        if self.end_text is None:
            return answer
        end = answer.rfind(self.end_text) + len(self.end_text)
        if self.end_text not in answer or answer[end:].strip():
            self._unfinished(row, answer)
        return answer[:end]
