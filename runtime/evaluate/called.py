"""Calls against the declared tools and the possible answers, by the rules of BFCL's checker of syntax trees (Yan et al.
2024, Berkeley Function Calling Leaderboard): strings are compared without case, blanks and `,./-_*^`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from smolc.runtime.evaluate.calls import Call

Allowed = Mapping[str, Sequence[Any]]
"""By parameter, its allowed values; an empty text among them says that it may be left out."""

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "float": (float, int),
    "number": (float, int),
    "boolean": (bool,),
    "array": (list,),
    "tuple": (list,),
    "dict": (dict,),
    "object": (dict,),
    "null": (type(None),),
    "any": (object,),
}
_JSON_NAMES = {"dict": "object", "float": "number", "tuple": "array"}
_IGNORED = re.compile(r"[ ,./\-_*^]")


def wrong(calls: Sequence[Call], gold: Sequence[tuple[str, Allowed]], tools: Mapping[str, Any]) -> str | None:
    """What is wrong with the calls, in a few words, or None. Their order is free.

    tools: by name, as they are declared.
    """
    for call in calls:
        if (problem := undeclared(call, tools)) is not None:
            return problem
    problems = [[_differs(call, one, tools) for one in gold] for call in calls]
    if len(calls) < len(gold):
        return f"{len(calls)} of {len(gold)} calls"
    taken: dict[int, int] = {}  # by possible answer, the call that it is for
    for i in range(len(calls)):
        if len(taken) == len(gold) or not _place(i, problems, taken, set()):
            if len(calls) > len(gold):
                return f"an extra call of {calls[i].name}"
            named = [j for j, (name, _) in enumerate(gold) if name == calls[i].name]
            free = next((j for j in named if j not in taken), named[0] if named else 0)
            return problems[i][free] or f"{calls[i].name}: called twice with the same arguments"
    return None


def _place(i: int, problems: Sequence[Sequence[str | None]], taken: dict[int, int], tried: set[int]) -> bool:
    """Find call i a possible answer of its own, moving others where they have another choice."""
    for j, problem in enumerate(problems[i]):
        if problem is None and j not in tried:
            tried.add(j)
            if j not in taken or _place(taken[j], problems, taken, tried):
                taken[j] = i
                return True
    return False


def undeclared(call: Call, tools: Mapping[str, Any]) -> str | None:
    """What of a call the declared tools do not have, or demand."""
    if call.name not in tools:
        return f"unknown function {call.name[:60]}"
    parameters = tools[call.name]["parameters"]
    missing = [name for name in parameters.get("required", ()) if name not in call.arguments]
    if missing:
        return f"{call.name}: `{missing[0]}` is missing"
    unknown = [name for name in call.arguments if name not in parameters.get("properties", {})]
    return f"{call.name}: unknown parameter `{unknown[0][:60]}`" if unknown else None


def ill_typed(call: Call, tools: Mapping[str, Any]) -> str | None:
    """The first argument that is not of its declared type."""
    properties = tools[call.name]["parameters"].get("properties", {})
    for name, value in call.arguments.items():
        if not fits(value, properties[name]):
            return _wrong_type(call.name, name, value, properties[name])
    return None


def _wrong_type(function: str, name: str, value: Any, schema: Mapping[str, Any]) -> str:
    return f"{function}: `{name}` is {_said(value)}, not of type {schema['type']}"


def _differs(call: Call, gold: tuple[str, Allowed], tools: Mapping[str, Any]) -> str | None:
    name, allowed = gold
    if call.name != name:
        return f"called {call.name}, not {name}"
    properties = tools[name]["parameters"].get("properties", {})
    for parameter, value in call.arguments.items():
        if parameter not in allowed:
            return f"{name}: `{parameter}` was not asked for"
        choices = allowed[parameter]
        # Where a text stands for a variable, the possible answers are of another type than declared.
        if not fits(value, properties[parameter]) and not any(
            type(value) is type(c) for c in choices if c != ""
        ):
            return _wrong_type(name, parameter, value, properties[parameter])
        if not any(matches(value, choice) for choice in choices):
            return f"{name}: `{parameter}` is {_said(value)}, not one of {_said(list(choices))}"
    left_out = [p for p, choices in allowed.items() if p not in call.arguments and "" not in choices]
    return f"{name}: `{left_out[0]}` is missing" if left_out else None


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value is of the declared type, its elements and members included."""
    named = schema.get("type", "any")
    types = TYPES[named]
    if object not in types and (
        not isinstance(value, types) or (isinstance(value, bool) and bool not in types)
    ):
        return False
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        return all(fits(one, schema["items"]) for one in value)
    if isinstance(value, dict) and isinstance(schema.get("properties"), Mapping):
        return all(fits(v, schema["properties"][k]) for k, v in value.items() if k in schema["properties"])
    return True


def matches(value: Any, allowed: Any) -> bool:
    """allowed: one of the possible answers. Within an object, each member has a list of them."""
    if isinstance(value, str) and isinstance(allowed, str):
        return _plain(value) == _plain(allowed)
    if isinstance(value, bool) or isinstance(allowed, bool):
        return value is allowed
    if isinstance(value, list) and isinstance(allowed, list):
        return len(value) == len(allowed) and all(map(matches, value, allowed))
    if isinstance(value, dict) and isinstance(allowed, dict):
        members = all(k in allowed and _member(v, allowed[k]) for k, v in value.items())
        return members and all(k in value or (isinstance(v, list) and "" in v) for k, v in allowed.items())
    return bool(value == allowed)


def _member(value: Any, allowed: Any) -> bool:
    choices = allowed if isinstance(allowed, list) else []
    return matches(value, allowed) or any(matches(value, choice) for choice in choices)


def _plain(text: str) -> str:
    return _IGNORED.sub("", text).lower().replace("'", '"')


def _said(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def as_json_schema(schema: Any) -> Any:
    """BFCL's names of types (dict, float, tuple, any) as JSON Schema has them."""
    if isinstance(schema, list):
        return [as_json_schema(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    shown: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties" and isinstance(value, dict):
            shown[key] = {name: as_json_schema(one) for name, one in value.items()}
        elif key == "type" and isinstance(value, str):
            if value != "any":
                shown[key] = _JSON_NAMES.get(value, value)
        else:
            shown[key] = as_json_schema(value) if key in ("items", "parameters") else value
    return shown
