"""A model that answers, token by token."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from smolc.runtime.chat.find import Partner, lent
from smolc.runtime.chat.pieces import Ended, Pieces
from smolc.runtime.data.formats import Message
from smolc.runtime.data.template import RenderError, read_template
from smolc.runtime.data.tokenizer import load_tokenizer
from smolc.runtime.evaluate.answers import without_thinking
from smolc.runtime.evaluate.checkpoints import weights_of
from smolc.runtime.evaluate.subjects import Prompting, end_ids_of, loaded
from smolc.runtime.jobs.context import Context, ModelAt
from smolc.runtime.jobs.errors import JobError, run_first


@dataclass(frozen=True)
class Sampling:
    """temperature 0: greedy. max_new: tokens."""

    temperature: float
    top_p: float
    max_new: int


@dataclass(frozen=True)
class Reply:
    """text: without chain of thought and special tokens, what the next turn sees. raw: all of it, the end-of-turn, too.
    ended: how: `stopped` by itself, `cut` at its length, `interrupted`."""

    text: str
    raw: str
    tokens: int
    ended: str


class Speaker:
    """Loaded weights with their template and the tokens that end a turn. Raises JobError where they can't be had."""

    def __init__(self, context: Context, partner: Partner, sampling: Sampling, seed: int) -> None:
        self.name, self.sampling = partner.name, sampling
        device = "cuda" if torch.cuda.is_available() else "cpu"
        precision = "bf16" if device == "cuda" else "fp32"
        with ExitStack() as until_loaded:
            if partner.checkpoint is None:
                at = context.model_of(partner.job)
            else:
                folder = until_loaded.enter_context(tempfile.TemporaryDirectory(prefix="smolc-chat-"))
                at = weights_of(context, partner.checkpoint, Path(folder) / "model")
            self.model = loaded(at, precision, partner.trust_remote_code, device)
        self.prompting = _prompting(context, partner)
        self.ends = sorted(self.prompting.end_ids | end_ids_of(self.model))
        # What is not set when generating would come from here.
        self.model.generation_config = GenerationConfig()
        self.thinking = partner.template.thinking if partner.template else None
        tokens = self.prompting.tokenizer.added_tokens_decoder.values()
        self.specials = sorted({str(token) for token in tokens if token.special})
        torch.manual_seed(seed)

    @property
    def room(self) -> int:
        """Tokens of the model's context."""
        config = self.model.config.get_text_config()
        return int(getattr(config, "max_position_embeddings", 0) or 1 << 30)

    def prompt(self, messages: list[Message]) -> str:
        """As the model sees it. Raises JobError where the template has no such conversations."""
        template = self.prompting.template
        if template is None:
            return "\n\n".join(str(m["content"]) for m in messages)
        try:
            return template.render(messages, prompt=True)[0]
        except RenderError as error:
            raise JobError(str(error)) from error

    def answer(self, prompt: str, tell: Callable[[str], None]) -> Reply:
        """tell: given each piece of the answer as it comes. Ctrl-C ends it. Raises JobError for a prompt that leaves no
        room."""
        tokenizer = self.prompting.tokenizer
        ids = tokenizer.encode(prompt, add_special_tokens=self.prompting.template is None)
        if not ids:
            raise JobError("there is nothing to answer: the prompt is empty")
        if len(ids) >= self.room:
            raise JobError(
                f"the conversation has {len(ids)} tokens, and the model's context {self.room}",
                help="/undo takes the last turn back, /reset starts again",
            )
        pieces = Pieces(tokenizer, self.ends, self.prompting.end_text, tell)
        given = torch.tensor([ids], device=self.model.device)
        how = GenerationConfig(
            max_new_tokens=min(self.sampling.max_new, self.room - len(ids)),
            do_sample=self.sampling.temperature > 0,
            temperature=self.sampling.temperature or None,
            top_p=self.sampling.top_p if self.sampling.temperature else None,
            top_k=0 if self.sampling.temperature else None,
            eos_token_id=self.ends or None,
            pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0,
        )
        interrupted = False
        try:
            with torch.inference_mode():
                self.model.generate(
                    given,
                    attention_mask=torch.ones_like(given),
                    generation_config=how,
                    streamer=pieces,
                    stopping_criteria=[Ended(pieces)],
                )
        except KeyboardInterrupt:
            interrupted = True
        except torch.OutOfMemoryError as error:
            raise JobError("out of memory", help="/reset, or start with a smaller --max-new") from error
        pieces.finish()
        ended = "interrupted" if interrupted else "stopped" if pieces.stopped else "cut"
        return Reply(self._text(prompt, pieces.text), pieces.raw, len(pieces.ids), ended)

    def _text(self, prompt: str, text: str) -> str:
        if self.thinking:
            start, close = self.thinking
            opened = prompt.rfind(start) > prompt.rfind(close)
            text = without_thinking(text, self.thinking, opened)[0]
        for special in self.specials:
            text = text.replace(special, "")
        return text.strip()


def _prompting(context: Context, partner: Partner) -> Prompting:
    """Its own template; for a model without any that of the recipe's first stage with one, which is said."""

    def tokenizer_of(prepared: str | None) -> Any:
        if prepared is None:
            return load_tokenizer(context.model_of(partner.job), partner.trust_remote_code)
        folder = context.out_of(prepared) / "tokenizer"
        if not folder.is_dir():
            raise JobError(f"job {prepared} left no tokenizer", help=run_first(prepared))
        return load_tokenizer(ModelAt(str(folder.resolve())), partner.trust_remote_code)

    tokenizer, spec = tokenizer_of(partner.tokenizer), partner.template
    if (spec is None or spec.file is None) and tokenizer.chat_template is None:
        found = lent(context)
        if found is None:
            return Prompting(
                tokenizer, None, "plain text: neither the model nor a stage has a template", None
            )
        spec, prepared = found
        template = read_template(context.folder, spec, tokenizer_of(prepared))
        origin = f"{template.name}, as its stages (it has none of its own)"
        return Prompting(tokenizer, template, origin, spec.end_of_turn or tokenizer_of(prepared).eos_token)
    template = read_template(context.folder, spec, tokenizer)
    return Prompting(tokenizer, template, template.name, spec.end_of_turn if spec else None)
