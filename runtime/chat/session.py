"""A conversation, and the commands that steer it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from smolc.runtime.data.formats import Message
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.report.text import clean

if TYPE_CHECKING:  # torch is behind it
    from smolc.runtime.chat.speaker import Reply, Speaker

HELP = """\
/system TEXT  what the model is told first; without TEXT, nothing
/retry        another answer to the last turn
/undo         take the last turn and its answer back
/reset        start again, with the same system prompt
/raw          the last prompt and answer exactly as the model saw and wrote them
/save FILE    add this conversation to FILE, a line of jsonl with its messages
/quit         end (so does Ctrl-D); Ctrl-C stops an answer
A line that starts with // is said with one of the slashes."""
NOTES = {"cut": "[cut off at its length]", "interrupted": "[stopped]"}


@dataclass
class Session:
    """write: where answers go, piece by piece, made harmless for a terminal."""

    speaker: Speaker
    system: str | None = None
    write: Callable[[str], None] = lambda text: print(text, end="", flush=True)
    turns: list[Message] = field(default_factory=list)
    asked: str | None = None
    reply: Reply | None = None

    @property
    def messages(self) -> list[Message]:
        before: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
        return before + self.turns

    def take(self, line: str) -> bool:
        """One line of a person's; False when it ends the chat. What goes wrong is said on stderr."""
        command, _, rest = line.strip().partition(" ")
        try:
            if line.startswith("//"):
                self._say(line[1:])
            elif not line.startswith("/"):
                self._say(line)
            elif command in ("/quit", "/exit"):
                return False
            elif (run := getattr(self, f"_{command[1:]}", None)) and command[1:] in COMMANDS:
                run(rest.strip())
            else:
                raise JobError(f"no such command: {command}", help="/help names them")
        except JobError as error:
            print(f"error: {clean(error.message, lines=True)}", file=sys.stderr, flush=True)
            if error.help:
                print(f"help: {clean(error.help, lines=True)}", file=sys.stderr, flush=True)
        return True

    def _say(self, text: str) -> None:
        if not text.strip():
            return
        self.turns.append({"role": "user", "content": text})
        try:
            self._answer()
        except JobError:
            self.turns.pop()
            raise

    def _answer(self) -> None:
        prompt = self.speaker.prompt(self.messages)
        reply = self.speaker.answer(prompt, lambda piece: self.write(clean(piece, lines=True)))
        self.asked, self.reply = prompt, reply
        note = NOTES.get(reply.ended, "" if reply.raw.strip() else "[said nothing]")
        self.write(f" {note}\n" if note else "\n")
        self.turns.append({"role": "assistant", "content": reply.text})

    def _help(self, _: str) -> None:
        self._tell(HELP)

    def _reset(self, _: str) -> None:
        self.turns.clear()
        self._tell("a new conversation")

    def _system(self, text: str) -> None:
        self.system = text or None
        self._tell("from the next answer on, the model is told this first" if text else "no system prompt")

    def _undo(self, _: str) -> None:
        self._last_user()
        del self.turns[-2:]
        last = self.turns[-2]["content"] if self.turns else None
        self._tell("taken back; " + (f"the turn before: {last}" if last else "the conversation is empty"))

    def _retry(self, _: str) -> None:
        self._last_user()
        before = self.turns.pop()
        if not self.speaker.sampling.temperature:
            self._tell("(the model is asked greedily: start with --temperature 0.7 for other answers)")
        try:
            self._answer()
        except JobError:
            self.turns.append(before)
            raise

    def _raw(self, _: str) -> None:
        if self.asked is None or self.reply is None:
            raise JobError("nothing was asked yet")
        self._tell(f"--- prompt\n{self.asked}\n--- answer, {self.reply.tokens} tokens\n{self.reply.raw}\n---")

    def _save(self, name: str) -> None:
        if not name:
            raise JobError("a file is missing", help="/save chats.jsonl")
        self._last_user()
        path = Path(name).expanduser()
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"messages": self.messages}, ensure_ascii=False) + "\n")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise JobError(f"{name}: cannot be written: {reason}") from error
        self._tell(f"added to {name}: {len(self.messages)} messages")

    def _last_user(self) -> None:
        """Raises JobError if nothing was said."""
        if not self.turns:
            raise JobError("nothing was said yet")

    def _tell(self, text: str) -> None:
        self.write(clean(text, lines=True) + "\n")


COMMANDS = ("help", "reset", "system", "undo", "retry", "raw", "save")
