"""A language server client that is as small as can be: JSON-RPC over a subprocess's stdin and stdout."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

WAIT = 60


class Client:
    """Use as a context manager; `stderr` is there when it has ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "smolc.compiler.cli", "lsp", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
        )
        self.number = 0
        self.received: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.notes: list[dict[str, Any]] = []
        self.stderr = ""
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.stderr = self.process.stderr.read().decode() if self.process.stderr else ""
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _read(self) -> None:
        out = self.process.stdout
        assert out is not None
        while True:
            length = 0
            while (line := out.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if not length:
                self.received.put(None)
                return
            self.received.put(json.loads(out.read(length)))

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self.process.stdin.flush()

    def notify(self, method: str, params: Any = None) -> None:
        self._send({"method": method, "params": params})

    def ask(self, method: str, params: Any = None) -> dict[str, Any]:
        """The whole answer: `result`, or `error`."""
        self.number += 1
        self._send({"id": self.number, "method": method, "params": params})
        while True:
            message = self._next()
            if message.get("id") == self.number and "method" not in message:
                return message
            self._take(message)

    def wait_for(self, method: str) -> dict[str, Any]:
        """The parameters of the next notification of this kind that has not been looked at."""
        while True:
            for note in self.notes:
                if note["method"] == method:
                    self.notes.remove(note)
                    params: dict[str, Any] = note["params"]
                    return params
            self._take(self._next())

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message and "method" in message:
            self._send({"id": message["id"], "result": None})
        elif "method" in message:
            self.notes.append(message)

    def _next(self) -> dict[str, Any]:
        message = self.received.get(timeout=WAIT)
        assert message is not None, "the server has ended"
        return message

    def open(self, path: Path, text: str, version: int = 1) -> None:
        document = {"uri": path.as_uri(), "languageId": "smolc", "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def start(self, **capabilities: Any) -> dict[str, Any]:
        folders = [{"uri": self.folder.as_uri(), "name": "here"}]
        params = {"processId": None, "rootUri": self.folder.as_uri(), "workspaceFolders": folders}
        answer = self.ask("initialize", {**params, "capabilities": capabilities})
        self.notify("initialized", {})
        result: dict[str, Any] = answer["result"]
        return result
