"""Where each value of a recipe was written, by address: `stage.sft.optim.lr`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from smolc.compiler.diagnostics import Source, Span
from smolc.compiler.format.value import print_path
from smolc.compiler.format.value import spelled as name
from smolc.compiler.resolve import Resolved, Section
from smolc.compiler.show.literal import spelled
from smolc.compiler.syntax import parse, tree

DEFAULT = "default"
"""Name of the source of what nobody wrote."""
_WIDEST = 76


@dataclass(frozen=True)
class Origin:
    """One value. text: as recipe text. sweep: where a sweep varies it. parts: a constructor's arguments.

    unsaid: arguments that only a sweep says, and where.
    """

    address: str
    text: str
    span: Span
    sweep: Span | None = None
    parts: tuple[Origin, ...] = ()
    unsaid: tuple[tuple[str, Span], ...] = ()

    @property
    def place(self) -> str:
        return where(self.span)


def where(span: Span) -> str:
    """`file:line`, `--set`, or `default`."""
    if span.source.name in ("--set", DEFAULT):
        return span.source.name
    return f"{os.path.normpath(span.source.name)}:{span.line}"


def origins(resolved: Resolved) -> dict[str, Origin]:
    """All values by address, in the order of the recipe."""
    found: dict[str, Origin] = {}
    for section in resolved.sections:
        for origin in _section(section, head(section)):
            found[origin.address] = origin
    return found


def values(known: Iterable[Origin]) -> dict[str, Origin]:
    """Every value by address, arguments of constructors too."""
    found: dict[str, Origin] = {}
    for origin in known:
        found.setdefault(origin.address, origin)
        found.update(values(origin.parts))
    return found


def head(section: Section, above: str = "") -> str:
    """Address of a block: `stage.sft`, `stage.sft.sweep`; of the recipe block, whatever it is called, `recipe`."""
    said = [section.kind.text]
    if section.label is not None and section.kind.text != "recipe":
        said.append(name(section.label))
    return ".".join([above, *said] if above else said)


def _section(section: Section, at: str) -> Iterator[Origin]:
    sweep = section.child("sweep") if section.kind.text == "stage" else None
    varied = {f"{at}.{print_path(f.path)}": f.path.span for f in sweep.fields.values()} if sweep else {}
    for one in section.fields.values():
        made = _value(one.value, f"{at}.{print_path(one.path)}", varied)
        known = {made.address, *(p.address for p in made.parts)}
        inside = f"{made.address}."
        unsaid = [(a[len(inside) :], s) for a, s in varied.items() if a.startswith(inside) and a not in known]
        yield replace(made, unsaid=tuple(unsaid))
    for check in section.checks:
        yield Origin(f"{at}.{check.span.text}", check.span.text, check.span)
    for nested in section.sections:
        yield from _section(nested, head(nested, at))


def _value(value: tree.Value, at: str, varied: dict[str, Span]) -> Origin:
    span, parts = value.span, []
    if isinstance(value, tree.Call):
        span = value.name.span
        for number, argument in enumerate(value.arguments, 1):
            key = name(argument.name) if argument.name else str(number)
            parts.append(_value(argument.value, f"{at}.{key}", varied))
    text = next((text for path, text in spelled(at, value, {}, plain=True) if path == at), "")
    return Origin(at, text, span, varied.get(at), tuple(parts))


def said(origin: Origin) -> str:
    """An origin as a comment: `base.recipe:12; lr: my.recipe:7, varied by the sweep at my.recipe:9`."""
    places = [_with_sweep(origin.place, origin)] if origin.text else []
    elsewhere: dict[str, list[str]] = {}
    for part in origin.parts:
        key = part.address[len(origin.address) + 1 :]
        if part.place != origin.place or not origin.text:
            elsewhere.setdefault(_with_sweep(part.place, part), []).append(key)
        elif part.sweep is not None:
            places.append(f"{key} varied by the sweep at {where(part.sweep)}")
    places.extend(f"{', '.join(keys)}: {place}" for place, keys in elsewhere.items())
    places.extend(f"{key} varied by the sweep at {where(span)}" for key, span in origin.unsaid)
    return "; ".join(places)


def _with_sweep(text: str, origin: Origin) -> str:
    return text if origin.sweep is None else f"{text}, varied by the sweep at {where(origin.sweep)}"


def annotated(text: str, resolved: Resolved, defaults_only: bool = False) -> str:
    """`text`, the flattened recipe without comments, with the origin of each value behind it."""
    source = Source("", text)
    known = values(origins(resolved).values())
    single: set[int] = set()
    behind: dict[int, str] = {}
    blocks: list[tuple[int, int]] = []
    for item in parse(source)[0].items:
        if not isinstance(item, tree.Block):
            continue
        for at, span in _statements(item, ""):
            origin = known.get(at)
            comment = (_default(origin) if defaults_only else said(origin)) if origin else ""
            if comment:
                line = source.position(span.end - 1)[0]
                behind[line] = comment
                if line == span.line:
                    single.add(line)
        end = item.close or item.span
        blocks.append((item.head.line, source.position(end.start)[0]))
    lines = text.split("\n")
    for first, last in blocks:
        here = [n for n in range(first, last + 1) if n in behind]
        width = max(
            (len(lines[n - 1]) for n in here if n in single and len(lines[n - 1]) <= _WIDEST), default=0
        )
        for number in here:
            room = width if number in single else 0
            lines[number - 1] = f"{lines[number - 1]:<{room}}  # {behind[number]}"
    return "\n".join(lines)


def _default(origin: Origin) -> str:
    """`default`, or which of a constructor's arguments are."""
    if origin.place == DEFAULT:
        return DEFAULT
    parts = [p.address[len(origin.address) + 1 :] for p in origin.parts if p.place == DEFAULT]
    return f"{DEFAULT}: {', '.join(parts)}" if parts else ""


def _statements(block: tree.Block, above: str) -> Iterator[tuple[str, Span]]:
    at = head(Section(block.kind, block.label, block.head), above)
    for item in block.items:
        if isinstance(item, tree.Block):
            yield from _statements(item, at)
        elif isinstance(item, tree.Assign):
            yield f"{at}.{print_path(item.path)}", item.span
        else:
            yield f"{at}.{item.span.text}", item.span
