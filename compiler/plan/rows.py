"""How rows are read: where they lie, what they look like, which of them."""

from __future__ import annotations

from typing import Any

from smolc.compiler.model.data import Dataset
from smolc.compiler.model.filters import Compared, Either, Every, Filter, Measured, Not
from smolc.compiler.model.formats import (
    Format,
    Messages,
    Preference,
    PromptCompletion,
    Sharegpt,
    Unpaired,
)
from smolc.compiler.model.texts import ROLES
from smolc.compiler.plan.paths import relative
from smolc.compiler.resolve import Resolved

SHAREGPT = {
    "human": "user",
    "gpt": "assistant",
    "system": "system",
    "tool": "tool",
    "function_response": "tool",
    "observation": "tool",
    "function_call": "assistant",
}
"""What ShareGPT's data calls a role, and what it is."""

SPELLINGS = (("role", "content"), ("from", "value"))
"""What messages call their role and their text, where a recipe does not say it: as OpenAI and as ShareGPT have them."""


def location(dataset: Dataset, resolved: Resolved, split: str | None = None) -> dict[str, Any]:
    if dataset.path is not None:
        span = dataset.span_of("path")
        return {"type": "files", "paths": [relative(resolved, p, span) for p in dataset.path]}
    return {
        "type": "hub",
        "id": dataset.hub,
        "config": dataset.config,
        "split": split or dataset.split,
        "revision": dataset.revision,
        "streaming": dataset.streaming,
    }


def rows_of(dataset: Dataset, resolved: Resolved, split: str | None = None) -> dict[str, Any]:
    """Location, format and conditions: how the rows of a dataset are read."""
    return {
        "location": location(dataset, resolved, split),
        "format": format_body(dataset.format),
        "where": None if dataset.where is None else filter_body(dataset.where),
        "system": dataset.system,
    }


def filter_body(filter: Filter) -> dict[str, Any]:
    """A filter in the form of `runtime/jobs/prepare.py`."""
    match filter:
        case Compared():
            value = list(filter.value) if isinstance(filter.value, tuple) else filter.value
            return {"column": filter.column, "operator": filter.operator, "value": value}
        case Measured():
            return {"measure": filter.measure, "operator": filter.operator, "value": filter.value}
        case Not():
            return {"not": filter_body(filter.inner)}
        case Every() | Either():
            word = "all" if isinstance(filter, Every) else "any"
            return {word: [filter_body(part) for part in filter.parts]}


def format_body(form: Format) -> dict[str, Any]:
    if isinstance(form, Messages):
        named = {name: role for role in ROLES if (name := form.named.get(role)) is not None}
        return _messages(form.column, form.tools, form.template_kwargs, form.role, form.content, named)
    if isinstance(form, Sharegpt):
        return _messages(form.column, form.tools, None, "from", "value", SHAREGPT)
    if isinstance(form, (PromptCompletion, Preference, Unpaired)):
        return _sides(form)
    return {"type": form.word, **form.model_dump()}


def _sides(form: PromptCompletion | Preference | Unpaired) -> dict[str, Any]:
    """ShareGPT's words for roles mean nothing else in data of any spelling, so they are known in all of them."""
    said = {"type": form.word, **form.model_dump(exclude={"role", "content"})}
    if not isinstance(form, PromptCompletion):
        said["prompt"] = form.prompt or None
    role, content = SPELLINGS[0]
    named = form.role is not None or form.content is not None
    spellings = ((form.role or role, form.content or content),) if named else SPELLINGS
    said["spellings"] = [{"role": role, "content": content} for role, content in spellings]
    said["roles"] = dict(SHAREGPT)
    return said


def _messages(
    column: str, tools: str | None, kwargs: str | None, role: str, content: str, roles: dict[str, str]
) -> dict[str, Any]:
    return {
        "type": "messages",
        "column": column,
        "tools": tools,
        "template_kwargs": kwargs,
        "role": role,
        "content": content,
        "roles": dict(roles),
    }
