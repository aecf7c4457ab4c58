"""A comparison for programs."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from smolc.compiler.compare.changes import BlockChange, Change, Compared
from smolc.compiler.compare.follows import Fact, Follows
from smolc.compiler.compare.leaves import Leaf
from smolc.compiler.diagnostics.secrets import covered


def as_json(before: str, after: str, compared: Compared, follows: Follows) -> dict[str, Any]:
    """before, after: what the two recipes are called. Values are recipe text; None is one that is not there."""
    return {
        "before": before,
        "after": after,
        "same": compared.same,
        "blocks": [_block(block) for block in compared.blocks],
        "changes": [_change(block, change) for block in compared.blocks for change in block.changes],
        "follows": {
            "stages": {label: [_fact(fact) for fact in facts] for label, facts in follows.stages.items()},
            "jobs": {key: list(ids) for key, ids in asdict(follows.jobs).items()},
        },
    }


_WORDS = {"+": "added", "-": "removed", "~": "changed"}


def _block(block: BlockChange) -> dict[str, Any]:
    return {
        "address": block.address,
        "change": _WORDS[block.sign],
        "was": None if block.was is None else f"{block.kind}.{block.was}",
        "reordered": block.reordered,
    }


def _change(block: BlockChange, change: Change) -> dict[str, Any]:
    return {
        "address": f"{block.address}.{change.key}",
        "change": _WORDS[change.sign],
        "before": _value(change.before),
        "after": _value(change.after),
    }


def _value(leaf: Leaf | None) -> dict[str, Any] | None:
    if leaf is None:
        return None
    found: dict[str, Any] = {"value": covered(leaf.text), "default": leaf.span is None}
    if leaf.locked:
        found["locked"] = True
    if leaf.span is not None:
        found |= {
            "file": os.path.normpath(leaf.span.source.name),
            "line": leaf.span.line,
            "column": leaf.span.column,
        }
    return found


def _fact(fact: Fact) -> dict[str, Any]:
    return {"name": fact.name, "before": list(fact.before), "after": list(fact.after), "note": fact.note}
