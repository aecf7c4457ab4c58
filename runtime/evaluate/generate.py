"""lm-eval's Hugging Face model, with generation of our own.

lm-eval's `generate_until` does not say whether an answer ended by itself, decodes the batch at each step to
look for stop texts, takes top_k and penalties from the model's generation_config, cuts a chain of thought
at a task's stop text, and scores an unterminated one. The rest (log-likelihoods) is lm-eval's. `engines/` generates.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM
from transformers import GenerationConfig

from smolc.runtime.data.template import ChatTemplate, RenderError
from smolc.runtime.evaluate.answers import without_thinking
from smolc.runtime.evaluate.engines.base import Engine, Sampling, Wanted, ended_at
from smolc.runtime.evaluate.engines.cache import AnswerCache
from smolc.runtime.evaluate.engines.transformers import TransformersEngine
from smolc.runtime.jobs.errors import JobError

SCORED_AT_ONCE = {"cuda": 64, "cpu": 8}
"""Texts whose log-likelihoods are computed at once, where the job does not say."""
KEPT_AT_ONCE = 64
"""Answers that are written down together."""


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
    """A loaded model. `decoding` is set before each task.

    batch: texts at once for log-likelihoods, and answers at once with the engine that is made where none is given.
    answers: those of before, and where new ones are kept. cached: how many were taken from there since it was set to 0.
    fingerprint: of its weights.
    """

    decoding: Decoding
    fingerprint: str

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        template: ChatTemplate | None,
        batch: int | None = None,
        engine: Engine | None = None,
        answers: AnswerCache | None = None,
    ) -> None:
        at_once = batch or SCORED_AT_ONCE.get(model.device.type, 8)
        super().__init__(pretrained=model, tokenizer=tokenizer, batch_size=at_once)
        # What is not set when generating would come from here.
        model.generation_config = GenerationConfig()
        self.template = template
        self.engine = engine or TransformersEngine(model, tokenizer, batch)
        self.answers = answers
        self.cached = 0
        self.halved = False
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

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[Answer]:
        """Answers in the order of the requests. Raises JobError for a prompt that does not fit the model.

        The k-th answer to the same prompt is drawn with a seed of its own, whatever else is asked. Greedy ones are the
        same, so that one is generated.
        """
        how = self.decoding
        prompts = [str(r.args[0]) for r in requests]
        untils = [_until(r.args[1] if len(r.args) > 1 else {}) for r in requests]
        sampling = Sampling(how.temperature, how.top_p, how.end_ids)
        wanted = self._wanted(prompts, untils)
        # Which answers are the same, by what they depend on.
        same: dict[Any, list[int]] = {}
        for i, want in enumerate(wanted):
            same.setdefault(self.answers.key(want, sampling) if self.answers else want, []).append(i)
        found: dict[Any, list[int]] = {}
        if self.answers:
            found = {key: self.answers.known[key] for key in same if key in self.answers.known}
        self.cached += sum(len(same[key]) for key in found)
        missing = [key for key in same if key not in found]
        done = sum(len(same[key]) for key in found)
        how.tell(done)
        fresh: list[tuple[str, list[int]]] = []

        def finished(i: int, ids: list[int]) -> None:
            nonlocal done
            key = missing[i]
            found[key] = ids
            done += len(same[key])
            fresh.append((key, ids))
            if len(fresh) >= KEPT_AT_ONCE:
                self._keep(fresh)
            how.tell(done)

        try:
            self.engine.generate([wanted[same[key][0]] for key in missing], sampling, finished)
        finally:
            self._keep(fresh)
        answers: list[Any] = [None] * len(requests)
        for key, numbers in same.items():
            for i in numbers:
                answers[i] = self._answer(prompts[i], found[key], untils[i])
        return answers

    def _keep(self, fresh: list[tuple[str, list[int]]]) -> None:
        if self.answers and fresh:
            self.answers.add(fresh)
        fresh.clear()

    def _wanted(self, prompts: list[str], untils: list[tuple[str, ...]]) -> list[Wanted]:
        how = self.decoding
        times: Counter[tuple[str, tuple[str, ...]]] = Counter()
        wanted = []
        for prompt, until, ids in zip(prompts, untils, self._encoded(prompts), strict=True):
            seed = _seed(how.seed, times[prompt, until], prompt) if how.temperature > 0 else 0
            times[prompt, until] += 1
            # A stop text within a chain of thought must not end it.
            stops = (*(() if how.thinking else until), *([how.end_text] if how.end_text else []))
            wanted.append(Wanted(tuple(ids), min(how.max_new, self.max_length - len(ids)), seed, stops))
        return wanted

    def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> Any:
        """lm-eval's, with fewer texts at once where memory does not suffice."""
        return self.in_memory(lambda: super(ChatModel, self).loglikelihood(requests, disable_tqdm))

    def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> Any:
        return self.in_memory(lambda: super(ChatModel, self).loglikelihood_rolling(requests, disable_tqdm))

    def in_memory(self, work: Callable[[], Any]) -> Any:
        """The result of `work`, which is done again with half of `batch_size` when memory runs out. Raises
        torch.OutOfMemoryError when one text is too many."""
        self.engine.free()
        while True:
            try:
                return work()
            except torch.OutOfMemoryError:
                if self.batch_size == 1:
                    raise
            # Not above: the error holds on to tensors as long as it is handled.
            self.batch_size_per_gpu = max(1, self.batch_size // 2)
            torch.cuda.empty_cache()
            if not self.halved:
                print(f"out of memory: from here on {self.batch_size} texts at once, and fewer if need be")
            self.halved = True

    def close(self) -> None:
        self.engine.close()

    def _encoded(self, prompts: list[str]) -> list[list[int]]:
        known: dict[str, list[int]] = {}
        size = self.model.get_input_embeddings().num_embeddings
        for prompt in prompts:
            if prompt in known:
                continue
            known[prompt] = self.tok_encode(prompt)
            if why := self.unfit(known[prompt]):
                raise JobError(
                    f"a prompt {why}: {prompt[:60]!r}...",
                    help="check the chat template; take such problems out of the data, or a model with a longer context",
                )
            if max(known[prompt]) >= size:
                raise JobError(
                    f"the tokenizer writes token {max(known[prompt])}, the model has embeddings for {size}",
                    help="prompt this model with its own tokenizer",
                )
        return [known[prompt] for prompt in prompts]

    def unfit(self, ids: Sequence[int]) -> str | None:
        """Why a prompt of these tokens cannot be answered, if so."""
        if not ids:
            return "is empty once rendered"
        if len(ids) >= self.max_length:
            return (
                f"of {len(ids)} tokens leaves no room to answer in the model's context of {self.max_length}"
            )
        return None

    def _answer(self, prompt: str, ids: list[int], until: tuple[str, ...]) -> Answer:
        how = self.decoding
        end = ended_at(ids, how.end_ids)
        # A text that a task stops at is none that the model ends with.
        stopped = end is not None
        ids = ids if end is None else ids[: end - 1]
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


def _seed(seed: int, sample: int, prompt: str) -> int:
    """63 bits of their own for each answer."""
    digest = hashlib.sha256(f"{seed} {sample} {prompt}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
