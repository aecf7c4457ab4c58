"""The judge's model as the subjects' are run, greedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lm_eval.api.instance import Instance

from smolc.runtime.data.formats import Message
from smolc.runtime.data.template import RenderError
from smolc.runtime.evaluate.generate import Answer, ChatModel
from smolc.runtime.jobs.errors import JobError


class ChatSpeaker:
    """lm: loaded, with the decoding that ends a turn of it and takes its chain of thought out."""

    def __init__(self, lm: ChatModel) -> None:
        self.lm = lm

    @property
    def cached(self) -> int:
        return self.lm.cached

    def prompt(self, messages: list[Message]) -> str:
        """Raises JobError."""
        if self.lm.template is None:
            return "\n\n".join(str(m["content"]) for m in messages)
        try:
            return self.lm.template.render(messages, prompt=True)[0]
        except RenderError as error:
            raise JobError(f"the judge's prompt: {error}", help="give the judge its own template") from error

    def fits(self, prompt: str, max_new: int) -> bool:
        return len(self.lm.tok_encode(prompt)) + max_new <= int(self.lm.max_length)

    def answers(self, prompts: Sequence[str], max_new: int) -> list[Answer]:
        self.lm.decoding = replace(self.lm.decoding, temperature=0.0, top_p=1.0, max_new=max_new)
        requests = [
            Instance(request_type="generate_until", doc={}, arguments=(prompt, {}), idx=0)
            for prompt in prompts
        ]
        return self.lm.generate_until(requests)
