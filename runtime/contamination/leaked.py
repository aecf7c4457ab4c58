"""Which problems of an eval are in data that its models learned from."""

from __future__ import annotations

from pathlib import Path

from smolc.runtime.report.outputs import mapping, read_object


def leaked_ids(folder: Path, eval: str, task: str, job: str = "contamination") -> frozenset[str]:
    """Ids as in `samples.jsonl`; none where nothing was compared. folder: the compiled one."""
    told = mapping(read_object(folder / "out" / job / "overlap.json").get("leaked"))
    ids = mapping(told.get(eval)).get(task)
    return frozenset(map(str, ids)) if isinstance(ids, list) else frozenset()
