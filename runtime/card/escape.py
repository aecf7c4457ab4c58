"""Text of strangers in markdown: it stays text. No link, image, heading, table or HTML comes of it."""

from __future__ import annotations

import re

from smolc.runtime.report.text import clean, label

_RUN = re.compile(r"`+")


def prose(text: object) -> str:
    """One line of plain text: what could begin or end markup is escaped, as CommonMark and the hub's formulas have it; a
    word joiner goes into addresses, so that nobody makes links of them."""
    line = " ".join(clean(str(text)).split())
    line = re.sub(r"(?i)(://|\bwww\.|@)", "\\1\u2060", line)
    line = re.sub(r"[\\`*_\[\]|~$^]", r"\\\g<0>", line)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A list, a heading or a rule begins with the line.
    return re.sub(r"^(\d+(?=[.)](?:\s|$))|(?=[-+#=]))(.)", r"\1\\\2", line)


def code(text: object) -> str:
    """A name or a value as a code span, in a table too."""
    said = label(str(text))
    if not said.strip():
        return "–"
    if "|" in said:  # no form of it in a code span ends no cell, whatever stands before it
        return f"<code>{prose(said)}</code>"
    fence = "`" * (1 + max((len(run) for run in _RUN.findall(said)), default=0))
    pad = " " if said.startswith("`") or said.endswith("`") or said != said.strip() else ""
    return f"{fence}{pad}{said}{pad}{fence}"


def block(text: str, language: str = "") -> str:
    """Several lines as they are, in a fence that they cannot close."""
    shown = clean(text, lines=True).rstrip("\n")
    fence = "`" * max(3, 1 + max((len(run) for run in _RUN.findall(shown)), default=0))
    return f"{fence}{language}\n{shown}\n{fence}"
