"""A comparison as people read it: what changed by block, then what follows."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from smolc.compiler.compare.changes import BlockChange, Change, Compared
from smolc.compiler.compare.follows import Fact, Follows, Jobs
from smolc.compiler.compare.leaves import Leaf
from smolc.compiler.diagnostics.excerpt import Paint, plain
from smolc.compiler.diagnostics.secrets import covered

_COLORS = {"+": "32", "-": "31", "~": "33"}
_LONGEST = 72
_DIFF_LINES = 12
_NAMED = 6
_LOCKED = " (locked)"
_SIZES = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def as_text(before: str, after: str, compared: Compared, follows: Follows, color: bool = False) -> str:
    """before, after: what the two recipes are called."""
    paint = Paint(color)
    out = [paint("1", plain(f"{before} -> {after}")), ""]
    if compared.same and not _jobs_move(follows.jobs):
        return f"{out[0]}\nno differences\n"
    if compared.same:
        out += ["no value differs", ""]
    for block in compared.blocks:
        out += [*_block(block, paint), ""]
    out.append(paint("1", "What follows"))
    out += list(_follows(follows))
    return "\n".join(out) + "\n"


def _jobs_move(jobs: Jobs) -> bool:
    """Whether anything runs again; the report alone is made again when jobs change places."""
    return bool(jobs.added or jobs.removed or [id for id in jobs.again if id != "report"])


def _block(block: BlockChange, paint: Paint) -> Iterator[str]:
    sign = block.sign
    said = f"{sign} {block.address}"
    if block.was is not None:
        said += f" (was {block.was})"
    yield paint(f"1;{_COLORS[sign]}", plain(said))
    width = max((len(c.key) for c in block.changes if len(c.key) <= 40), default=0)
    for change in block.changes:
        yield from _change(change, width, sign != "~", paint)
    if block.reordered:
        yield paint(_COLORS["~"], "    ~ its rows stand in another order, in which they are read")


def _change(change: Change, width: int, whole: bool, paint: Paint) -> Iterator[str]:
    sign = change.sign
    before, after = (_said(leaf) for leaf in (change.before, change.after))
    if sign == "~" and before == after and change.key == "text":
        digests = f"{_digest(change.before)} -> {_digest(change.after)}"
        said = f"its content {digests}" if before == "text" else f"{before}, its content {digests}"
    elif sign == "~" and change.key == "text":
        said = f"{before} ({_digest(change.before)}) -> {after} ({_digest(change.after)})"
    else:
        if change.before and change.after and change.before.locked and change.after.locked:
            before = before.removesuffix(_LOCKED)
        said = f"{before} -> {after}" if sign == "~" else after or before
    # A whole block reads like a recipe, unless it holds comparisons.
    between = " = " if whole and change.key not in ("expect", "where") else "  "
    line = f"    {sign} {change.key:<{width}}{between}{said}"
    if change.swept:
        line += "  (the sweep varies it: no run takes this value)"
    yield paint(_COLORS[sign], plain(line))
    if sign == "~" and change.key == "text" and change.before and change.after:
        yield from _content(change.before.content or "", change.after.content or "", paint)


def _said(leaf: Leaf | None) -> str:
    if leaf is None:
        return ""
    text = covered(leaf.text)
    if leaf.locked:
        return f"{text[1:13]}…{_LOCKED}"
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 2]}…" + ('"' if text[0] == text[-1] == '"' else "")
    return text if leaf.span is not None else f"{text} (default)"


def _digest(leaf: Leaf | None) -> str:
    content = leaf.content if leaf else None
    return "unknown" if content is None else hashlib.sha256(content.encode()).hexdigest()[:8]


def _content(before: str, after: str, paint: Paint) -> Iterator[str]:
    """A short unified diff."""
    before, after = covered(before), covered(after)
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1))[2:]
    for line in lines[:_DIFF_LINES]:
        style = {"+": "32", "-": "31", "@": "36"}.get(line[:1], "")
        text = plain(line if len(line) <= 2 * _LONGEST else f"{line[: 2 * _LONGEST]}…")
        yield f"        {paint(style, text) if style else text}"
    if len(lines) > _DIFF_LINES:
        yield f"        ... {len(lines) - _DIFF_LINES} more lines"


# --- what follows


def _follows(follows: Follows) -> Iterator[str]:
    rows = [(label, line) for label, facts in follows.stages.items() for line in _facts(facts)]
    rows += [("jobs", line) for line in _jobs(follows.jobs)]
    width = max(len(label) for label, _ in rows)
    last = None
    for label, line in rows:
        yield f"    {'' if label == last else label:<{width}}  {line}"
        last = label


def _facts(facts: Sequence[Fact]) -> Iterator[str]:
    for fact in facts:
        if not fact.before and not fact.after:
            yield fact.note
            continue
        before, after = (_values(fact.name, values) for values in (fact.before, fact.after))
        unit = {"global batch": " sequences"}.get(fact.name, "")
        note = f" ({fact.note})" if fact.note else ""
        yield f"{fact.name} {before} -> {after}{unit}{note}"


def _values(name: str, values: Sequence[Any]) -> str:
    said = [_value(name, value) for value in values]
    return ", ".join(said[:_NAMED]) + (", ..." if len(said) > _NAMED else "")


def _value(name: str, value: Any) -> str:
    if name == "memory":
        size, unit = next(((s, u) for s, u in _SIZES if value >= s), _SIZES[-1])
        return f"{value / size:,.1f} {unit}"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        # 2e-5, 3e-4: a rate as people write it.
        digits, power = f"{value:e}".split("e")
        small = 0 < value < 1e-2
        return f"{float(digits):g}e{int(power)}" if small else f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _jobs(jobs: Jobs) -> Iterator[str]:
    total = len(jobs.again) + len(jobs.kept) + len(jobs.perhaps)
    if jobs.again:
        yield f"{len(jobs.again)} of {total} must run again: {_names(jobs.again)}"
    if jobs.added:
        yield f"{len(jobs.added)} new: {_names(jobs.added)}"
    if jobs.removed:
        yield f"{len(jobs.removed)} gone: {_names(jobs.removed)}"
    if jobs.perhaps:
        yield f"{len(jobs.perhaps)} only if another run wins: {_names(jobs.perhaps)}"
    if not (jobs.again or jobs.added or jobs.removed):
        yield f"all {total} are the same: nothing has to run again"
    elif jobs.kept:
        yield f"{len(jobs.kept)} stay{'s' if len(jobs.kept) == 1 else ''} as done: {_names(jobs.kept)}"


def _names(ids: Sequence[str]) -> str:
    said = ", ".join(ids[:_NAMED])
    return f"{said} and {len(ids) - _NAMED} more" if len(ids) > _NAMED else said
