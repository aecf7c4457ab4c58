"""The Lark parser for one statement.

Building it from `grammar.lark` takes tens of milliseconds, so its tables are kept next to it as plain JSON
(`grammar.json`, written by `write_tables`). They are used only if they were made
from this grammar by this release of Lark; otherwise the parser is built. Nothing is unpickled and nothing is
written at run time.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lark import Lark

GRAMMAR = Path(__file__).with_name("grammar.lark")
TABLES = Path(__file__).with_name("grammar.json")


@lru_cache(maxsize=1)
def parser() -> Lark:
    """The parser; its start symbols are `statement`, `value` and `path`."""
    return _from_tables() or build()


def build() -> Lark:
    """The parser, from the grammar's text."""
    from lark import Lark

    return Lark(
        GRAMMAR.read_text(encoding="utf-8"),
        parser="lalr",
        lexer="basic",
        start=["statement", "value", "path", "marks"],
        maybe_placeholders=False,
    )


def key() -> str:
    """What the tables depend on."""
    import lark

    return f"{lark.__version__} {hashlib.sha256(GRAMMAR.read_bytes()).hexdigest()}"


def tables() -> str:
    """The text of `grammar.json`."""
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    data, memo = build().memo_serialize([TerminalDef, Rule])
    return json.dumps({"key": key(), "data": data, "memo": memo}, default=_plain, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"cannot be kept: {value!r}")


def _from_tables() -> Lark | None:
    from lark import Lark

    try:
        kept = json.loads(TABLES.read_text(encoding="utf-8"), object_pairs_hook=_numbered)
        if kept["key"] != key():
            return None
        loaded: Lark = Lark._load_from_dict(kept["data"], kept["memo"])  # type: ignore[no-untyped-call]
        return loaded
    except (OSError, ValueError, KeyError, TypeError, AttributeError, AssertionError):
        return None


def _numbered(pairs: list[tuple[str, Any]]) -> dict[Any, Any]:
    """JSON has no numbers as keys; Lark's tables do."""
    return {int(k) if k.isdecimal() else k: v for k, v in pairs}


def write_tables() -> None:
    """To be called after each change of the grammar or of Lark (a test says when)."""
    TABLES.write_text(tables() + "\n", encoding="utf-8")
