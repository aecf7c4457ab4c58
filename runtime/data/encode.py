"""Examples to tokens, and which of them are trained. The checks that a run is worth starting are here and in
`render.py` and `gates.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from smolc.runtime.data import gates
from smolc.runtime.data.formats import Chat, Judged, Pair, Text
from smolc.runtime.data.render import Rendered, RenderedAnswers, Renderer
from smolc.runtime.data.rows import Row
from smolc.runtime.data.template import guarded
from smolc.runtime.data.tokens import Array, Batch, Tokenization
from smolc.runtime.jobs.errors import JobError

Refuse = Callable[[Row, JobError], None]
Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(slots=True)
class Encoded:
    """One row of int32 ids. spans: first token and the token after the last of what is trained, in turns: [2, 9, 15,
    20]. ends: tokens after which a turn of the assistant is over. faded: see `Rendered`."""

    ids: Array
    spans: list[int]
    ends: list[int]
    faded: int = 0

    @property
    def trained(self) -> int:
        return sum(self.spans[1::2]) - sum(self.spans[::2])

    def mask(self) -> Array:
        """Whether each token is trained."""
        trained = np.zeros(len(self.ids), dtype=bool)
        for first, after in zip(self.spans[::2], self.spans[1::2], strict=True):
            trained[first:after] = True
        return trained


@dataclass(slots=True)
class Answered:
    """A prompt with its answers (chosen and rejected, or one), as ids and as text."""

    prompt: Array
    answers: list[Array]
    prompt_text: str
    answer_texts: list[str]
    label: bool | None

    @property
    def trained(self) -> int:
        return sum(map(len, self.answers))


class Encoder:
    """tokenizer: a fast one. renderer: None where there are only documents. end: id of the end-of-turn, if there is
    one to be checked."""

    def __init__(self, tokenizer: Any, renderer: Renderer | None, end: int | None) -> None:
        self.tokenizer = tokenizer
        self.renderer = renderer
        self.end = end
        self.tokens = Tokenization(tokenizer)
        self._bos = tokenizer.bos_token_id
        self._eos = tokenizer.eos_token_id
        special = list(tokenizer.added_tokens_decoder)
        self._special = np.zeros(max([len(tokenizer), *(n + 1 for n in special)]), dtype=bool)
        self._special[special] = True
        self._good: set[bytes] = set()

    def __reduce__(self) -> tuple[type[Encoder], tuple[Any, ...]]:
        return Encoder, (self.tokenizer, self.renderer, self.end)

    def texts(self, examples: list[tuple[Row, Text]]) -> list[Encoded]:
        """Documents: everything is trained but the first token; each ends with the end-of-text token."""
        rows = []
        for ids in self.tokens.ids([e.text for _, e in examples], special=True):
            if self._eos is not None and (not len(ids) or ids[-1] != self._eos):
                ids = np.append(ids, np.int32(self._eos))
            rows.append(Encoded(ids, [1, len(ids)] if len(ids) > 1 else [], []))
        return rows

    def chats(self, examples: list[tuple[Row, Chat]], refuse: Refuse | None = None) -> list[Encoded | None]:
        """None for what `refuse` was told of; without it, the first that makes no sense is raised."""
        assert self.renderer is not None
        rendered = _rendered(examples, self.renderer.chat, refuse)
        batch = self.tokens.batch([r.text if r is not None else "" for r in rendered])
        doubled = set(self._doubles(batch))
        before = np.arange(len(batch.ids))
        before[~self._special[batch.ids]] = -1
        last_special = np.maximum.accumulate(before) if len(before) else before

        def masked(row: Row, numbered: tuple[int, Rendered]) -> Encoded:
            n, whole = numbered
            if n in doubled:
                self._check_double(row, batch.of(n))
            return self._masked(row, whole, batch, n, last_special)

        return [
            _unless_refused(row, (n, whole), masked, refuse) if whole is not None else None
            for n, ((row, _), whole) in enumerate(zip(examples, rendered, strict=True))
        ]

    def _masked(
        self, row: Row, rendered: Rendered, batch: Batch, number: int, last_special: Array
    ) -> Encoded:
        text, ids = rendered.text, batch.of(number)
        places = sorted({rendered.prompt, *(c for span in (*rendered.spans, *rendered.turns) for c in span)})
        tokens, clean = batch.places(number, text, places)
        token_at = dict(zip(places, tokens, strict=True))
        # Where the model starts to write: the tokens of what stands before are those that it will be given.
        begins = {start for start, _ in rendered.turns} | ({rendered.prompt} if rendered.prompt else set())
        for place, whole in zip(places, clean, strict=True):
            if place in begins:
                self._check_boundary(row, text, place, batch, number, token_at[place], whole, last_special)
        spans: list[int] = []
        for start, stop in rendered.spans:
            first, after = max(token_at[start], 1), token_at[stop]
            if spans and spans[-1] == first:
                spans[-1] = after
            elif first < after:
                spans += (first, after)
        ends = [token_at[stop] for _, stop in rendered.turns]
        if not ends and self.end is not None:
            ends = (np.flatnonzero((ids == self.end) & Encoded(ids, spans, []).mask()) + 1).tolist()
        return Encoded(ids, spans, ends, rendered.faded)

    def _doubles(self, batch: Batch) -> list[int]:
        """Rows that may have a token twice that stands once."""
        ids = batch.ids
        if len(ids) < 2:
            return []
        twice = ids[1:] == ids[:-1]
        suspect = np.zeros(len(twice), dtype=bool)
        for token in {self._bos, self.end, self._eos} - {None}:
            suspect |= twice & (ids[1:] == token)
        numbers = np.searchsorted(batch.bounds, np.flatnonzero(suspect), side="right") - 1
        return [int(n) for n in np.unique(numbers)]

    def _check_double(self, row: Row, ids: Array) -> None:
        try:
            gates.check_no_double(ids, self._bos, self.end if self.end is not None else self._eos)
        except JobError as error:
            raise JobError(f"{self._name}: {error.message} ({row.place})", error.help) from None

    @property
    def _name(self) -> str:
        return self.renderer.template.name if self.renderer else "template"

    def _check_boundary(
        self,
        row: Row,
        text: str,
        place: int,
        batch: Batch,
        number: int,
        stop: int,
        clean: bool,
        last_special: Array,
    ) -> None:
        """The tokens of the prompt `text[:place]` must begin the conversation's. Special tokens are never merged with
        what is beside them, so it is enough to look at what follows the prompt's last one."""
        base = int(batch.bounds[number])
        start = max(int(last_special[base + stop - 1]) - base, 0) if stop else 0
        actual = batch.ids[base + start : base + stop]
        known = actual.tobytes()
        if clean and known in self._good:
            return
        if batch.in_bytes[number]:
            cut = int(batch.starts[base + start]) if stop else 0
            tail = text[:place].encode()[cut:].decode()
        else:
            tail = text[int(batch.starts[base + start]) if stop else 0 : place]
        expected = self.tokenizer.encode(tail, add_special_tokens=False)
        if actual.tolist() != expected:
            self._not_a_prefix(row, expected, actual.tolist())
        self._good.add(known)

    def _not_a_prefix(self, row: Row, expected: list[int], actual: list[int]) -> None:
        raise JobError(
            f"{self._name}: the prompt's tokens are not how the conversation's begin, so the model would be "
            f"trained on another prompt than it gets\n  {row.place}: the prompt ends with "
            f"{self.tokenizer.convert_ids_to_tokens(expected[-6:])}, the conversation has "
            f"{self.tokenizer.convert_ids_to_tokens(actual[-6:])} there",
            help="end the generation prompt where a token ends: after a special token, not after a space",
        )

    def answers(
        self, examples: list[tuple[Row, Pair | Judged]], refuse: Refuse | None = None
    ) -> list[Answered | None]:
        """Prompts with their answers. `refuse` as for `chats`."""
        assert self.renderer is not None
        rendered = _rendered(examples, self.renderer.answers, refuse)
        prompts = self.tokens.ids([r.prompt if r is not None else "" for r in rendered])
        whole = iter(self.tokens.ids([r.prompt + a for r in rendered if r is not None for a in r.answers]))
        rows: list[Answered | None] = []
        for (row, _), texts, prompt in zip(examples, rendered, prompts, strict=True):
            if texts is None:
                rows.append(None)
                continue
            sides = [next(whole) for _ in texts.answers]
            rows.append(_unless_refused(row, (texts, prompt, sides), self._answered, refuse))
        return rows

    def _answered(self, row: Row, parts: tuple[RenderedAnswers, Array, list[Array]]) -> Answered:
        texts, prompt, sides = parts
        for ids in sides:
            if not np.array_equal(ids[: len(prompt)], prompt):
                self._not_a_prefix(row, prompt.tolist(), ids[: len(prompt)].tolist())
            self._check_double(row, ids)
        answers = [ids[len(prompt) :] for ids in sides]
        if not all(len(answer) for answer in answers):
            raise JobError(f"{row.place}: an answer is empty once rendered", help="check the chat template")
        if len(answers) == 2 and np.array_equal(answers[0], answers[1]):
            raise JobError(
                f"{row.place}: chosen and rejected are the same once rendered",
                help="check the chat template, or leave such rows out: bad_rows = drop(at_most = ...) in their dataset, "
                "bad_pairs in `pairs`",
            )
        return Answered(prompt, answers, texts.prompt, texts.answers, texts.label)


def _unless_refused(
    row: Row, given: Given, make: Callable[[Row, Given], Made], refuse: Refuse | None
) -> Made | None:
    """What is made of a row; None where that is an error which `refuse` is told of."""
    try:
        return make(row, given)
    except JobError as error:
        if refuse is None:
            raise
        refuse(row, error)
        return None


def _rendered(
    examples: list[tuple[Row, Given]], render: Callable[[Row, Given], Made], refuse: Refuse | None
) -> list[Made | None]:
    with guarded():
        return [_unless_refused(row, example, render, refuse) for row, example in examples]
