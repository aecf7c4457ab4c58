"""lm-eval's Hugging Face model, with generation of our own.

lm-eval's `generate_until` does not say whether an answer ended by itself, decodes the batch at each step to
look for stop texts, takes top_k and penalties from the model's generation_config, cuts a chain of thought
at a task's stop text, and scores an unterminated one. The rest (log-likelihoods) is lm-eval's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils_hf import stop_sequences_criteria
from transformers import GenerationConfig

from smolc.runtime.data.template import ChatTemplate, RenderError
from smolc.runtime.evaluate.answers import without_thinking
from smolc.runtime.jobs.errors import JobError


class Answer(str):
    """What is scored, and how it came about. raw: with the chain of thought; tokens: generated ones, without
    the end-of-turn."""

    raw: str
    stopped: bool
    unterminated: bool
    tokens: int

    @classmethod
    def of(cls, text: str, raw: str, stopped: bool, unterminated: bool, tokens: int) -> Answer:
        answer = cls(text)
        answer.raw, answer.stopped, answer.unterminated, answer.tokens = raw, stopped, unterminated, tokens
        return answer


@dataclass
class Decoding:
    """How one task is answered. end_ids: tokens that end a turn; end_text: the same where it is no single
    token; tell: given the number of answers done so far."""

    temperature: float
    top_p: float
    max_new: int
    end_ids: tuple[int, ...]
    end_text: str | None
    thinking: tuple[str, str] | None
    seed: int
    tell: Callable[[int], None]


class ChatModel(HFLM):  # type: ignore[misc]
    """A loaded model. `decoding` is set before each task."""

    decoding: Decoding

    def __init__(self, model: Any, tokenizer: Any, template: ChatTemplate | None, batch: int) -> None:
        super().__init__(pretrained=model, tokenizer=tokenizer, batch_size=batch)
        # What is not set when generating would come from here.
        model.generation_config = GenerationConfig()
        self.template = template
        self.specials = sorted({str(t) for t in tokenizer.added_tokens_decoder.values() if t.special})

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        """A rendered template writes its own special tokens."""
        if self.template is not None and add_special_tokens is None:
            add_special_tokens = False
        return list(super().tok_encode(string, add_special_tokens, **kwargs))

    def apply_chat_template(
        self, chat_history: list[dict[str, Any]], add_generation_prompt: bool = True
    ) -> str:
        """For lm-eval's tasks. Without a generation prompt, the last message is left open."""
        assert self.template is not None
        try:
            text = self.template.render(chat_history, prompt=add_generation_prompt)[0]
        except RenderError as error:
            others = [m for m in chat_history if m["role"] != "system"]
            if len(others) == len(chat_history):
                raise JobError(str(error)) from error
            return self.apply_chat_template(others, add_generation_prompt)
        if add_generation_prompt:
            return text
        last = chat_history[-1]["content"].strip()
        return text[: text.rindex(last) + len(last)]

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Answers in the order of the requests; in batches of like length, longest first, padded on the left.
        Raises JobError for a prompt that does not fit the model."""
        how = self.decoding
        torch.manual_seed(how.seed)
        prompts = [str(r.args[0]) for r in requests]
        ids = self._encoded(prompts)
        rooms = [min(how.max_new, self.max_length - len(i)) for i in ids]
        untils = [_until(r.args[1] if len(r.args) > 1 else {}) for r in requests]
        answers: list[str] = [""] * len(requests)
        order = sorted(range(len(ids)), key=lambda i: (untils[i], -rooms[i], -len(ids[i]), i))
        done = 0
        for (until, room), same in groupby(order, key=lambda i: (untils[i], rooms[i])):
            group = list(same)
            for start in range(0, len(group), self.batch_size):
                batch = group[start : start + self.batch_size]
                # A stop text within a chain of thought must not end it.
                texts = () if how.thinking else until
                for i, new in zip(batch, self._batch([ids[i] for i in batch], room, texts), strict=True):
                    answers[i] = self._answer(prompts[i], new, until)
                done += len(batch)
                how.tell(done)
        return answers

    def _encoded(self, prompts: list[str]) -> list[list[int]]:
        known: dict[str, list[int]] = {}
        size = self.model.get_input_embeddings().num_embeddings
        for prompt in prompts:
            if prompt in known:
                continue
            known[prompt] = self.tok_encode(prompt)
            if not known[prompt]:
                raise JobError(
                    "a prompt is empty once rendered", help="check the chat template and the dataset's rows"
                )
            if len(known[prompt]) >= self.max_length:
                raise JobError(
                    f"a prompt of {len(known[prompt])} tokens leaves no room to answer in the model's "
                    f"context of {self.max_length}: {prompt[:60]!r}...",
                    help="leave such rows out with where = ..., or evaluate fewer rows",
                )
            if max(known[prompt]) >= size:
                raise JobError(
                    f"the tokenizer writes token {max(known[prompt])}, the model has embeddings for {size}",
                    help="prompt this model with its own tokenizer",
                )
        return [known[prompt] for prompt in prompts]

    def _batch(self, rows: list[list[int]], room: int, until: tuple[str, ...]) -> list[list[int]]:
        """Generated ids of each row, [<= room]."""
        how = self.decoding
        width = max(map(len, rows))
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else 0
        ids = torch.full((len(rows), width), pad, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for i, row in enumerate(rows):
            ids[i, width - len(row) :] = torch.tensor(row, dtype=torch.long)
            mask[i, width - len(row) :] = 1
        # top_k 0: transformers' own default is 50.
        sampling = (
            {"do_sample": True, "temperature": how.temperature, "top_p": how.top_p, "top_k": 0}
            if how.temperature > 0
            else {"do_sample": False}
        )
        settings = GenerationConfig(
            max_new_tokens=room,
            eos_token_id=list(how.end_ids) or None,
            pad_token_id=pad,
            use_cache=True,
            **sampling,
        )
        texts = [*until, *([how.end_text] if how.end_text else [])]
        with torch.inference_mode():
            out = self.model.generate(
                input_ids=ids.to(self.device),
                attention_mask=mask.to(self.device),
                generation_config=settings,
                stopping_criteria=stop_sequences_criteria(self.tokenizer, texts, width, len(rows)),
            )
        return [[int(token) for token in row] for row in out[:, width:].tolist()]

    def _answer(self, prompt: str, ids: list[int], until: tuple[str, ...]) -> Answer:
        how = self.decoding
        end = next((n for n, token in enumerate(ids) if token in how.end_ids), None)
        stopped = end is not None
        ids = ids[:end]
        text = self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if how.end_text and how.end_text in text:
            stopped, text = True, text.partition(how.end_text)[0]
        raw, unterminated = text, False
        if how.thinking:
            start, close = how.thinking
            opened = prompt.rfind(start) > prompt.rfind(close)
            text, unterminated = without_thinking(text, how.thinking, opened)
        for stop in until:
            text = text.partition(stop)[0]
        # Not by skip_special_tokens: the tags of a chain of thought may be special too.
        for special in self.specials:
            text = text.replace(special, "")
        return Answer.of("" if unterminated else text, raw, stopped, unterminated, len(ids))


def _until(arguments: dict[str, Any]) -> tuple[str, ...]:
    until = arguments.get("until") or ()
    return (until,) if isinstance(until, str) else tuple(until)
