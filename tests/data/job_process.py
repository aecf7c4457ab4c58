"""The job as a process of its own, as `launch.sh` starts it, so that it can be killed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_project import Project, chat

WORDS = ("the", "user", "asked", "whether", "their", "newer", "theory", "of", "weather", "was", "thin")
PATIENCE = 120  # seconds until something that should happen counts as never happening


def many_chats(size: int) -> list[dict[str, Any]]:
    draw = random.Random(5)

    def said(most: int) -> str:
        return " ".join(draw.choices(WORDS, k=draw.randint(2, most)))

    return [chat(said(12), said(30)) for _ in range(size)]


def compiled(project: Project, *sources: dict[str, Any], id: str = "data", **fields: Any) -> None:
    """Write the job into the compiled folder, beside those that are there."""
    job = project.job(list(sources), **fields).model_copy(update={"id": id, "needs": ()})
    path = project.build / "jobs" / id / "job.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(job.model_dump_json(by_alias=True), encoding="utf-8")  # JSON is YAML
    entries = [
        {"id": p.name, "kind": "prepare", "title": "data", "stage": "sft", "needs": [], "hash": p.name}
        for p in sorted((project.build / "jobs").iterdir())
    ]
    manifest = project.context(job).manifest.model_dump() | {"jobs": entries}
    (project.build / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def start(project: Project, id: str = "data", workers: int = 2) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "smolc.runtime", f"jobs/{id}/job.yaml"],
        cwd=project.build,
        env={**os.environ, "SMOLC_WORKERS": str(workers)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def until(happens: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    """Wait for it, as long as the process runs."""
    end = time.monotonic() + PATIENCE
    while not (seen := happens()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.001)
    return seen


def children(process: subprocess.Popen[str]) -> list[int]:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(number) for number in path.read_text(encoding="ascii").split()]


def alive(pid: int) -> bool:
    """One that nobody has asked how it ended is dead, too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def chunks(project: Project) -> dict[str, tuple[int, int]]:
    """Files of tokens: name, and what changes when one is written again."""
    return {
        f"{path.parent.name}/{path.name}": (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in (project.build / "out" / ".tokens").glob("*/*.arrow")
        if not path.name.startswith(".")
    }


def results(out: Path) -> dict[str, bytes]:
    """What a job wrote, but for what tells of time."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("progress.jsonl", "done.json")
    }
