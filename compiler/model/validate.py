"""One block through pydantic; its errors become diagnostics at their place in the recipe."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from smolc.compiler.diagnostics import Diagnostic, Severity, Span
from smolc.compiler.model.base import Args, Noun, Reading

N = TypeVar("N", bound=Noun)


def validate(noun: type[N], args: Args, reading: Reading) -> N | None:
    """One block; pydantic's errors become diagnostics, all of them."""
    try:
        return noun.model_validate(args, context=reading)
    except ValidationError as error:
        # Missing keys were reported where the block was read.
        errors = error.errors(include_url=False)
        reading.found.extend(diagnostic(e, args) for e in errors if e["type"] != "missing")
        return None


def diagnostic(error: Any, args: Args) -> Diagnostic:
    """One pydantic error at the place in the recipe where it arose."""
    context = error.get("ctx", {})
    if error["type"] == "smolc":
        span = context["span"] or _span(error["input"]) or args.origin.span
        return _wrong(context["name"], context["message"], span, context["help"])
    key = str(error["loc"][-1]) if error["loc"] else ""
    return _wrong("wrong-value", f"`{key}`: {error['msg']}", _span(error["input"]) or args.origin.span, None)


CODES = {
    "wrong-value": "V002",
    "wrong-type": "V003",
    "out-of-range": "V004",
    "unknown-word": "V005",
    "unknown-variant": "V006",
    "duplicate-argument": "V009",
    "unnamed-argument": "V013",
    "unknown-file-type": "C023",
    "data-address": "C026",
}


def _wrong(name: str, message: str, span: Span, help: str | None) -> Diagnostic:
    return Diagnostic(CODES[name], name, Severity.ERROR, message, span, help=help)


def _span(value: Any) -> Span | None:
    if isinstance(value, Args):
        return value.origin.span
    span = getattr(value, "span", None)
    return span if isinstance(span, Span) else None
