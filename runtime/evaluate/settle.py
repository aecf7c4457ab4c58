"""lm-eval's tasks, made to ask each model and each run the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def seeded(seed: str) -> Iterator[None]:
    """While this lasts, Python's random numbers are those of the seed: GPQA's choices are shuffled when it is built."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def settle(task: Any) -> None:
    """Keep a task's documents, which lm-eval processes anew each time that they are asked for, and let its solved
    examples depend on nothing but the document that they stand before."""
    if hasattr(task, "task_docs") and task.config.process_docs is not None:
        split = task.config.test_split or task.config.validation_split
        task.dataset = {**task.dataset, split: task.task_docs}
        task.config.process_docs = None
    sampler = getattr(task, "sampler", None)
    if sampler is None:
        return
    draw = sampler.sample

    def sample(n: int, eval_doc: Any = None, **how: Any) -> Any:
        sampler.set_rnd(f"{task.config.task} {eval_doc}")
        return draw(n, eval_doc=eval_doc, **how)

    sampler.sample = sample
