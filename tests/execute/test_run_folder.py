"""The executor, on real folders whose jobs are little shell scripts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from shell_folder import Folder

from smolc.runtime.execute.states import dry_run
from smolc.runtime.jobs.manifest import BrokenFolder, read_job, read_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def diamond(folder: Folder) -> None:
    folder.job("a")
    folder.job("b", ("a",))
    folder.job("c", ("a",))
    folder.job("d", ("b", "c"))


def test_runs_in_the_order_of_needs_and_not_a_second_time(folder: Folder) -> None:
    diamond(folder)
    first = folder.run()
    assert first.returncode == 0, first.stderr
    assert folder.order() == ["a", "b", "c", "d"]
    assert "job 4 of 4: d: title of d" in first.stdout
    second = folder.run()
    assert second.returncode == 0
    assert folder.order() == []
    assert second.stdout.count("already done") == 4


@pytest.mark.slow
def test_a_changed_hash_runs_the_job_and_what_follows_again(folder: Folder) -> None:
    diamond(folder)
    folder.run()
    folder.order()
    folder.job("b", ("a",), hash="other")
    folder.jobs.sort(key=lambda j: str(j["id"]))
    folder.job("d", ("b", "c"))
    assert folder.run().returncode == 0
    assert folder.order() == ["b", "d"]


@pytest.mark.slow
def test_a_changed_input_runs_its_reader_again(folder: Folder) -> None:
    (folder.path / "data.jsonl").write_text("{}\n")
    folder.job("a", reads="data.jsonl")
    folder.job("b", ("a",))
    folder.run()
    folder.order()
    (folder.path / "data.jsonl").write_text("[]\n")
    assert folder.run().returncode == 0
    assert folder.order() == ["a", "b"]


@pytest.mark.slow
def test_what_was_made_again_from_the_same_does_not_repeat_what_follows(folder: Folder) -> None:
    folder.job("a")
    folder.job("b", ("a",))
    folder.run()
    folder.order()
    (folder.path / "out" / "a" / "done.json").unlink()
    done = folder.run()
    assert folder.order() == ["a"]
    assert "b: already done" in done.stdout


def test_independent_jobs_run_at_once(tmp_path: Path) -> None:
    folder = Folder(tmp_path, parallel=2)
    # Each waits for the other's sign: one at a time would never end.
    wait = (
        "touch {me}.here; for _ in $(seq 200); do [ -e {other}.here ] && break; sleep 0.05; done; "
        "[ -e {other}.here ]"
    )
    folder.job("a", shell=wait.format(me="a", other="b"))
    folder.job("b", shell=wait.format(me="b", other="a") + "; echo threads $OMP_NUM_THREADS")
    done = folder.run(OMP_NUM_THREADS="3")
    assert done.returncode == 0, done.stderr
    assert "threads 3" in (tmp_path / "out" / "b" / "log.txt").read_text()


def test_one_job_at_a_time_when_asked(tmp_path: Path) -> None:
    folder = Folder(tmp_path, parallel=4)
    alone = "mkdir busy; sleep 0.1; rmdir busy"
    for name in ("a", "b", "c"):
        folder.job(name, shell=alone)
    assert folder.run("--jobs", "1").returncode == 0


def test_a_failure_stops_what_depends_on_it_only(folder: Folder) -> None:
    folder.job("a")
    folder.job("bad", ("a",), shell="for i in $(seq 40); do echo line $i; done; exit 7")
    folder.job("after", ("bad",))
    folder.job("last", ("after",))
    folder.job("other", ("a",))
    done = folder.run()
    assert done.returncode == 1
    assert folder.order() == ["a", "bad", "other"]
    assert "job bad failed: exit code 7" in done.stderr
    assert "line 40" in done.stderr
    assert "line 26" in done.stderr
    assert "line 25" not in done.stderr
    assert "not run, since they need it: after, last" in done.stderr
    assert str(folder.path / "out" / "bad" / "log.txt") in done.stderr
    failed = json.loads((folder.path / "out" / "bad" / "failed.json").read_text())
    assert failed["exit_code"] == 7
    folder.jobs.clear()
    folder.job("a")
    folder.job("bad", ("a",))
    assert folder.run().returncode == 0
    assert not (folder.path / "out" / "bad" / "failed.json").exists()


def test_error_lines_come_before_the_tail(folder: Folder) -> None:
    said = "echo 'error: data.jsonl:3: not JSON'; echo 'help: mend it'; "
    folder.job("bad", shell=said + "for i in $(seq 40); do echo noise $i; done; exit 1")
    done = folder.run("--quiet")
    assert done.stdout == ""
    assert "  error: data.jsonl:3: not JSON\n  help: mend it\n" in done.stderr
    assert "noise" not in done.stderr


def test_an_exit_code_of_0_without_a_result_is_a_failure(folder: Folder) -> None:
    folder.job("bad", shell="exit 0")
    done = folder.run()
    assert done.returncode == 1
    assert "ended without finishing" in done.stderr


def test_a_crash_after_the_result_was_written_is_no_failure(folder: Folder) -> None:
    folder.job("a", shell='"$SMOLC_PYTHON" finish.py a; kill -ABRT $$')
    folder.job("b", ("a",))
    assert folder.run().returncode == 0


def test_logs_cannot_act_on_the_terminal(folder: Folder) -> None:
    folder.job("bad", shell=r"printf '\033]0;owned\007\033[2Jred [bold]x[/bold]\b\n'; exit 1")
    done = folder.run()
    assert "\x1b" not in done.stdout + done.stderr
    assert "\x07" not in done.stderr
    assert "red [bold]x[/bold]" in done.stderr


def test_a_dry_run_has_no_side_effects(folder: Folder) -> None:
    diamond(folder)
    folder.run("--only", "b")
    before = {p: p.stat().st_mtime_ns for p in folder.path.rglob("*")}
    done = folder.run("--dry-run")
    assert {p: p.stat().st_mtime_ns for p in folder.path.rglob("*")} == before
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [re.split("  +", line) for line in lines] == [
        ["job", "state", "what", "needs"],
        ["a", "done", "title of a", "–"],
        ["b", "done", "title of b", "a"],
        ["c", "would run", "title of c", "a"],
        ["d", "waits for c", "title of d", "b, c"],
    ]


def test_a_dry_run_counts_what_is_too_much_to_name(folder: Folder) -> None:
    for id in "abcde":
        folder.job(id)
    folder.job("two", ("a", "b"))
    folder.job("three", ("a", "b", "c"))
    folder.job("report", tuple("abcde"))
    last = [re.split("  +", line)[1::2] for line in folder.run("--dry-run").stdout.splitlines()[-3:]]
    assert last == [
        ["waits for a, b", "a, b"],
        ["waits for 3 jobs", "a, b, c"],
        ["waits for 5 jobs", "a, b, c and 2 more"],
    ]


def test_a_dry_run_is_cut_at_the_edge_of_a_terminal(folder: Folder) -> None:
    folder.job("a", title="a title of some length")
    folder.job("b", ("a",), title="short")
    manifest = read_manifest(folder.path)
    assert dry_run(folder.path, manifest, manifest.jobs, width=28).splitlines() == [
        "job  state        what     …",
        "a    would run    a title o…",
        "b    waits for a  short    …",
    ]


def test_run_sh_says_once_what_would_run(folder: Folder) -> None:
    diamond(folder)
    done = subprocess.run(folder.run_sh("--dry-run"), capture_output=True, text=True, timeout=60)
    assert done.stdout == folder.run("--dry-run").stdout


def test_only_brings_what_the_job_needs(folder: Folder) -> None:
    diamond(folder)
    assert folder.run("--only", "c").returncode == 0
    assert folder.order() == ["a", "c"]


def test_fresh_forgets_what_a_job_has_done(folder: Folder) -> None:
    folder.job("a")
    folder.job("b", ("a",))
    folder.run()
    folder.order()
    checkpoint = folder.path / "out/b/checkpoints/checkpoint-5"
    checkpoint.mkdir(parents=True)
    assert folder.run("--fresh", "b", "--dry-run").returncode == 0
    assert folder.run("--fresh", "x").returncode == 2
    assert checkpoint.is_dir()
    assert folder.run("--fresh", "b").returncode == 0
    assert folder.order() == ["b"]
    assert not checkpoint.exists()


def test_an_unknown_job_is_told(folder: Folder) -> None:
    folder.job("sft.train")
    done = folder.run("--only", "sft.trian")
    assert done.returncode == 2
    assert "did you mean sft.train?" in done.stderr


def test_no_manifest_is_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "smolc.runtime.execute", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_a_second_executor_is_refused_and_a_dead_one_is_not_in_the_way(folder: Folder) -> None:
    folder.job("a", shell="touch started; sleep 30")
    first = subprocess.Popen(folder.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        folder.wait_for("started")
        second = folder.run()
        assert second.returncode == 2
        assert f"another smolc run is at work in this folder (process {first.pid}" in second.stderr
        first.kill()
        first.wait()
        orphan = folder.run()
        assert orphan.returncode == 2
        assert "jobs of it still run" in orphan.stderr
        group = int(orphan.stderr.split("kill -- -")[1])
        os.killpg(group, signal.SIGKILL)
    finally:
        first.kill()
    folder.job("a")
    until = time.monotonic() + 10
    while (third := folder.run()).returncode == 2 and time.monotonic() < until:
        time.sleep(0.1)
    assert third.returncode == 0, third.stderr


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_children_and_says_what_ran(folder: Folder, which: signal.Signals) -> None:
    folder.job("a", shell="(sleep 60 & echo $! > child; wait) & touch started; wait")
    run = subprocess.Popen(folder.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    folder.wait_for("child")
    folder.wait_for("started")
    child = int((folder.path / "child").read_text())
    run.send_signal(which)
    _, stderr = run.communicate(timeout=20)
    assert run.returncode == 130
    assert "was running: a" in stderr
    assert "Traceback" not in stderr
    until = time.monotonic() + 5
    while _lives(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert not _lives(child)
    assert not (folder.path / "out" / "a" / "done.json").exists()


def _lives(pid: int) -> bool:
    """Zombies that nobody has waited for do not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_broken_job_or_manifest_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "jobs" / "base").mkdir(parents=True)
    (tmp_path / "jobs" / "base" / "job.yaml").write_text("kind: report\nid: base\nzzz: 1\n")
    (tmp_path / "manifest.json").write_text('{"jobs": 5}')
    for read in (lambda: read_job(tmp_path, "base"), lambda: read_manifest(tmp_path)):
        with pytest.raises(BrokenFolder) as caught:
            read()
        assert "\n" not in str(caught.value) and "pydantic" not in str(caught.value)
