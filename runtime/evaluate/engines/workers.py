"""Engines in processes of their own, spoken to over pipes: one JSON object a line.

To the process: what it needs to load the model, then for each call `{"wanted": [[ids, room, seed, stops], ...],
"sampling": [temperature, top_p, end_ids]}`. From it: `{"ready": version}`, then for each call `{"i", "ids"}` for each
answer and `{"done": true}`; or `{"error": text}`, and it ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from typing import IO, Any

from smolc.runtime.evaluate.engines.base import Done, Engine, Sampling, Wanted
from smolc.runtime.jobs.errors import JobError


class WorkerEngine:
    """What the process that `command` starts offers, from the first call on. Its stderr is kept, to say why it failed."""

    def __init__(self, name: str, command: Sequence[str], load: dict[str, Any], env: dict[str, str]) -> None:
        """load: what the process is told to load the model; env: of it, besides this process's own."""
        self.name, self.command, self.load, self.env = name, list(command), load, env
        self.version: str | None = None
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[bytes] | None = None

    def generate(self, wanted: Sequence[Wanted], sampling: Sampling, done: Done) -> None:
        """Raises JobError if the process fails."""
        if self._process is None:
            self._start()
        asked = [[want.ids, want.room, want.seed, want.stops] for want in wanted]
        self._send({"wanted": asked, "sampling": [sampling.temperature, sampling.top_p, sampling.end_ids]})
        while not (said := self._receive()).get("done"):
            done(said["i"], said["ids"])

    def free(self) -> None:
        """The process keeps its model."""

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None and process.stdout is not None
            try:
                process.stdin.close()
                process.wait(timeout=20)
            except (OSError, subprocess.TimeoutExpired):
                process.kill()
                process.wait()
            process.stdout.close()
        if self._log is not None:
            self._log.close()

    def _start(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        try:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                env={**os.environ, **self.env},
            )
        except OSError as error:
            raise JobError(f"{self.command[0]}: cannot be started: {error.strerror}") from error
        self._send(self.load)
        self.version = str(self._receive()["ready"])

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError:
            self._failed(None)

    def _receive(self) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        line = self._process.stdout.readline()
        said = json.loads(line) if line.endswith("\n") else {}
        if not said or "error" in said:
            self._failed(said.get("error"))
        return dict(said)

    def _failed(self, why: str | None) -> None:
        assert self._log is not None
        self._log.seek(0)
        last = self._log.read().decode(errors="replace").strip().splitlines()[-15:]
        print("\n".join(last))
        self.close()
        raise JobError(
            f"engine {self.name}: its process ended: {why or (last[-1] if last else 'without a word')}",
            help='its last words are above; engine = "transformers" does without it',
        )


class DividedEngine:
    """Several engines of one kind, with a part of the requests each. An answer does not depend on who makes it."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self.engines, self.name = list(engines), engines[0].name

    @property
    def version(self) -> str | None:
        return self.engines[0].version

    def generate(self, wanted: Sequence[Wanted], sampling: Sampling, done: Done) -> None:
        """Raises what the first engine to fail raises, after the others have ended."""
        order = sorted(range(len(wanted)), key=lambda i: (-len(wanted[i].ids) - wanted[i].room, i))
        errors: list[BaseException] = []
        lock = threading.Lock()

        def work(engine: Engine, part: list[int]) -> None:
            def tell(i: int, ids: list[int]) -> None:
                with lock:
                    done(part[i], ids)

            try:
                engine.generate([wanted[i] for i in part], sampling, tell)
            except BaseException as error:
                errors.append(error)

        n = len(self.engines)
        parts = [(engine, order[k::n]) for k, engine in enumerate(self.engines) if order[k::n]]
        threads = [threading.Thread(target=work, args=part, daemon=True) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def free(self) -> None:
        for engine in self.engines:
            engine.free()

    def close(self) -> None:
        for engine in self.engines:
            engine.close()
