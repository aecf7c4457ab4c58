"""The blind arena: one file with all answers and a script of ours, that fetches nothing and runs nothing else.

What models wrote is JSON without `<`, so that no text ends its element, and becomes text nodes only. The policy allows
the one script and the one style sheet of these bytes. Names are apart from the answers, XORed and in base64: that hides
them from who looks at the page or its source, not from who wants to know.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import random
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from smolc.runtime.arena.answers import Prompt
from smolc.runtime.arena.pairs import Pair
from smolc.runtime.data.formats import Message
from smolc.runtime.report.text import clean, label

MOST = 3000
"""Pairs on one page: more than anybody votes on."""


def render(title: str, pairs: Sequence[Pair]) -> str:
    """The page. The same for the same pairs: votes that the browser keeps stay valid."""
    style, script = _own("arena.css"), _own("arena.js")
    parts = {
        "%POLICY%": (
            f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
            "base-uri 'none'; form-action 'none'"
        ),
        "%TITLE%": html.escape(label(title)),
        "%STYLE%": style,
        "%SCRIPT%": script,
        "%DATA%": _embedded(_data(pairs[:MOST])),
    }
    # In one pass: nothing is looked for in what was put in.
    return re.sub("|".join(parts), lambda found: parts[found[0]], _own("arena.html"))


def _own(name: str) -> str:
    return files("smolc.runtime.arena").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _embedded(data: dict[str, Any]) -> str:
    text = json.dumps(data)  # ASCII: no character of a model's is in the page as it is
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _data(pairs: Sequence[Pair]) -> dict[str, Any]:
    """What arena.js reads. Answers are known by random ids, and stand in the order of those."""
    page = hashlib.sha256("".join(pair.key for pair in pairs).encode()).hexdigest()[:16]
    draw = random.Random(page)
    prompts: dict[int, int] = {}
    answers: dict[tuple[int, str], str] = {}
    shown: list[dict[str, Any]] = []
    texts: dict[str, dict[str, Any]] = {}
    listed = []
    for pair in pairs:
        number = prompts.setdefault(id(pair.prompt), len(prompts))
        if number == len(shown):
            shown.append(_prompt(pair.prompt))
        for model in (pair.left, pair.right):
            if (number, model) not in answers:
                key = answers[number, model] = f"{draw.getrandbits(48):012x}"
                said = pair.answer(model)
                texts[key] = {"turns": [clean(turn, lines=True) for turn in said.turns], "cut": said.cut}
        left, right = (answers[number, model] for model in (pair.left, pair.right))
        listed.append({"key": pair.key, "prompt": number, "left": left, "right": right})
    models = sorted({model for _, model in answers})
    draw.shuffle(models)
    names = {"models": models, "of": {key: models.index(model) for (_, model), key in answers.items()}}
    return {
        "id": page,
        "pairs": listed,
        "prompts": shown,
        "answers": dict(sorted(texts.items())),
        "names": _hidden(names, page),
    }


def _prompt(prompt: Prompt) -> dict[str, Any]:
    messages = [{"role": label(str(m.get("role"))), "text": _said(m)} for m in prompt.messages]
    return {
        "task": prompt.task,
        "id": prompt.id,
        "category": label(prompt.category),
        "note": clean(prompt.note),
        "messages": messages,
        "follow_ups": [clean(text, lines=True) for text in prompt.follow_ups],
    }


def _said(message: Message) -> str:
    calls = message.get("tool_calls")
    called = json.dumps(calls, ensure_ascii=False) if calls else ""
    return clean("\n".join(filter(None, (str(message.get("content") or ""), called))), lines=True)


def _hidden(names: dict[str, Any], key: str) -> str:
    text = json.dumps(names).encode()
    return base64.b64encode(bytes(b ^ ord(key[i % len(key)]) for i, b in enumerate(text))).decode()
