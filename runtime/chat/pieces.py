"""Tokens as they come, as text that can be shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import StoppingCriteria
from transformers.generation.streamers import BaseStreamer

HALF = "\N{REPLACEMENT CHARACTER}"
"""What a decoder makes of the first bytes of a character."""


class Pieces(BaseStreamer):  # type: ignore[misc]
    """Told tokens by `generate`, tells text: whole characters only, and not what may begin the end of the turn."""

    def __init__(
        self, tokenizer: Any, ends: Sequence[int], end_text: str | None, tell: Callable[[str], None]
    ) -> None:
        self.tokenizer, self.ends, self.end_text, self.tell = tokenizer, set(ends), end_text, tell
        self.ids: list[int] = []
        self.text, self.raw, self.told = "", "", 0
        self.stopped, self.prompt_seen = False, False
        # Text of ids[:read] is in `raw`; decoding starts before it, since some tokenizers write a first token
        # without the space that is before it.
        self.before, self.read = 0, 0

    def put(self, value: Any) -> None:
        if not self.prompt_seen:  # `generate` begins with the prompt
            self.prompt_seen = True
            return
        for token in value.reshape(-1).tolist():
            if self.stopped:
                return
            if token in self.ends:
                self.stopped = True
                self._take(flush=True)
                self.raw += self._decoded([token])
            else:
                self.ids.append(token)
                self._take(flush=False)

    def end(self) -> None:
        """Called by `generate`; `finish` does it also after an interruption."""

    def finish(self) -> None:
        self._take(flush=True)
        self._tell(len(self.text))

    def _take(self, flush: bool) -> None:
        known = self._decoded(self.ids[self.before : self.read])
        whole = self._decoded(self.ids[self.before :])
        if len(whole) <= len(known) or (whole.endswith(HALF) and not flush):
            return
        self.raw += whole[len(known) :]
        self.before, self.read = self.read, len(self.ids)
        self.text, end, _ = self.raw.partition(self.end_text) if self.end_text else (self.raw, "", "")
        self.stopped = self.stopped or bool(end)
        held = 0
        if self.end_text and not self.stopped:
            lengths = range(1, len(self.end_text))
            held = max((n for n in lengths if self.text.endswith(self.end_text[:n])), default=0)
        self._tell(len(self.text) - held)

    def _tell(self, length: int) -> None:
        if length > self.told:
            said, self.told = self.text[self.told : length], length
            self.tell(said)  # last: Ctrl-C may be pressed in it

    def _decoded(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


class Ended(StoppingCriteria):  # type: ignore[misc]
    """Where the end of a turn is no single token."""

    def __init__(self, pieces: Pieces) -> None:
        self.pieces = pieces

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        return torch.full((input_ids.shape[0],), self.pieces.stopped, device=input_ids.device)
