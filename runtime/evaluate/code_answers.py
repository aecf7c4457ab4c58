"""The program in what a model said."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[ \t]*([\w+#.-]*)[^\n]*$", re.MULTILINE)
_PYTHON = ("", "python", "python3", "py", "py3")
# A line at the margin that may be Python; prose around unfenced code is not.
_CODE = re.compile(
    r"""(?:async\ def|def|class|from|import|for|while|if|elif|else|try|except|finally|with|return|print|assert)\b
    |[@#)\]}]|\"\"\"|'''|[A-Za-z_][\w.]*\s*(?:[-+*/%&|^]?=|[(\[]|:\s*\w+[^\n]*=)""",
    re.VERBOSE,
)
_START = re.compile(r"^(?:async def|def|class|from|import|@)\b.*|^@.*", re.MULTILINE)


def program_in(said: str, names: Sequence[str], header: str = "") -> str | None:
    """The program, or None if there is none.

    The last fenced block of Python that defines one of `names`, or else the last one; without fences, what looks like
    code. header: what a block that defines none of them goes on from, if it is the body of a function (as HumanEval's
    prompts, which end in a docstring). An unclosed fence reaches to the end.
    """
    blocks = _blocks(said)
    if blocks is None:
        unfenced = _unfenced(said, header)
        blocks = [unfenced] if unfenced else []
    blocks = [block for block in blocks if block.strip()]
    if not blocks:
        return None
    defining = [block for block in blocks if defines(block, names)]
    if defining:
        return defining[-1]
    last = blocks[-1]
    if header and is_body(last):
        return f"{header.rstrip()}\n{_indented(last)}"
    return last


def defines(code: str, names: Sequence[str]) -> bool:
    return any(
        re.search(
            rf"^(?:(?:async )?def|class)\s+{re.escape(n)}\b|^{re.escape(n)}\s*(?::[^=\n]+)?=(?!=)", code, re.M
        )
        for n in names
    )


def is_body(code: str) -> bool:
    """Of a function: indented, or returning at the margin."""
    return code.lstrip("\n")[:1] in (" ", "\t") or bool(re.search(r"^return\b", code, re.MULTILINE))


def _indented(body: str) -> str:
    """By four, however it was. Of some bodies only the first line has lost its indent."""
    lines = body.strip("\n").splitlines()
    rest = [line for line in lines[1:] if line.strip()]
    if (
        rest
        and not lines[0][:1].isspace()
        and all(line[:1].isspace() for line in rest)
        and lines[0][-1:] != ":"
    ):
        lines[0] = re.match(r"[ \t]*", rest[0])[0] + lines[0]  # type: ignore[index]
    return textwrap.indent(textwrap.dedent("\n".join(lines)), "    ") + "\n"


def _blocks(said: str) -> list[str] | None:
    """Fenced blocks of Python; None if there is no fence."""
    fences = list(_FENCE.finditer(said))
    if not fences:
        return None
    blocks = []
    i = 0
    while i < len(fences):
        opening = fences[i]
        # Only a bare fence closes.
        closing = next((j for j in range(i + 1, len(fences)) if not fences[j][1]), None)
        end = len(said) if closing is None else fences[closing].start()
        if opening[1].lower() in _PYTHON:
            blocks.append(
                textwrap.dedent(said[opening.end() + 1 : end])
                if _inset(opening[0])
                else said[opening.end() + 1 : end]
            )
        if closing is None:
            break
        i = closing + 1
    return blocks


def _inset(fence: str) -> bool:
    """In a list, say, whose items are indented with all they have."""
    return fence[:1] in (" ", "\t")


def _unfenced(said: str, header: str) -> str:
    lines = said.strip("\n").splitlines()
    if not lines:
        return ""
    if header and lines[0][:1] in (" ", "\t"):
        start = 0
    elif found := _START.search(said.strip("\n")):
        start = said.strip("\n")[: found.start()].count("\n")
    elif header and is_body(said):
        start = 0
    else:
        return ""
    end = start + 1
    body_only = start == 0 and lines[0][:1] in (" ", "\t")
    while end < len(lines):
        at_margin = lines[end].strip() and not lines[end][:1].isspace()
        if at_margin and (body_only or not _CODE.match(lines[end])):
            break
        end += 1
    return "\n".join(lines[start:end]) + "\n"
