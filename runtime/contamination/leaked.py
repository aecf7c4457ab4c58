"""Which problems of an eval are in data that its models learned from."""

from __future__ import annotations

from typing import Any

from smolc.runtime.report.outputs import mapping


def leaked_in(overlap: dict[str, Any], eval: str) -> dict[str, frozenset[str]]:
    """Ids as in `samples.jsonl`, by task; without the tasks that have none. overlap: what `overlap.json` holds."""
    tasks = mapping(mapping(overlap.get("leaked")).get(eval))
    return {
        str(task): frozenset(map(str, ids)) for task, ids in tasks.items() if isinstance(ids, list) and ids
    }
