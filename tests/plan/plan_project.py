"""A project with a compiled folder, as `smolc plan` finds it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from compiling import SMALL as LINTED
from compiling import planned

from smolc.compiler.cli.plan import command
from smolc.compiler.plan import Plan
from smolc.compiler.render import files, write

SMALL = LINTED.replace("task words { data = chats }", "task words { data = unseen }").replace(
    "dataset pairs", 'dataset unseen { path = "unseen.jsonl"; role = test }\ndataset pairs'
)
ROWS = '{"messages": []}\n'


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False)


class Project:
    """A recipe in a folder of its own, with its data, and a compiled folder beside it."""

    def __init__(self, folder: Path, text: str = SMALL) -> None:
        self.place = folder
        self.built = folder / "built"
        for name in ("chats.jsonl", "pairs.jsonl", "unseen.jsonl"):
            (folder / name).write_text(ROWS)
        self.write(text)

    def write(self, text: str) -> None:
        self.text = text
        (self.place / "case.recipe").write_text(text, encoding="utf-8")

    def build(self) -> Plan:
        made = planned(self.place, self.text)
        write(self.built, files(made, "..", "case.recipe"))
        return made

    def finish(self, plan: Plan, *ids: str) -> None:
        """As the runtime writes it; all jobs unless some are named."""
        for job in plan.jobs:
            if ids and job.id not in ids:
                continue
            paths = [p for s in job.body.get("sources", ()) for p in s["location"]["paths"]]
            inputs = {
                p: {
                    "bytes": (self.place / p).stat().st_size,
                    "sha256": hashlib.sha256((self.place / p).read_bytes()).hexdigest(),
                }
                for p in paths
            }
            needs = {n: self._fingerprint(n) for n in job.needs}
            self.out(
                job.id, "done.json", {"hash": job.hash, "inputs": inputs, "needs": needs, "seconds": 1.5}
            )

    def _fingerprint(self, job: str) -> str:
        done = json.loads((self.built / "out" / job / "done.json").read_text())
        made = {key: done.get(key) for key in ("hash", "inputs", "needs")}
        return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()

    def out(self, job: str, name: str, content: Any) -> None:
        folder = self.built / "out" / job
        folder.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text)

    def plan(self, *arguments: str) -> str:
        done = run(str(self.place / "case.recipe"), "-o", str(self.built), *arguments)
        assert done.exit_code == 0, done.output
        return done.stdout

    def json(self, *arguments: str) -> dict[str, Any]:
        return dict(json.loads(self.plan("--json", *arguments)))

    def states(self) -> dict[str, str]:
        return {job["id"]: job["state"] for job in self.json()["jobs"]}
