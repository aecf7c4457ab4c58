"""What differs between two recipes, by address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from smolc.compiler.compare.leaves import Block, Leaf, Leaves, leaves
from smolc.compiler.compare.side import Side
from smolc.compiler.resolve.resolved import KINDS


@dataclass(frozen=True)
class Change:
    """One value that was added (before is None), removed (after is None) or changed.

    swept: a sweep varies it on both sides, so that no run takes it.
    """

    key: str
    before: Leaf | None
    after: Leaf | None
    swept: bool = False

    @property
    def sign(self) -> str:
        return "+" if self.before is None else "-" if self.after is None else "~"


@dataclass(frozen=True)
class BlockChange:
    """What changed in one block. sign: `+` and `-` for a whole block, `~` for one that both have.

    label: in the new recipe, unless it is gone. was: its old label, where it was renamed. reordered: rows of a mixture
    that stand in another order, which is the order that they are read in.
    """

    kind: str
    label: str
    sign: str
    changes: tuple[Change, ...]
    was: str | None = None
    reordered: bool = False

    @property
    def address(self) -> str:
        return f"{self.kind}.{self.label}" if self.label else self.kind


@dataclass(frozen=True)
class Compared:
    """names: new labels of renamed blocks, by kind and old label."""

    blocks: tuple[BlockChange, ...]
    names: dict[Block, str] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        return not self.blocks


def compare(before: Side | None, after: Side | None) -> Compared:
    """What turns one recipe into the other; None for one that is not there. Order, comments and spelling do not count."""
    if before is None or after is None:
        return _whole(before, after)
    names: dict[Block, str] = {}
    new = leaves(after, {})
    while True:
        old = leaves(before, names)
        more = _renamed(old, new, names)
        if not more:
            break
        names.update(more)
    blocks: list[BlockChange] = []
    for block in _order(old, new, names):
        kind, label = block
        here = new.get((kind, names.get(block, label)))
        there = old.get(block)
        if there is None:
            assert here is not None
            blocks.append(BlockChange(kind, label, "+", tuple(_written(here, False))))
        elif here is None:
            blocks.append(BlockChange(kind, label, "-", tuple(_written(there, True))))
        else:
            was = label if block in names else None
            changes = tuple(_changes(there, here))
            moved = kind == "mixture" and _reordered(there, here)
            if changes or was is not None or moved:
                blocks.append(BlockChange(kind, names.get(block, label), "~", changes, was, moved))
    return Compared(tuple(blocks), names)


def _targets(names: dict[Block, str]) -> set[Block]:
    return {(kind, new) for (kind, _), new in names.items()}


def _whole(before: Side | None, after: Side | None) -> Compared:
    side, sign = (after, "+") if after is not None else (before, "-")
    assert side is not None
    blocks = [
        BlockChange(kind, label, sign, tuple(_written(found, sign == "-")))
        for (kind, label), found in leaves(side, {}).items()
    ]
    return Compared(tuple(sorted(blocks, key=lambda b: KINDS.index(b.kind))))


def _order(old: dict[Block, Leaves], new: dict[Block, Leaves], names: dict[Block, str]) -> list[Block]:
    """Old blocks with those that are new; by kind, and in the order of the recipes."""
    targets = _targets(names)
    added = [b for b in new if b not in old and b not in targets]
    return sorted(chain(old, added), key=lambda block: KINDS.index(block[0]))


def _renamed(old: dict[Block, Leaves], new: dict[Block, Leaves], names: dict[Block, str]) -> dict[Block, str]:
    """Blocks that are gone, each with the one new block that says the same. Only where there is no other choice."""
    targets = _targets(names)
    gone = [b for b in old if b not in new and b not in names]
    come = [b for b in new if b not in old and b not in targets]
    said_old, said_new = Counter(_content(b, old) for b in gone), Counter(_content(b, new) for b in come)
    found = {}
    for block in gone:
        content = _content(block, old)
        if said_old[content] == said_new[content] == 1:
            found[block] = next(b[1] for b in come if _content(b, new) == content)
    return found


def _content(block: Block, blocks: dict[Block, Leaves]) -> tuple[str, frozenset[Any]]:
    return block[0], frozenset((id, leaf.value) for id, leaf in blocks[block].items())


def _changes(old: Leaves, new: Leaves) -> Iterator[Change]:
    settled: tuple[str, ...] = ()
    swept = [id.removeprefix("sweep.") for id in old if id.startswith("sweep.") and id in new]
    for id in [*old, *(i for i in new if i not in old)]:
        before, after = _said(old.get(id)), _said(new.get(id))
        if id.startswith(settled) or (before is None and after is None):
            continue
        if before is not None and after is not None and before.value == after.value:
            continue
        one = after or before
        assert one is not None
        if one.constructor:
            # Another constructor has other arguments: they are said with it.
            settled = (*settled, f"{id}.")
        # What nobody wrote follows from something else that changed.
        if any(leaf is not None and leaf.span is not None for leaf in (before, after)):
            yield Change(
                one.key, before, after, any(id == axis or id.startswith(f"{axis}.") for axis in swept)
            )


def _said(leaf: Leaf | None) -> Leaf | None:
    """A leaf that says something; an empty default does not."""
    return None if leaf is None or leaf.value is None or (leaf.value == "" and leaf.span is None) else leaf


def _written(found: Leaves, gone: bool) -> Iterator[Change]:
    """What a block says, with constructors as one value each."""
    settled: tuple[str, ...] = ()
    for id, leaf in found.items():
        if leaf.span is None or leaf.value is None or id.startswith(settled):
            continue
        if leaf.constructor:
            settled = (*settled, f"{id}.")
        yield Change(leaf.key, leaf, None) if gone else Change(leaf.key, None, leaf)


def _reordered(old: Leaves, new: Leaves) -> bool:
    def rows(found: Leaves, other: Leaves) -> list[str]:
        return [id for id in found if id in other and id not in ("basis", "budget", "holdout")]

    return rows(old, new) != rows(new, old)
