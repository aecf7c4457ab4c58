"""The engine that needs nothing but transformers: continuous batching over a memory of slots."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Sequence
from typing import Any

import torch
from transformers import __version__

from smolc.runtime.evaluate.engines.base import Done, Sampling, Wanted, cut, holds_stop, tail_of
from smolc.runtime.evaluate.engines.decoder import Decoder
from smolc.runtime.evaluate.engines.plain import generate_batch
from smolc.runtime.evaluate.engines.slots import shapes_of

MOST_ROWS = {"cuda": 1024, "cpu": 32}
"""Answers at once. More of them take longer in proportion, on an H100 and on two cores."""
MEMORY = 0.75
"""Share of the free memory of a GPU for keys, values and logits; the rest is for reading prompts."""
READ = 1 << 15
"""Tokens of prompts that are read in one pass, at most (or one prompt)."""
STEPS = 16
"""Tokens between two looks at which answers have ended."""
GRAIN = 64
"""Positions: attention looks at a multiple of so many."""
TOLERANCE = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 8e-2}
"""Of the relative difference between logits with and without slots."""


class TransformersEngine:
    """batch: answers at once; None for as many as fit, up to MOST_ROWS.

    Whether a model can be run with slots is tried out, by its logits. One that can't (sliding windows, recurrent
    layers, caches of its own) is run with `generate` of transformers, batch by batch.
    """

    name = "transformers"
    version = __version__

    def __init__(self, model: Any, tokenizer: Any, batch: int | None = None) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.most: int = batch or MOST_ROWS.get(model.device.type, 8)
        self.halved = False
        self._shapes: list[tuple[Any, Any]] | None = None
        self._tried = False

    def generate(self, wanted: Sequence[Wanted], sampling: Sampling, done: Done) -> None:
        """Raises torch.OutOfMemoryError if not even one answer at a time fits."""
        left = set(range(len(wanted)))

        def finished(i: int, ids: list[int]) -> None:
            left.discard(i)
            done(i, ids)

        while left:
            order = sorted(left, key=lambda i: (-_need(wanted[i]), i))
            try:
                with torch.inference_mode():
                    self._generate(wanted, order, sampling, finished)
                continue
            except torch.OutOfMemoryError:
                if self.most == 1:
                    raise
            # Not above: the error holds on to tensors as long as it is handled.
            self._halve()

    def free(self) -> None:
        """Nothing is kept between calls."""

    def close(self) -> None:
        self.free()

    def _halve(self) -> None:
        self.most = max(1, self.most // 2)
        gc.collect()
        torch.cuda.empty_cache()
        if not self.halved:
            print(f"out of memory: from here on {self.most} answers at once, and fewer if need be")
        self.halved = True

    def _generate(self, wanted: Sequence[Wanted], order: list[int], sampling: Sampling, done: Done) -> None:
        """order: numbers of the requests, those that need the most tokens first."""
        if not self._tried:
            self._shapes, self._tried = self._slots_work(), True
        while order:
            if self._shapes is None:
                batch, order = order[: self.most], order[self.most :]
                generate_batch(self.model, self.tokenizer, wanted, batch, sampling, done)
                continue
            most = _need(wanted[order[0]])
            width = -(-most // GRAIN) * GRAIN
            slots = self._fitting(width, sampling)
            # What is much shorter would waste a slot of this width, unless there are slots for all.
            n = len(order)
            if n > slots:
                n = next((k for k, i in enumerate(order) if _need(wanted[i]) <= most // 2), n)
            pool, order = order[:n], order[n:]
            _Pool(self, wanted, pool, sampling, done, min(slots, n), width).run()

    def _fitting(self, width: int, sampling: Sampling) -> int:
        """How many slots of so many tokens there is memory for."""
        if self.model.device.type != "cuda":
            return self.most
        assert self._shapes is not None
        size = int(self.model.dtype.itemsize)
        token: int = sum(heads * length for both in self._shapes for heads, length in both) * size
        # Logits in the model's precision and in fp32; more of them where tokens are drawn.
        vocabulary = int(self.model.get_input_embeddings().num_embeddings)
        logits = vocabulary * (8 if sampling.temperature == 0 else 20)
        torch.cuda.empty_cache()
        free: int = torch.cuda.mem_get_info(self.model.device)[0]
        fitting = int(free * MEMORY) // (width * token + logits)
        return max(1, min(self.most, fitting))

    def _slots_work(self) -> list[tuple[Any, Any]] | None:
        """The shapes of the model's keys and values, if it says the same with slots as without."""
        try:
            return self._tried_slots()
        except torch.OutOfMemoryError:
            raise
        except _UnfitError as error:
            why = str(error)
        except Exception as error:  # models of others may raise anything
            why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        kind = type(self.model).__name__
        print(f"{kind} is run batch by batch, which is slower than answers in slots: {why}")
        return None

    def _tried_slots(self) -> list[tuple[Any, Any]]:
        if "logits_to_keep" not in inspect.signature(self.model.forward).parameters:
            raise _UnfitError("its forward pass takes no logits_to_keep")
        size = self.model.get_input_embeddings().num_embeddings
        prompts = [[(7 * i + 3) % size for i in range(n)] for n in (9, 4)]
        shapes, expected = None, []
        for prompt in prompts:
            ids = torch.tensor([prompt], device=self.model.device)
            out = self.model(input_ids=ids, use_cache=True)
            shapes = shapes_of(out.past_key_values)
            expected.append(out.logits[0, -2:].float())
        if shapes is None:
            raise _UnfitError("its layers keep something else than all keys and values")
        decoder = Decoder(self.model, shapes, 3, GRAIN, 2, Sampling(0.0, 1.0, ()))
        # The last slots, in the other order, of prompts that are two tokens short; the first is free.
        decoder.read([prompt[:-1] for prompt in reversed(prompts)], [1, 2])
        found = []
        for back in (2, 1):
            states = [(prompt[-back], len(prompt) - back, 2, 0) for prompt in reversed(prompts)]
            decoder.start([1, 2], states)
            found.append(decoder.logits(3, GRAIN)[[2, 1]].float())
        difference = torch.stack(found, dim=1) - torch.stack(expected)
        relative = float(difference.norm() / torch.stack(expected).norm())
        # Written so that NaN is no success.
        if relative <= TOLERANCE.get(self.model.dtype, 1e-3):
            return shapes
        raise _UnfitError(f"its logits come out differently by {relative:.1e}")


class _UnfitError(Exception):
    """Why a model cannot be run with slots."""


class _Pool:
    """Answers that are generated together. Slots that get free are given to the next prompts."""

    def __init__(
        self,
        engine: TransformersEngine,
        wanted: Sequence[Wanted],
        order: list[int],
        sampling: Sampling,
        done: Done,
        slots: int,
        width: int,
    ) -> None:
        self.engine, self.wanted, self.sampling, self.done = engine, wanted, sampling, done
        self.waiting = list(reversed(order))
        assert engine._shapes is not None
        room = max(wanted[i].room for i in order)
        self.decoder = Decoder(engine.model, engine._shapes, slots, width, room, sampling)
        self.slots, self.width = slots, width
        # Which request a slot works on, and how many of its tokens were looked at.
        self.at_work: dict[int, int] = {}
        self.seen: dict[int, int] = {}

    def run(self) -> None:
        rows = 0
        while self.waiting or self.at_work:
            free = self.slots - len(self.at_work)
            # Reading a few prompts takes as long as many steps do.
            if self.waiting and (not self.at_work or free * 16 >= self.slots):
                self._fill()
                rows = self.slots if len(self.at_work) == self.slots else max(self.at_work) + 1
            rows = self._compacted(rows)
            at = max(self._position(slot) for slot in self.at_work)
            count = min(STEPS, max(self._left(slot) for slot in self.at_work))
            width = min(self.width, -(-(at + count) // GRAIN) * GRAIN)
            self.decoder.steps(rows, width, count)
            self._look(rows)

    def _position(self, slot: int) -> int:
        return len(self.wanted[self.at_work[slot]].ids) + self.seen[slot]

    def _left(self, slot: int) -> int:
        return self.wanted[self.at_work[slot]].room - self.seen[slot]

    def _fill(self) -> None:
        """Give free slots to prompts, which are read in passes of like lengths."""
        free = iter([slot for slot in range(self.slots) if slot not in self.at_work])
        placed = [(slot, self.waiting.pop()) for slot in free if self.waiting]
        placed.sort(key=lambda one: -len(self.wanted[one[1]].ids))
        while placed:
            n = max(1, READ // len(self.wanted[placed[0][1]].ids))
            now, placed = placed[:n], placed[n:]
            prompts = [self.wanted[i].ids for _, i in now]
            rows = [slot for slot, _ in now]
            self.decoder.read(prompts, rows)
            wants = [self.wanted[i] for _, i in now]
            self.decoder.start(rows, [(w.ids[-1], len(w.ids) - 1, w.room, w.seed) for w in wants])
            self.at_work.update(now)
            self.seen.update(dict.fromkeys(rows, 0))

    def _compacted(self, rows: int) -> int:
        """How many slots a step runs over: once half of them or more are free for good, the others are put first."""
        if self.waiting:
            return rows
        fewer = min(rows, 1 << (len(self.at_work) - 1).bit_length())
        if fewer * 2 > rows and max(self.at_work) < rows:
            return rows
        order = sorted(self.at_work)
        self.decoder.move(order)
        self.at_work = {new: self.at_work[old] for new, old in enumerate(order)}
        self.seen = {new: self.seen[old] for new, old in enumerate(order)}
        return fewer

    def _look(self, rows: int) -> None:
        """Tell the answers that have ended."""
        made, finished = torch.stack([self.decoder.made[:rows], self.decoder.finished[:rows]]).tolist()
        going = [slot for slot, i in self.at_work.items() if not finished[slot] and self.wanted[i].stops]
        ended = [slot for slot in self.at_work if finished[slot]] + self._stopped(going)
        for slot, ids in zip(ended, self._made(ended, made), strict=True):
            i = self.at_work.pop(slot)
            self.done(i, cut(self.engine.tokenizer, ids, self.wanted[i], self.sampling.end_ids))
        if ended:
            self.decoder.finished[torch.tensor(ended, device=self.decoder.out.device)] = True
        self.seen = {slot: made[slot] for slot in self.at_work}

    def _stopped(self, slots: list[int]) -> list[int]:
        """Those whose last tokens hold a stop text."""
        if not slots:
            return []
        decoder, tokenizer = self.decoder, self.engine.tokenizer
        rows = torch.tensor(slots, device=decoder.out.device)
        size = STEPS + max(tail_of(self.wanted[self.at_work[slot]].stops) for slot in slots)
        columns = decoder.made[rows, None] - size + torch.arange(size, device=rows.device)
        tails = decoder.out[rows].gather(1, columns.clamp(min=0)).tolist()
        missing = (columns < 0).sum(dim=1).tolist()
        return [
            slot
            for slot, tail, none in zip(slots, tails, missing, strict=True)
            if holds_stop(tokenizer, tail[none:], self.wanted[self.at_work[slot]].stops)
        ]

    def _made(self, slots: list[int], made: list[int]) -> list[list[int]]:
        """The tokens of each slot."""
        if not slots:
            return []
        longest = max(made[slot] for slot in slots)
        rows = torch.tensor(slots, device=self.decoder.out.device)
        found = self.decoder.out[rows, :longest].tolist()
        return [ids[: made[slot]] for slot, ids in zip(slots, found, strict=True)]


def _need(want: Wanted) -> int:
    return len(want.ids) + want.room
