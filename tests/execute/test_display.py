"""What is shown, in a terminal and out of one."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smolc.runtime.execute import gpus
from smolc.runtime.execute.display import Plain, choose
from smolc.runtime.execute.run import environment_for, why_failed
from smolc.runtime.execute.states import table
from smolc.runtime.jobs.manifest import Cluster, Entry, Manifest

STEPS = """
for i in 1 2 3 4 5 6 7 8; do
  echo '{"done": '$i', "total": 8, "unit": "step", "note": "[red]x[/red]"}' >> out/sft.a/progress.jsonl
  sleep 0.1
done
echo '{"train_loss": 0.12, "first_loss": 1.23}' > out/sft.a/result.json
echo '{"hash": "h", "inputs": {}, "needs": {}}' > out/sft.a/done.json
"""


def manifest(device: str = "cpu", processes: int = 1) -> Manifest:
    cluster = Cluster(name="here", device=device, nodes=1, processes=processes, parallel_jobs=2)
    entry = Entry(id="sft.a", kind="train", title="[bold]SFT[/bold]", stage="sft", needs=(), hash="h")
    return Manifest(
        smolc="0", edition=1, recipe="r", about="", hash="h", root=".", cluster=cluster, jobs=(entry,)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "manifest.json").write_text(json.dumps(manifest().model_dump(mode="json")))
    (tmp_path / "jobs" / "sft.a").mkdir(parents=True)
    (tmp_path / "jobs" / "sft.a" / "launch.sh").write_text(STEPS)
    return tmp_path


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "smolc.runtime.execute", str(folder)]


def in_a_terminal(folder: Path) -> str:
    """All that a run writes to a terminal of 100 columns."""
    mine, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(command(folder), stdout=theirs, stderr=theirs, stdin=theirs, env=env)
    os.close(theirs)
    said, until = b"", time.monotonic() + 30
    while time.monotonic() < until:
        if not select.select([mine], [], [], 0.1)[0]:
            continue
        try:
            more = os.read(mine, 65536)
        except OSError:
            break
        if not more:
            break
        said += more
    os.close(mine)
    assert process.wait(timeout=10) == 0, said
    return said.decode()


def test_a_terminal_shows_how_far_a_job_is(folder: Path) -> None:
    said = in_a_terminal(folder)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said)
    assert re.search(r"sft\.a .*━.* [1-8]/8 step .* left .*\[red\]x\[/red\]", plain)
    assert "job 1 of 1" in plain
    assert re.search(r"✓ sft\.a +[0-9.]+ s   loss 1\.2300 → 0\.1200", plain)
    assert "\x1b[?25h" in said, "the cursor is shown again"


def test_no_control_characters_outside_a_terminal(folder: Path) -> None:
    done = subprocess.run(command(folder), capture_output=True, text=True, timeout=60)
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    assert done.stdout.startswith("job 1 of 1: sft.a: [bold]SFT[/bold]\n✓ sft.a ")


def test_rich_is_not_imported_outside_a_terminal(folder: Path) -> None:
    code = (
        "import sys, smolc.runtime.execute.__main__ as m; m.main(sys.argv[1:]);"
        "print([n for n in sys.modules if n.split('.')[0] in ('rich', 'jinja2', 'torch')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), "--dry-run"], capture_output=True, text=True
    )
    assert done.stdout.endswith("[]\n"), done.stdout + done.stderr


def test_choose_is_plain_for_a_file() -> None:
    assert isinstance(choose(False, io.StringIO()), Plain)


def test_table_is_aligned() -> None:
    assert table(("a", "n"), [("x", "1"), ("long", "10")], frozenset({1})) == "a      n\nx      1\nlong  10"


def test_exit_codes_in_words() -> None:
    assert why_failed(3) == "exit code 3"
    assert why_failed(137) == "exit code 137 (SIGKILL, often because memory ran out)"
    assert why_failed(-15) == "exit code -15 (SIGTERM)"


def test_jobs_at_once_share_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cores = len(os.sched_getaffinity(0))
    assert environment_for(manifest(), 2, 0)["OMP_NUM_THREADS"] == str(max(1, cores // 2))
    assert "OMP_NUM_THREADS" not in environment_for(manifest(), 1, 0)
    assert environment_for(manifest(), 1, 0)["SMOLC_PYTHON"] == sys.executable
    with monkeypatch.context() as nowhere:
        nowhere.setattr(gpus, "in_sight", list)
        assert environment_for(manifest("cuda", 2), 2, 1)["CUDA_VISIBLE_DEVICES"] == "2,3"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert environment_for(manifest("auto"), 2, 1)["CUDA_VISIBLE_DEVICES"] == "1"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    assert environment_for(manifest("cuda", 2), 2, 1)["CUDA_VISIBLE_DEVICES"] == "6,7"
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert environment_for(manifest(), 2, 0)["OMP_NUM_THREADS"] == "5"
