"""Where the turns of a conversation begin in its rendering. Only what is shown depends on it, nothing that is trained."""

from __future__ import annotations

import re

from smolc.runtime.data.formats import Message
from smolc.runtime.data.template import ChatTemplate, RenderError, guarded
from smolc.runtime.jobs.errors import JobError

BEGINS = "assistant begins"
MOST_RENDERED = 100  # messages; each is rendered with all before it


def turn_starts(
    template: ChatTemplate,
    messages: list[Message],
    text: str,
    special: re.Pattern[str] | None,
    tools: list[object] | None = None,
    kwargs: dict[str, object] | None = None,
) -> list[tuple[int, str]]:
    """First character and role of each turn, ascending, beginning with 0. What a template says before the first message
    is a turn of `template`; what it says after the last, for the assistant to go on, is one of BEGINS.

    special: matches special tokens. A turn whose begin cannot be found belongs to the one before it.
    """
    starts: list[tuple[int, str]] = [(0, "template" if not messages else str(messages[0]["role"]))]
    at = 0  # after the words of the last message
    for number, message in enumerate(messages):
        if number:
            begin = _rendered(template, messages[:number], text, tools, kwargs)
            if begin is None or begin < at:
                begin = _before(text, at, _words(message), special)
            if begin is not None and begin > starts[-1][0]:
                starts.append((begin, str(message["role"])))
        words = _words(message)
        place = text.find(words, max(at, starts[-1][0])) if words else -1
        if number == 0 and place > 0 and (own := _own_part(text[:place], special)):
            starts = [(0, "template"), (own, starts[0][1])]
        at = place + len(words) if place >= 0 else max(at, starts[-1][0])
    end = _rendered(template, messages, text, tools, kwargs)
    if end is not None and starts[-1][0] < end < len(text):
        starts.append((end, BEGINS))
    return starts


def _words(message: Message) -> str:
    return str(message.get("content") or "").strip()


def _rendered(
    template: ChatTemplate,
    messages: list[Message],
    text: str,
    tools: list[object] | None,
    kwargs: dict[str, object] | None,
) -> int | None:
    """Length of the first messages' rendering, if the whole begins with it."""
    if len(messages) > MOST_RENDERED:
        return None
    try:
        with guarded():
            before, _ = template.render(messages, tools, kwargs)
    except (RenderError, JobError):
        return None
    return len(before) if text.startswith(before) else None


def _before(text: str, after: int, words: str, special: re.Pattern[str] | None) -> int | None:
    """Where the turn with these words begins: at the second special token since the last words, as the first one ends
    the turn before."""
    place = text.find(words, after) if words else -1
    if place < 0 or special is None:
        return None
    between = [m.start() for m in special.finditer(text, after, place)]
    return between[1] if len(between) > 1 else None


def _own_part(before: str, special: re.Pattern[str] | None) -> int:
    """Length of what a template says by itself, such as a system prompt: it has the special tokens that begin a turn,
    which then begin another one."""
    if special is None:
        return 0
    places: dict[str, list[int]] = {}
    for match in special.finditer(before):
        places.setdefault(match.group(), []).append(match.start())
    return min((found[-1] for found in places.values() if len(found) > 1), default=0)
