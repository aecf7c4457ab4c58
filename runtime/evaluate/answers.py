"""Reading answers: the chain of thought comes off, what is scored is extracted, numbers take one form."""

from __future__ import annotations

import re
from decimal import Decimal

from smolc.runtime.jobs.evaluate import Extract

# Thousands need their groups of three, so that `3,5` is two numbers; a minus after a word is a hyphen.
_NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+"
_POWER = r"(?:[eE][+-]?[0-9]{1,2}(?![0-9]))?"
_IN_TEXT = re.compile(rf"(?P<sign>(?<![\w)])[-−+])?\s?\$?(?P<number>(?:{_NUMBER}){_POWER})")
_ALONE = re.compile(rf"(?P<sign>[-−+])?\s?\$?\s?(?P<number>(?:{_NUMBER}){_POWER})\s?[%.]?")


_TAGS = re.compile(
    r"</?(?:think|thinking|thought|reasoning|seed:think)>|\[/?THINK\]|<\|(?:begin|end)_of_thought\|>"
)
"""What models are known to write around a chain of thought."""


def thinks(text: str) -> bool:
    """Whether a text holds the tags of a chain of thought."""
    return _TAGS.search(text) is not None


def extract(text: str, how: Extract) -> str | None:
    """What is compared, or None where there is nothing to extract.

    whole: the stripped text. after: what follows the last marker, to the end of its line; a lone number is
    normalised. last_number: the last number of the text, normalised: no `$`, no thousands separators, no
    trailing zeros.
    """
    if how.type == "last_number":
        matches = list(_IN_TEXT.finditer(text))
        return _normalised(matches[-1]) if matches else None
    if how.type == "whole":
        return text.strip() or None
    _, marker, after = text.rpartition(how.marker or "")
    if not marker:
        return None
    answer = after.split("\n", 1)[0].strip()
    number = _ALONE.fullmatch(answer)
    return _normalised(number) if number else answer or None


def _normalised(match: re.Match[str]) -> str:
    value = Decimal(match["number"].replace(",", ""))
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"-{text}" if match["sign"] in ("-", "−") and value else text


def without_thinking(text: str, tags: tuple[str, str], opened: bool = False) -> tuple[str, bool]:
    """The text without its chains of thought, and whether one of them never ended (then what follows it is
    gone too).

    opened: the prompt ended within the chain of thought, so that the text begins in one.
    """
    start, end = tags
    if opened and end not in text:
        return "", True
    first = text.find(end)
    if first >= 0 and (opened or not 0 <= text.find(start) < first):
        # A closing tag without its opening one: everything before it was thought.
        text = text[first + len(end) :]
    kept = []
    while start in text:
        before, _, rest = text.partition(start)
        kept.append(before)
        _, closed, text = rest.partition(end)
        if not closed:
            return "".join(kept), True
    # Tags do not nest, so a closing one that is left ends more thought.
    return "".join([*kept, text]).rpartition(end)[2], False
