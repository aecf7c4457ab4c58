"""What a chat template marks as generated, read from its text; nothing is rendered."""

from __future__ import annotations

import re
from functools import lru_cache

from smolc.compiler.model.methods import Sft
from smolc.compiler.model.stage import Stage

_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_BLOCK = re.compile(
    r"\{%[-+]?\s*generation\s*[-+]?%\}(.*?)(?:\{%[-+]?\s*endgeneration\s*[-+]?%\}|\Z)", re.DOTALL
)
_SET = re.compile(r"\{%[-+]?\s*set\s+([A-Za-z_]\w*)\s*=(.*?)%\}", re.DOTALL)
_MACRO = re.compile(r"\{%[-+]?\s*macro\s+([A-Za-z_]\w*)(.*?)\{%[-+]?\s*endmacro\s*[-+]?%\}", re.DOTALL)


def marks_needed(stage: Stage) -> bool:
    """Whether a stage's loss depends on what its template marks."""
    return isinstance(stage.method, Sft) and stage.method.loss_on in ("assistant", "last_turn")


@lru_cache(maxsize=64)
def generated(template: str) -> tuple[str, ...]:
    """The template's texts between `{% generation %}` and `{% endgeneration %}`."""
    return tuple(_BLOCK.findall(_COMMENT.sub("", template)))


@lru_cache(maxsize=64)
def writes(blocks: tuple[str, ...], wanted: str | None, template: str) -> bool:
    """Whether `blocks` write `wanted` or the variable eos_token, by themselves, a variable or a macro."""
    text = _COMMENT.sub("", template)
    names = {"eos_token"}
    defined = [(name, body) for pattern in (_SET, _MACRO) for name, body in pattern.findall(text)]
    while more := {name for name, body in defined if _has(body, names, wanted)} - names:
        names |= more
    return any(_has(block, names, wanted) for block in blocks)


def _has(text: str, names: set[str], wanted: str | None) -> bool:
    if wanted and wanted in text:
        return True
    return re.search(rf"\b(?:{'|'.join(sorted(names))})\b", text) is not None
