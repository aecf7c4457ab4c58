"""Values as recipe text: as they were written wherever that can be, and texts that never were in a recipe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from smolc.compiler.diagnostics import Span
from smolc.compiler.format.value import print_value, quote
from smolc.compiler.format.value import spelled as name
from smolc.compiler.syntax import tree

# What a recipe file may not hold (syntax/read.py), and line ends other than \n.
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


def text_literal(text: str, indent: str) -> str:
    """A text block for more than one line; its lines stand at `indent`, and mean what they meant.

    Blanks at the end of a line are escaped: editors and mail programs take them away.
    """
    if "\n" not in text:
        return quote(text)
    lines = text.replace("\\", "\\\\").split("\n")
    # Three quotes would end the block, and so would fewer right before the closing ones.
    last = len(lines) - 1
    for at, line in enumerate(lines):
        runs = r'"{3,}|"+$' if at == last else r'"{3,}'
        line = re.sub(runs, lambda m: '\\"' * len(m[0]), _HIDDEN.sub(_escaped, line))
        lines[at] = re.sub(r"[^\S\n]$", _escaped, line)
    open_end = bool(lines[-1])
    if open_end:
        # Without a line for the closing quotes, all lines could share more than the indentation.
        first = next(i for i, line in enumerate(lines) if line)
        lines[first] = re.sub(r"^[ \t]", _escaped, lines[first])
    body = "\n".join(indent + line if line else "" for line in lines[: len(lines) - (not open_end)])
    return f'"""\n{body}"""' if open_end else f'"""\n{body}\n{indent}"""'


def _escaped(match: re.Match[str]) -> str:
    return "\\t" if match[0] == "\t" else f"\\u{{{ord(match[0]):x}}}"


Edits = Mapping[Span, str]
"""What stands in place of some literals."""


def spelled(path: str, value: tree.Value, edits: Edits, plain: bool = False) -> Iterator[tuple[str, str]]:
    """Statements that say `path = value`: one, and more for constructors without a name (`optim.lr = 1e-5`).

    A value that no override went into is as it was written; unless `plain`, with its layout and comments.
    """
    if isinstance(value, tree.Call) and not value.name.text:
        for argument in value.arguments:
            assert argument.name is not None
            yield from spelled(f"{path}.{name(argument.name)}", argument.value, edits, plain)
        return
    later: list[tuple[str, str]] = []
    yield path, _value(path, value, edits, plain, later)
    yield from later


def _value(path: str, value: tree.Value, edits: Edits, plain: bool, later: list[tuple[str, str]]) -> str:
    if isinstance(value, tree.List) and plain:
        return f"[{', '.join(_value(path, one, edits, plain, later) for one in value.items)}]"
    if isinstance(value, tree.Condition) and plain:
        return print_value(value)
    if not isinstance(value, tree.Call) or (_as_written(value) and not plain):
        return _source_text(value.span, edits)
    said = []
    for argument in _arguments(value):
        if argument.name is None:
            said.append(_value(path, argument.value, edits, plain, later))
            continue
        inner = f"{path}.{name(argument.name)}"
        if isinstance(argument.value, tree.Call) and not argument.value.name.text:
            later.extend(spelled(inner, argument.value, edits, plain))
        else:
            said.append(f"{name(argument.name)} = {_value(inner, argument.value, edits, plain, later)}")
    return f"{value.name.text}({', '.join(said)})"


def _as_written(value: tree.Value) -> bool:
    """Whether no override has put anything into a value."""
    if not isinstance(value, tree.Call):
        return True
    span = value.span
    return bool(value.name.text) and all(
        a.span.source is span.source
        and span.start <= a.span.start
        and a.span.end <= span.end
        and _as_written(a.value)
        for a in value.arguments
    )


def _source_text(span: Span, edits: Edits) -> str:
    text, at = "", span.start
    for edit in sorted(edits, key=lambda e: e.start):
        if edit.source is span.source and at <= edit.start and edit.end <= span.end:
            text += span.source.text[at : edit.start] + edits[edit]
            at = edit.end
    return text + span.source.text[at : span.end]


def _arguments(call: tree.Call) -> list[tree.Argument]:
    """Arguments, less unnamed ones that an override has given by name."""
    named = {a.name.text for a in call.arguments if a.name is not None}
    unnamed = [a for a in call.arguments if a.name is None]
    if not named or not unnamed:
        return list(call.arguments)
    names = _positional().get(call.name.text, ())
    position = {id(a): at for at, a in enumerate(unnamed)}
    out = []
    for argument in call.arguments:
        at = position.get(id(argument))
        if at is not None and at < len(names):
            if names[at] in named:
                continue
            # By name, since one before it may be gone.
            ident = tree.Ident(names[at], argument.span)
            argument = tree.Argument(ident, argument.value, argument.span)
        out.append(argument)
    return out


@lru_cache(maxsize=1)
def _positional() -> dict[str, tuple[str, ...]]:
    """Names of the arguments that each constructor takes unnamed."""
    # The recipe's module imports all that define constructors.
    import smolc.compiler.model.recipe  # noqa: F401
    from smolc.compiler.model.base import Variant

    found: dict[str, tuple[str, ...]] = {}
    waiting: list[type[Variant]] = [Variant]
    while waiting:
        for variant in waiting.pop().__subclasses__():
            waiting.append(variant)
            if "word" in vars(variant):
                found[variant.word] = variant.positional
    return found
