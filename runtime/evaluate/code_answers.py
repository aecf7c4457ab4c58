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
_START = re.compile(r"^(?:(?:async def|def|class|import) \w|from \S+ import |@)", re.MULTILINE)


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
        return _continued(header, last)
    return last


def defines(code: str, names: Sequence[str]) -> bool:
    return any(
        re.search(
            rf"^(?:(?:async )?def|class)\s+{re.escape(n)}\b|^{re.escape(n)}\s*(?::[^=\n]+)?=(?!=)", code, re.M
        )
        for n in names
    )


def is_body(code: str) -> bool:
    """Of a function: indented, or returning without that a function begins at the margin."""
    if code.lstrip("\n")[:1] in (" ", "\t"):
        return True
    at_margin = re.search(r"^(?:async def|def|class)\b", code, re.MULTILINE)
    return bool(re.search(r"^return\b" if at_margin else r"^[ \t]*return\b", code, re.MULTILINE))


def _continued(header: str, body: str) -> str:
    """The body under the last function of the header, however it was indented. Of some only the first line has lost
    its indent."""
    lines = body.strip("\n").splitlines()
    rest = [line for line in lines[1:] if line.strip()]
    if (
        rest
        and not lines[0][:1].isspace()
        and all(line[:1].isspace() for line in rest)
        and lines[0][-1:] != ":"
    ):
        lines[0] = rest[0][: len(rest[0]) - len(rest[0].lstrip())] + lines[0]
    under = re.findall(r"^([ \t]*)(?:async )?def\b", header, re.MULTILINE)
    whole = "\n".join(lines)
    indent = (under[-1] if under else "") + "    "
    return f"{header.rstrip()}\n{textwrap.indent(textwrap.dedent(whole), indent)}\n"


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
            block = said[opening.end() + 1 : end]
            # In a list, say, all that an item has is indented.
            blocks.append(textwrap.dedent(block) if opening[0][:1].isspace() else block)
        if closing is None:
            break
        i = closing + 1
    return blocks


def _unfenced(said: str, header: str) -> str:
    said = said.strip("\n")
    lines = said.splitlines()
    if not lines:
        return ""
    if header and lines[0][:1] in (" ", "\t"):
        start = 0
    elif found := _START.search(said):
        start = said[: found.start()].count("\n")
    elif (header and is_body(said)) or all(
        _CODE.match(x) for x in lines if x.strip() and not x[:1].isspace()
    ):
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
