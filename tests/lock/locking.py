"""A folder with a recipe that reads all there is to lock, and a local cache of the hub."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smolc.compiler.cli import build, lint, lock

A, B, C = ("a" * 40, "b" * 40, "c" * 40)

PARENT = """smolc 1
recipe parent { about = "parent" }
model base { hub = "some/model" }
template chat { file = "chat.jinja" }
"""
RECIPE = """smolc 1
extends "parent.recipe"
recipe child { about = "child" }
dataset chats { path = "chats.jsonl" }
dataset more { hub = "some/data"; revision = "v1" }
mixture talk { chats = all; more = all }
stage sft { init = base; method = sft(loss_on = all); data = talk; template = chat; batch = 32seq }
"""


class Folder:
    """The current folder of a test, with `child.recipe` and what it needs."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = place
        self.hub = place / "hub"
        monkeypatch.chdir(place)
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.setenv("HF_HUB_CACHE", str(self.hub))
        self.write("parent.recipe", PARENT)
        self.write("child.recipe", RECIPE)
        self.write("chat.jinja", "{{ messages }}")
        self.write("chats.jsonl", "{}\n")
        self.ref("models--some--model", "main", A)
        self.ref("datasets--some--data", "v1", B)

    def write(self, name: str, text: str) -> None:
        (self.place / name).parent.mkdir(parents=True, exist_ok=True)
        (self.place / name).write_text(text, encoding="utf-8")

    def ref(self, repository: str, revision: str, commit: str) -> None:
        self.write(f"hub/{repository}/refs/{revision}", commit)

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.place / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    @property
    def text(self) -> str:
        return (self.place / "smolc.lock").read_text(encoding="utf-8")

    def lock(self, *arguments: str) -> Result:
        return invoke(lock.command, *(arguments or ("child.recipe",)))

    def build(self, *arguments: str) -> Result:
        return invoke(build.command, "child.recipe", "-o", "built", *arguments)

    def lint(self, *arguments: str) -> Result:
        return invoke(lint.command, "child.recipe", "--format", "concise", *arguments)

    def leftovers(self) -> list[str]:
        """Temporary files that should not be there any more."""
        return [path.name for path in self.place.iterdir() if path.name.startswith(".")]


def invoke(command: object, *arguments: str) -> Result:
    """Raises what the command raises, such as Refused."""
    result = CliRunner().invoke(command, list(arguments))  # type: ignore[arg-type]
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
