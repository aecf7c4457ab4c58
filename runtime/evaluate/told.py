"""What the log says of a row of results."""

from __future__ import annotations

from typing import Any

SAID = {
    "no_answer": "without an answer",
    "unterminated": "thought without end",
    "thinking_scored": "scored with a chain of thought",
    "cached": "known from before",
    "unjudged": "that the judge gave no verdict on",
}


def line(row: dict[str, Any]) -> str:
    """`sft.gsm8k = 0.4550 [0.4100, 0.5010] (exact_match, n = 200, 12.1 s): 3 without an answer`"""
    value = "not scored" if row["value"] is None else f"{row['value']:.4f}"
    spread = f" [{row['low']:.4f}, {row['high']:.4f}]" if row["low"] is not None else ""
    counted = [f"{row[name]} {said}" for name, said in SAID.items() if row.get(name)]
    if row["stopped"] is not None and row["stopped"] < 1:
        counted.append(f"{1 - row['stopped']:.0%} never stopped")
    repeats = f", avg@{row['k']}" if row["k"] > 1 else ""
    seconds = f", {row['seconds']:.1f} s" if row.get("seconds") else ""
    return (
        f"{row['model']}.{row['task']} = {value}{spread} ({row['metric']}, n = {row['n']}{repeats}{seconds})"
        f"{': ' if counted else ''}{', '.join(counted)}"
    )
