"""The snippets of the compiler's own codes, run: recipes as files beside each other, `sh` as somebody would type it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

from click.testing import CliRunner

from smolc.compiler.cli.main import command

BASE = Path(__file__).with_name("explained.recipe")
FENCE = re.compile(r"^```(\w*) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def section(docs: str, title: str) -> str:
    """What stands below `## title`."""
    match = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", docs, re.MULTILINE | re.DOTALL)
    return match[1].strip() if match else ""


def run(text: str, folder: Path) -> tuple[set[tuple[str, str]], str]:
    """Codes and names that are reported about the fences in `text`, and how that is shown.

    A recipe without a name is a part of `explained.recipe` unless it begins with what stands at the top of a file.
    """
    shutil.copy(BASE, folder / "base.recipe")
    (folder / "models/smol").mkdir(parents=True)
    for name in ("chats.jsonl", "pairs.jsonl", "chat.jinja", "models/smol/smol-q4.gguf"):
        (folder / name).write_text("", encoding="utf-8")
    (folder / "example.recipe").write_text('extends "base.recipe"\n', encoding="utf-8")
    typed = "smolc lint example.recipe"
    for language, name, body in FENCE.findall(text):
        if language == "sh":
            *before, typed = body.strip().splitlines()
            for line in before:
                subprocess.run(["sh", "-c", line], cwd=folder, check=True)
        else:
            whole = name or re.match(r"smolc |extends ", body)
            (folder / (name or "example.recipe")).write_text(
                body if whole else f'extends "base.recipe"\n{body}', encoding="utf-8"
            )
    said = CliRunner().invoke(
        command, [str(folder / w) if w.endswith("recipe") else w for w in shlex.split(typed)[1:]]
    )
    assert said.exit_code in (0, 1, 2) and (said.exception is None or isinstance(said.exception, SystemExit))
    return set(re.findall(r"^\w+\[(\w+) ([\w-]+)\]", said.output, re.MULTILINE)), said.output
