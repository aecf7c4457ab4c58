"""Compiled folders whose jobs are little shell scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from smolc.compiler.render.environment import render

FINISH = """
import sys, pathlib
from smolc.runtime.jobs.done import write_done, sha256_of
from smolc.runtime.jobs.looks import note_look
from smolc.runtime.jobs.manifest import read_manifest
here = pathlib.Path(".")
entry = next(e for e in read_manifest(here).jobs if e.id == sys.argv[1])
inputs = {n: {"bytes": (here / n).stat().st_size, "sha256": sha256_of(here / n)} for n in sys.argv[2:]}
write_done(here, entry, inputs, 0.1)
if entry.final:
    note_look(here, read_manifest(here), entry)
"""


class Folder:
    """A compiled folder whose jobs append their id to `order.txt`, run their line of shell, and finish."""

    def __init__(self, path: Path, parallel: int = 1) -> None:
        self.path = path
        self.parallel = parallel
        self.jobs: list[dict[str, object]] = []
        (path / "finish.py").write_text(FINISH)

    def job(
        self,
        id: str,
        needs: tuple[str, ...] = (),
        shell: str = "",
        hash: str = "h",
        reads: str = "",
        **entry_of: object,
    ) -> None:
        script = f'set -eu\necho {id} >> order.txt\n{shell}\n"$SMOLC_PYTHON" finish.py {id} {reads}\n'
        place = self.path / "jobs" / id
        place.mkdir(parents=True, exist_ok=True)
        (place / "launch.sh").write_text(script)
        entry = {
            "id": id,
            "kind": "train",
            "title": f"title of {id}",
            "stage": None,
            "needs": needs,
            "hash": hash,
            **entry_of,
        }
        self.jobs = [j for j in self.jobs if j["id"] != id] + [entry]
        cluster = {
            "name": "here",
            "device": "cpu",
            "nodes": 1,
            "processes": 1,
            "parallel_jobs": self.parallel,
        }
        manifest = {"smolc": "0", "edition": 1, "recipe": "r", "about": "", "hash": "x", "root": "."}
        (self.path / "manifest.json").write_text(
            json.dumps({**manifest, "cluster": cluster, "jobs": self.jobs})
        )

    def command(self, *options: str) -> list[str]:
        return [sys.executable, "-m", "smolc.runtime.execute", str(self.path), *options]

    def run_sh(self, *options: str) -> list[str]:
        """The command that does the same as the folder's own script."""
        values = {"recipe": "r", "about": "", "source": "r.recipe", "cluster": {"name": "here"}, "final": []}
        groups = [{"title": "all", "jobs": self.jobs}]
        script = self.path / "run.sh"
        script.write_text(render("run.sh.j2", **values, groups=groups, width=1))
        return ["env", f"SMOLC_PYTHON={sys.executable}", "bash", str(script), *options]

    def run(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, **environment}
        return subprocess.run(self.command(*options), capture_output=True, text=True, env=env, timeout=60)

    def order(self) -> list[str]:
        path = self.path / "order.txt"
        found = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return found

    def wait_for(self, name: str) -> None:
        until = time.monotonic() + 20
        while not (self.path / name).exists():
            assert time.monotonic() < until, f"{name} never came"
            time.sleep(0.02)
