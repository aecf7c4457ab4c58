"""What the rows of a local data file look like, judged by the first few."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolc.compiler.format.value import quote

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".parquet")
LOOKED_AT = 2**20
"""Bytes of the file's start; of a .json file, which is one value, more."""
LARGEST_JSON = 16 * 2**20
ROWS = 50

_PROMPTS = ("prompt", "question", "instruction", "query", "problem", "input")
_PAIRS = (
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
    ("query", "response"),
    ("query", "answer"),
    ("problem", "solution"),
    ("instruction", "response"),
    ("instruction", "output"),
    ("input", "output"),
)
_CHATS = ("messages", "conversations", "conversation", "dialog", "dialogue", "chat")
_TEXTS = ("text", "content", "body")


@dataclass(frozen=True)
class Format:
    """kind: the constructor's word. text: as a recipe says it, with the columns where they are not the default."""

    kind: str
    text: str


@dataclass(frozen=True)
class Look:
    """format: None if it is not one that is known. columns: of the first row. note: what is odd, "" if nothing is."""

    format: Format | None
    columns: tuple[str, ...] = ()
    note: str = ""


def look(path: Path) -> Look:
    """Reads the start of a data file; never fails: what cannot be read is in the note."""
    try:
        if not path.is_file():
            return Look(None, note="it is not there" if not path.exists() else "it is not a regular file")
        if path.suffix.lower() == ".parquet":
            return Look(None, note="parquet files are not looked into")
        rows, note = _rows(path)
    except (OSError, ValueError) as error:
        return Look(None, note=f"it cannot be read: {getattr(error, 'strerror', None) or error}")
    if not rows:
        return Look(None, note=note or "it has no rows")
    columns = tuple(rows[0])
    shared = {name: rows[0][name] for name in columns if all(name in row for row in rows)}
    format, odd = _format(shared)
    if format is None and not odd:
        odd = "its columns are of no format that is known"
    return Look(format, columns, note or odd)


def _rows(path: Path) -> tuple[list[dict[str, Any]], str]:
    with path.open("rb") as file:
        limit = LARGEST_JSON if path.suffix.lower() == ".json" else LOOKED_AT
        data = file.read(limit + 1)
    whole = len(data) <= limit
    text = data[:limit].decode("utf-8", "replace").removeprefix("\ufeff")
    if path.suffix.lower() == ".csv":
        return [dict(row) for _, row in zip(range(ROWS), csv.DictReader(io.StringIO(text)), strict=False)], ""
    if path.suffix.lower() == ".json":
        value = _json(text) if whole else None
        rows = [row for row in value[:ROWS] if isinstance(row, dict)] if isinstance(value, list) else []
        return rows, "" if rows else "it is not a list of objects, or too large to look at"
    lines = text.split("\n")
    if not whole:
        lines.pop()  # a part of a line
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row = _json(line)
        if not isinstance(row, dict):
            return rows, f"line {number} is not a JSON object"
        rows.append(row)
        if len(rows) == ROWS:
            break
    return rows, ""


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _format(row: dict[str, Any]) -> tuple[Format | None, str]:
    """The format of a row, and what is odd about it."""
    prompt = next((name for name in _PROMPTS if name in row), None)
    chat = next((name for name in (*_CHATS, *row) if _is_chat(row.get(name))), None)
    system = {"system": "system"} if isinstance(row.get("system"), str) else {}
    if "chosen" in row and "rejected" in row:
        if prompt is None and chat is not None and chat not in ("chosen", "rejected"):
            prompt = chat
        if prompt is None and not isinstance(row["chosen"], list):
            return None, "it has chosen and rejected answers, and no prompt to them"
        return _made("preference", prompt=prompt or "", **system), ""
    if "label" in row and "prompt" in row and "completion" in row:
        return _made("unpaired", prompt="prompt", completion="completion", **system), ""
    if chat is not None and isinstance(row.get("label"), bool):
        return _made("unpaired", prompt="", completion=chat, **system), ""
    if chat is not None and chat not in ("prompt", "completion"):
        return _made("messages" if "role" in row[chat][0] else "sharegpt", column=chat), ""
    if {"instruction", "input", "output"} <= row.keys():
        history = {"history": "history"} if isinstance(row.get("history"), list) else {}
        return _made("alpaca", **system, **history), ""
    for one, other in _PAIRS:
        if one in row and other in row:
            return _made("prompt_completion", prompt=one, completion=other, **system), ""
    text = next((name for name in _TEXTS if isinstance(row.get(name), str)), None)
    if text is None and len(row) == 1:
        text = next((name for name, value in row.items() if isinstance(value, str) and _said(name)), None)
    return (None, "") if text is None else (_made("text", column=text), "")


_DEFAULTS = {
    "preference": {"prompt": "prompt"},
    "messages": {"column": "messages"},
    "sharegpt": {"column": "conversations"},
    "prompt_completion": {"prompt": "prompt", "completion": "completion"},
    "unpaired": {"prompt": "prompt", "completion": "completion"},
    "alpaca": {},
    "text": {"column": "text"},
}


def _made(kind: str, **columns: str) -> Format:
    """The constructor, with those columns that are not its defaults."""
    given = [f"{key} = {quote(name)}" for key, name in columns.items() if _DEFAULTS[kind].get(key) != name]
    return Format(kind, f"{kind}({', '.join(given)})" if given else kind)


def _is_chat(value: Any) -> bool:
    """Whether a value is a list of turns."""
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return False
    return {"role", "content"} <= value[0].keys() or {"from", "value"} <= value[0].keys()


def _said(name: str) -> bool:
    return bool(name) and name.isprintable() and len(name) <= 200
