"""How a validator says what is wrong, so that it can be shown at the right place."""

from __future__ import annotations

from pydantic_core import PydanticCustomError

from smolc.compiler.diagnostics import Span


def wrong(
    message: str, span: Span | None = None, *, help: str | None = None, name: str = "wrong-value"
) -> PydanticCustomError:
    """An error for pydantic to collect; `build.py` turns it into a diagnostic at `span`."""
    return PydanticCustomError(
        "smolc",
        "{message}",
        {"message": message, "span": span, "help": help, "name": name},
    )
