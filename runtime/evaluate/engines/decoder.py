"""The step that adds a token to each of many answers; on a GPU as a CUDA graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from smolc.runtime.evaluate.engines.base import Sampling
from smolc.runtime.evaluate.engines.sampling import choose
from smolc.runtime.evaluate.engines.slots import Slots


class Decoder:
    """State of each slot, on the device: the next input token and its position (`at`), what came out (`out`), how many
    that is (`made`) of at most how many (`rooms`), and whether it is `finished`. A finished slot stays as it is.

    Reading a prompt leaves out its last token, which is the first that a step takes in: so no step differs.
    """

    def __init__(
        self,
        model: Any,
        shapes: Sequence[tuple[Any, Any]],
        slots: int,
        width: int,
        room: int,
        sampling: Sampling,
    ) -> None:
        self.model, self.sampling = model, sampling
        device = model.device
        self.slots = Slots(shapes, slots, width, torch.empty(0, dtype=model.dtype, device=device))
        self.tokens = torch.zeros(slots, dtype=torch.long, device=device)
        self.at = torch.zeros_like(self.tokens)
        self.made = torch.zeros_like(self.tokens)
        self.rooms = torch.ones_like(self.tokens)
        self.seeds = torch.zeros_like(self.tokens)
        self.finished = torch.ones(slots, dtype=torch.bool, device=device)
        self.out = torch.zeros((slots, room), dtype=torch.int32, device=device)
        self.ends = torch.tensor(sampling.end_ids, dtype=torch.long, device=device)
        self.columns = torch.arange(width, device=device)
        self.graphs: dict[tuple[int, int], Any] = {}
        self.pool: Any = None

    def read(self, prompts: Sequence[Sequence[int]], rows: Sequence[int]) -> None:
        """Keys and values of all but the last token of each prompt, for its row; padded on the right, where nothing
        that counts looks."""
        longest = max(len(prompt) for prompt in prompts) - 1
        index = torch.tensor(rows, device=self.model.device)
        if longest > 0:
            ids = torch.zeros((len(prompts), longest), dtype=torch.long)
            for i, prompt in enumerate(prompts):
                ids[i, : len(prompt) - 1] = torch.tensor(prompt[:-1], dtype=torch.long)
            positions = torch.arange(longest, device=self.model.device).expand(len(prompts), -1)
            self.model(
                input_ids=ids.to(self.model.device),
                position_ids=positions,
                past_key_values=self.slots.reading(index),
                use_cache=True,
                logits_to_keep=1,
            )

    def start(self, rows: Sequence[int], lasts: Sequence[Sequence[int]]) -> None:
        """lasts: (last token, its position, room, seed) for each row, whose prompt was read."""
        index = torch.tensor(rows, device=self.model.device)
        values = torch.tensor(lasts, dtype=torch.long).to(self.model.device)
        for state, column in zip((self.tokens, self.at, self.rooms, self.seeds), values.T, strict=True):
            state[index] = column
        self.made[index] = 0
        self.finished[index] = False

    def move(self, rows: Sequence[int]) -> None:
        """Put these slots, in ascending order, first; the others are free."""
        index = torch.tensor(rows, device=self.model.device)
        self.slots.move(index)
        for state in (self.tokens, self.at, self.made, self.rooms, self.seeds, self.finished, self.out):
            state[: len(rows)] = state[index]
        self.finished[len(rows) :] = True

    def steps(self, rows: int, width: int, count: int) -> None:
        """`count` tokens for each of the first `rows` slots, whose positions stay below `width`."""
        if self.model.device.type != "cuda":
            for _ in range(count):
                self._step(rows, width)
            return
        if (rows, width) not in self.graphs:
            self.graphs[rows, width] = self._captured(rows, width)
        for _ in range(count):
            self.graphs[rows, width].replay()

    def _captured(self, rows: int, width: int) -> Any:
        """A step's kernels, to be run again without Python. The runs that warm up must change nothing: all is finished
        meanwhile."""
        kept = self.finished.clone()
        self.finished.fill_(True)
        if not self.graphs:
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                self._step(rows, width)
            torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            self._step(rows, width)
        self.pool = graph.pool()
        self.finished.copy_(kept)
        return graph

    def logits(self, rows: int, width: int) -> torch.Tensor:
        """[rows, V] after the input tokens of the first slots."""
        at = self.at[:rows]
        lowest = torch.finfo(self.model.dtype).min
        seen = self.columns[:width] <= at[:, None]
        mask = torch.zeros_like(seen, dtype=self.model.dtype).masked_fill_(~seen, lowest)
        out = self.model(
            input_ids=self.tokens[:rows, None],
            attention_mask=mask[:, None, None, :],
            position_ids=at[:, None],
            past_key_values=self.slots.adding(at, width),
            use_cache=True,
        )
        return out.logits[:, -1]

    def _step(self, rows: int, width: int) -> None:
        made, finished = self.made[:rows], self.finished[:rows]
        logits = self.logits(rows, width)
        token = choose(logits, self.sampling.temperature, self.sampling.top_p, self.seeds[:rows], made)
        token = torch.where(finished, self.tokens[:rows], token)
        column = made.clamp(max=self.out.shape[1] - 1)[:, None]
        old = self.out[:rows].gather(1, column)
        self.out[:rows].scatter_(
            1, column, torch.where(finished[:, None], old, token[:, None].to(torch.int32))
        )
        self.tokens[:rows] = token
        self.at[:rows] += ~finished
        self.made[:rows] += ~finished
        ended = (token[:, None] == self.ends).any(dim=1) | (self.made[:rows] >= self.rooms[:rows])
        self.finished[:rows] |= ended
