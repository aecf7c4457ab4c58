"""Asking the documents of an lm-eval task several times, and only some of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def repeated(tasks: dict[str, Any], chosen: Mapping[str, Sequence[int]], k: int) -> Iterator[None]:
    """While this lasts, each task yields the documents `chosen` (by name; numbers of documents), k times each, as
    documents of their own: number j is sample j % k of the chosen document j // k. lm-eval's own `repeats` end in a
    filter that keeps the first sample."""
    originals = {name: task.doc_iterator for name, task in tasks.items()}
    for name, task in tasks.items():
        task.doc_iterator = _iterator(task, chosen[name], k)
    try:
        yield
    finally:
        for name, task in tasks.items():
            task.doc_iterator = originals[name]


def _iterator(task: Any, chosen: Sequence[int], k: int) -> Any:
    def documents(*_: Any, **__: Any) -> Iterator[tuple[int, Any]]:
        for i, number in enumerate(chosen):
            document = task.eval_docs[number]
            for j in range(k):
                yield i * k + j, document

    return documents
