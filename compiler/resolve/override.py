"""`path = value` put into a section: the one mechanism behind `extends`, `--set` and `sweep`."""

from __future__ import annotations

from dataclasses import replace

from smolc.compiler.diagnostics import Diagnostic, Label, Source, Span
from smolc.compiler.diagnostics.suggest import closest
from smolc.compiler.diagnostics.types import has_errors
from smolc.compiler.resolve.resolved import KINDS, Field, Section, error
from smolc.compiler.syntax import parse, tree

RAW = ("sweep", "where", "mixture", "from")
"""Blocks whose keys are not fields: paths, columns, names of datasets."""


def put(section: Section, path: tree.Path, value: tree.Value) -> None:
    """Set `path` in `section`. Longer paths reach into nested blocks and constructors: `optim.lr`, `task.words.subset`.

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


def apply_overrides(sections: list[Section], file: tree.File, found: list[Diagnostic]) -> None:
    """Those of one file. Bare keys behind a block were meant to be in it: one `}` too early is one report."""
    above: tree.Item | None = None
    for item in file.items:
        if isinstance(item, tree.Assign) and not (_is_bare(item) and _is_bare(above)):
            count = len(found)
            _override(sections, item.path, item.value, found)
            if len(found) > count and _is_bare(item) and isinstance(above, tree.Block) and above.close:
                ends = Label(above.close, f"`{above.head.text}` ends here")
                inside = ".".join([*above.head.text.split(None, 1), str(item.path)])
                help = f"write it before this `}}`, or name the block: `{inside} = ...`"
                found[-1] = replace(found[-1], labels=(ends,), help=help)
        above = item


def _is_bare(item: object) -> bool:
    return isinstance(item, tree.Assign) and len(item.path.parts) == 1


def override_text(sections: list[Section], source: Source, found: list[Diagnostic]) -> None:
    file, problems = parse(source)
    found.extend(problems)
    if has_errors(problems):
        return
    if len(file.items) != 1 or not isinstance(file.items[0], tree.Assign):
        message = "an override is `path=value`"
        everything = Span(source, 0, len(source.text))
        found.append(error("R009", "bad-override", message, everything, help="--set stage.sft.optim.lr=1e-5"))
        return
    _override(sections, file.items[0].path, file.items[0].value, found)


def _override(sections: list[Section], path: tree.Path, value: tree.Value, found: list[Diagnostic]) -> None:
    """Apply `stage.sft.optim.lr = ...` or, where the label is unmistakable, `sft.optim.lr = ...`."""
    parts = path.parts
    first = parts[0].text
    if first in KINDS and len(parts) > 2:
        matches = [s for s in sections if s.kind.text == first and s.label and s.label.text == parts[1].text]
        rest = parts[2:]
        names = [s.label.text for s in sections if s.label and s.kind.text == first]
        near, wanted = closest(parts[1].text, names), f"{first} `{parts[1].text}`"
        near = f"{first}.{near}" if near else None
    elif first == "recipe" and len(parts) == 2:
        matches, rest = [s for s in sections if s.kind.text == "recipe"], parts[1:]
        near, wanted = None, "`recipe` block"
    else:
        matches = [s for s in sections if s.label and s.label.text == first]
        rest = parts[1:]
        near = closest(first, [s.label.text for s in sections if s.label])
        wanted = f"block named `{first}`"
    if len(matches) > 1:
        kinds = " or ".join(f"`{s.kind.text}.{path}`" for s in matches)
        found.append(
            error(
                "R010",
                "ambiguous-path",
                f"`{first}` names more than one block",
                path.span,
                help=f"write {kinds}",
            )
        )
    elif not matches or not rest:
        help = "a path is `stage.sft.optim.lr`: kind, label, key"
        if near and not matches:
            help = f"did you mean `{near}`?"
        message = f"there is no {wanted}" if not matches else f"`{path}` names a block, not a key in it"
        found.append(error("R011", "unknown-path", message, path.span, help=help))
    else:
        put(matches[0], tree.Path(rest, rest[0].span.to(rest[-1].span)), value)
