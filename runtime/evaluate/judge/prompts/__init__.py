"""What the judge is asked, in files beside this one. The first line of each says its version.

A conversation is set between fences that carry a hash of all that is shown, so that no answer can write one of them
and speak on as the judge's user.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

Turn = tuple[str, str]
"""What the user said and the answer to it."""


@dataclass(frozen=True)
class Prompt:
    """about: `{"version", "hash"}`; the hash is of the file's bytes."""

    source: str
    about: Mapping[str, str]

    def render(self, **values: Any) -> str:
        shown = hashlib.sha256(repr(sorted(values.items())).encode()).hexdigest()[:12]
        environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        return environment.from_string(self.source).render(fence=f"=====[{shown}]", **values).strip()


@cache
def prompt_of(style: str) -> Prompt:
    """style: `grade` or `pairwise`."""
    source = (Path(__file__).parent / f"{style}.j2").read_text(encoding="utf-8")
    version = source.partition("\n")[0].removeprefix("{# version ").removesuffix(" #}")
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    return Prompt(source, {"version": version, "hash": digest})


def grade_prompt(turns: Sequence[Turn], reference: str | None) -> str:
    """Of the last answer; the turns before it are shown as context."""
    return prompt_of("grade").render(before=list(turns[:-1]), last=turns[-1], reference=reference)


def pairwise_prompt(questions: Sequence[str], first: Sequence[str], second: Sequence[str]) -> str:
    """Of two conversations with the same questions; first: the answers that are called A."""
    turns = list(zip(questions, first, second, strict=True))
    return prompt_of("pairwise").render(turns=turns)
