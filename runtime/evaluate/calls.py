"""Calls of tools in what a model said, in the syntaxes that models are trained on. Nothing is ever evaluated: JSON is
decoded, Python is parsed into a tree of which only literals are read.

Known: `<tool_call>{...}</tool_call>` (Hermes, Qwen), `[TOOL_CALLS] [...]` and `[TOOL_CALLS]name[ARGS]{...}` (Mistral),
`{"name", "parameters"}` (Llama), fenced blocks, bare JSON objects and lists, `[f(a=1), g(b="x")]` (Llama, Gemma, BFCL).
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

LONGEST = 50_000  # characters that are looked at
_TAGGED = re.compile(r"<tool_call>(.*?)(?:</tool_call>|(?=<tool_call>)|\Z)", re.DOTALL)
_MISTRAL = re.compile(r"(?:\[TOOL_CALLS\])?\s*([\w.\-]+)\s*(?:\[ARGS\])?\s*(?={)")
_FENCED = re.compile(r"```[ \t]*[\w+-]*[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Call:
    name: str
    arguments: dict[str, Any]


class NotACall(Exception):
    """The model tried to call, but what it wrote cannot be read; the message says why."""


def calls_in(text: str, names: Collection[str]) -> list[Call]:
    """In the order in which they stand; none where the model only speaks. names: of the declared tools.

    Raises NotACall.
    """
    text = text[:LONGEST].replace("<|python_tag|>", "").strip()
    try:
        if "<tool_call>" in text:
            return [call for inside in _TAGGED.findall(text) for call in _tagged(inside, names)]
        if "[TOOL_CALLS]" in text:
            return _mistral(text.partition("[TOOL_CALLS]")[2], names)
        fenced = [call for inside in _FENCED.findall(text) for call in _bare(inside.strip(), names)]
        return fenced or _bare(text, names)
    except (RecursionError, MemoryError):
        raise NotACall("nested too deeply") from None


def _tagged(text: str, names: Collection[str]) -> list[Call]:
    found = _bare(text.strip(), names)
    if not found:
        raise NotACall("no JSON call between the tags")
    return found


def _mistral(text: str, names: Collection[str]) -> list[Call]:
    found = _bare(text.strip(), names)
    if not found:
        raise NotACall("no call after [TOOL_CALLS]")
    return found


def _bare(text: str, names: Collection[str]) -> list[Call]:
    return _named(text, names) or _python(text, names) or _json(text, names)


def _named(text: str, names: Collection[str]) -> list[Call]:
    """`name[ARGS]{...}`, one or several; the markers may have been special tokens and be gone."""
    found, at = [], 0
    while match := _MISTRAL.match(text, at):
        value, at = _decoded(text, match.end())
        if match[1] not in names or not isinstance(value, dict):
            return []
        found.append(Call(match[1], value))
    return found


def _json(text: str, names: Collection[str]) -> list[Call]:
    """Every object or list in the text that is a call."""
    found: list[Call] = []
    at = 0
    while (start := _next(text, at)) >= 0:
        value, end = _decoded(text, start)
        calls = list(_calls_of(value, names)) if end > start else []
        found += calls
        # What is no call may have one inside.
        at = end if calls else start + 1
    return found


def _next(text: str, at: int) -> int:
    starts = [i for i in (text.find("{", at), text.find("[", at)) if i >= 0]
    return min(starts) if starts else -1


def _decoded(text: str, at: int) -> tuple[Any, int]:
    """The JSON value at a place, and where it ends; the same place if there is none."""
    try:
        return _DECODER.raw_decode(text, at)
    except ValueError:
        return None, at


def _calls_of(value: Any, names: Collection[str]) -> Iterator[Call]:
    if isinstance(value, list):
        found = [list(_calls_of(one, names)) for one in value]
        if all(found):
            yield from (call for calls in found for call in calls)
        return
    if not isinstance(value, dict):
        return
    if isinstance(value.get("tool_calls"), list):
        yield from _calls_of(value["tool_calls"], names)
        return
    if isinstance(value.get("function"), dict):
        value = value["function"]
    name = value.get("name", value.get("function"))
    key = next((k for k in ("arguments", "parameters", "args") if k in value), None)
    if isinstance(name, str) and (key is not None or name in names):
        yield Call(name, _arguments(value[key] if key is not None else {}))
    elif value and all(k in names and isinstance(v, dict) for k, v in value.items()):
        yield from (Call(k, v) for k, v in value.items())


def _arguments(value: Any) -> dict[str, Any]:
    if isinstance(value, str):  # OpenAI's are JSON within JSON
        value = _decoded(value.strip(), 0)[0]
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise NotACall("the arguments are no object")
    return value


def _python(text: str, names: Collection[str]) -> list[Call]:
    """A call, calls in brackets, or a call on each line. One of an undeclared function counts only if the whole text is
    calls in brackets: prose and formulas may look like one."""
    first, last = text.find("["), text.rfind("]")
    for candidate in dict.fromkeys([text, text[first : last + 1]] if 0 <= first < last else [text]):
        parsed = _parsed(candidate)
        nodes = [node for node in parsed if isinstance(node, ast.Call)]
        if not nodes or len(nodes) < len(parsed):
            continue
        is_list = candidate is text and text.startswith("[")
        if is_list or all(_dotted(node.func) in names for node in nodes):
            return [_python_call(node) for node in nodes]
    return []


def _parsed(text: str) -> list[ast.expr]:
    if "(" not in text:
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return []
    nodes = [one.value for one in body if isinstance(one, ast.Expr)]
    if len(nodes) != len(body):
        return []
    if len(nodes) == 1 and isinstance(nodes[0], (ast.List, ast.Tuple)):
        return nodes[0].elts
    return nodes


def _python_call(node: ast.Call) -> Call:
    name = _dotted(node.func)
    if name is None:
        raise NotACall("what is called is no name")
    if node.args:
        raise NotACall(f"{name}: an argument without its name")
    arguments: dict[str, Any] = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise NotACall(f"{name}: arguments after **")
        arguments[keyword.arg] = _literal(keyword.value)
    return Call(name, arguments)


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := _dotted(node.value)) is not None:
        return f"{owner}.{node.attr}"
    return None


_NAMES = {"true": True, "false": False, "null": None}


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, int, float, type(None))):
        return node.value
    if isinstance(node, ast.Name) and node.id in _NAMES:
        return _NAMES[node.id]
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_literal(one) for one in node.elts]
    if isinstance(node, ast.Dict) and all(key is not None for key in node.keys):
        return {str(_literal(k)): _literal(v) for k, v in zip(node.keys, node.values, strict=True) if k}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _literal(node.operand)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return -value if isinstance(node.op, ast.USub) else value
    raise NotACall(f"an argument is an expression: {ast.unparse(node)[:40]}")
