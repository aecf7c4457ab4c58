"""What was merged from what, with which weights."""

from __future__ import annotations

from dataclasses import dataclass

from smolc.runtime.report.collect import JobView, Run
from smolc.runtime.report.outputs import number, objects
from smolc.runtime.report.text import count, label, percent


@dataclass(frozen=True)
class Merged:
    """inputs: names, checkpoints as `sft@120`, with their weights. note: in words, "" where there is nothing to say."""

    name: str
    method: str
    inputs: tuple[tuple[str, str], ...]
    like: str
    size: str
    note: str


def merges(run: Run) -> list[Merged]:
    """Of the merges that are done."""
    return [_merged(view) for view in run.of_kind("merge") if view.state == "done"]


def _merged(view: JobView) -> Merged:
    result = view.result
    method, note = label(str(result.get("method"))), ""
    arcs, lines, at = (number(result.get(key)) for key in ("arcs", "lines", "at"))
    if arcs is not None and lines is not None:
        method += f" at {percent(at, 0)}"
        note = f"{count(arcs)} tensors along the arc, {count(lines)} that are parallel along the line"
    inputs = tuple(
        (label(str(one.get("name"))), _weight(number(one.get("weight"))))
        for one in objects(result.get("merged"))
    )
    size = number(result.get("parameters"))
    said = f"{count(size)} parameters in {label(str(result.get('dtype')))}" if size is not None else ""
    return Merged(label(view.id), method, inputs, label(str(result.get("like"))), said, note)


def _weight(weight: float | None) -> str:
    return "–" if weight is None else f"{weight:.4g}"
