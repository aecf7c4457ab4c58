"""The commits that a lock pins, put into a recipe as if somebody had written them."""

from __future__ import annotations

from dataclasses import replace

from smolc.compiler.diagnostics import Source, Span
from smolc.compiler.format.value import quote
from smolc.compiler.lock import NAME
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.start import HubTokenizer
from smolc.compiler.resolve import Field, Resolved, Section
from smolc.compiler.syntax import tree

_KEY = "revision"


def with_commits(resolved: Resolved, recipe: Recipe) -> Resolved:
    """recipe: as a lock pins it. Every revision in it that differs from what is written is written."""
    return replace(resolved, sections=[_section(section, recipe) for section in resolved.sections])


def _section(section: Section, recipe: Recipe) -> Section:
    label = section.label.text if section.label else ""
    if section.kind.text == "dataset":
        return _with_revision(section, recipe.datasets[label].revision)
    if section.kind.text != "model":
        return section
    model = recipe.models[label]
    made = _with_revision(section, model.revision)
    if isinstance(model.tokenizer, HubTokenizer) and model.tokenizer.revision is not None:
        made = made.copy()
        field = made.fields["tokenizer"]
        made.fields["tokenizer"] = replace(field, value=_with_argument(field.value, model.tokenizer.revision))
    return made


def _with_revision(section: Section, commit: str | None) -> Section:
    old = section.fields.get(_KEY)
    if commit is None or (old is not None and _says(old.value, commit)):
        return section
    made = section.copy()
    if old is not None:
        made.fields[_KEY] = replace(old, value=_text(commit))
        return made
    # Beside what it is a revision of.
    made.fields = {}
    for key, field in section.fields.items():
        made.fields[key] = field
        if key == "hub":
            made.fields[_KEY] = Field(tree.Path((_ident(),), _ident().span), _text(commit))
    return made


def _with_argument(value: tree.Value, commit: str) -> tree.Value:
    """`hub("id", revision = "main")` with the commit in it."""
    if not isinstance(value, tree.Call):
        return value
    said = _text(commit)
    new = tree.Argument(_ident(), said, said.span)
    kept = []
    for argument in value.arguments:
        if argument.name is None or argument.name.text != _KEY:
            kept.append(argument)
        elif _says(argument.value, commit):
            return value
    return replace(value, arguments=(*kept, new))


def _says(value: tree.Value, text: str) -> bool:
    return isinstance(value, tree.Text) and value.value == text


def _text(commit: str) -> tree.Text:
    source = Source(NAME, quote(commit))
    return tree.Text(commit, Span(source, 0, len(source.text)))


def _ident() -> tree.Ident:
    return tree.Ident(_KEY, Span(Source(NAME, _KEY), 0, len(_KEY)))
