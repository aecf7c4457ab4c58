"""`path = value` put into a section: the one mechanism behind `extends`, `--set` and `sweep`."""

from __future__ import annotations

from dataclasses import replace

from smolc.compiler.diagnostics import Span
from smolc.compiler.resolve.resolved import Field, Section
from smolc.compiler.syntax import tree

RAW = ("sweep", "where", "mixture", "from")
"""Blocks whose keys are not fields: paths, columns, names of datasets."""


def put(section: Section, path: tree.Path, value: tree.Value) -> None:
    """Set `path` in `section`. Longer paths reach into nested blocks and constructors: `optim.lr`, `task.words.rows`.

    Where no constructor was written, one without a name is made: the field's default variant, with this argument.
    """
    parts = path.parts
    if len(parts) == 1:
        section.fields[parts[0].text] = Field(path, value)
        if section.kind.text == "dataset" and parts[0].text == "where":
            section.sections[:] = [s for s in section.sections if s.kind.text != "where"]
        return
    for size in (2, 1):
        label = parts[1].text if size == 2 else None
        nested = section.child(parts[0].text, label)
        if nested is not None and len(parts) > size:
            put(nested, _rest(path, size), value)
            return
    if section.kind.text in RAW:
        section.fields[str(path)] = Field(path, value)
        return
    key = parts[0].text
    old = section.fields.get(key)
    made = _into(old.value if old else None, parts[1:], value, path.span)
    section.fields[key] = Field(old.path if old else tree.Path(parts[:1], parts[0].span), made)


def _rest(path: tree.Path, size: int) -> tree.Path:
    parts = path.parts[size:]
    return tree.Path(parts, parts[0].span.to(parts[-1].span))


def _into(old: tree.Value | None, parts: tuple[tree.Ident, ...], value: tree.Value, span: Span) -> tree.Value:
    """`old` with the argument `parts` set."""
    if isinstance(old, tree.Ref):
        old = tree.Call(old.path.parts[0], (), old.span)
    if not isinstance(old, tree.Call):
        old = tree.Call(tree.Ident("", span), (), span)
    name = parts[0].text
    before = next((a for a in old.arguments if a.name and a.name.text == name), None)
    if len(parts) > 1:
        value = _into(before.value if before else None, parts[1:], value, span)
    argument = tree.Argument(parts[0], value, span)
    if before is not None:
        return replace(old, arguments=tuple(argument if a is before else a for a in old.arguments))
    return replace(old, arguments=(*old.arguments, argument))
