"""Signals to `smolc run` and to `run.sh`: the executor and the jobs end with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from shell_folder import Folder

from smolc.runtime.execute.run import Stop

ASK = "import sys; from smolc.compiler.cli.executor import Executor; sys.exit(Executor().run(sys.argv[1:]))"
# It is given time to end in peace; a kill at once leaves no file.
PATIENT = "trap 'sleep 0.5; touch saved; exit 1' TERM; touch started; while :; do sleep 0.05; done"


def heed_signals() -> None:
    """The tests themselves may run under nohup, or in the background."""
    for which in (signal.SIGHUP, signal.SIGINT):
        signal.signal(which, signal.SIG_DFL)


def smolc_run(folder: Folder) -> list[str]:
    return [sys.executable, "-c", ASK, *folder.command()]


By = Callable[[Folder], list[str]]
BOTH = pytest.mark.parametrize("by", [smolc_run, Folder.run_sh])


def started(folder: Folder, by: By, shell: str) -> subprocess.Popen[str]:
    folder.job("a", shell=shell)
    folder.job("b")
    run = subprocess.Popen(
        by(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_signals,
    )
    folder.wait_for("started")
    return run


@BOTH
@pytest.mark.parametrize(
    ("which", "send"),
    [
        (signal.SIGTERM, os.kill),
        (signal.SIGINT, os.kill),
        (signal.SIGINT, os.killpg),
        (signal.SIGHUP, os.killpg),
    ],
)
def test_the_job_ends_in_peace(
    which: signal.Signals, send: Callable[[int, int], None], by: By, tmp_path: Path
) -> None:
    """Sent to it alone (kill), or to its whole group (Ctrl-C, a closed terminal)."""
    folder = Folder(tmp_path)
    run = started(folder, by, PATIENT)
    send(run.pid, which)
    _, said = run.communicate(timeout=20)
    assert run.returncode == 130 and "was running: a" in said and "Traceback" not in said
    assert (tmp_path / "saved").exists() and folder.order() == ["a"]


@BOTH
def test_a_second_one_hurries(by: By, tmp_path: Path) -> None:
    run = started(Folder(tmp_path), by, "trap '' TERM; touch started; while :; do sleep 0.05; done")
    run.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        run.wait(0.5)
    run.send_signal(signal.SIGTERM)
    assert run.wait(5) == 130


def test_nohup_counts() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stop() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_before_the_executor_listens(tmp_path: Path) -> None:
    """The exit code is that of the signal which was sent."""
    run = subprocess.Popen([sys.executable, "-c", ASK, "bash", "-c", f"touch {tmp_path}/on; exec sleep 30"])
    Folder(tmp_path).wait_for("on")
    run.send_signal(signal.SIGTERM)
    assert run.wait(5) == 128 + signal.SIGTERM


LOOK = "import sys; from smolc.compiler.cli.executor import look; sys.exit(look(sys.argv[1:]))"
# A server, as the arena's; `saved` where it was given time to end.
SERVE = "trap 'touch {0}/saved; exit 3' TERM INT; touch {0}/on; while :; do sleep 0.05; done"


@pytest.mark.parametrize(
    ("which", "send", "code"),
    [
        (signal.SIGTERM, os.kill, 3),
        (signal.SIGHUP, os.kill, 3),
        (signal.SIGINT, os.killpg, 130),
    ],
)
def test_what_only_looks_ends_too(
    which: signal.Signals, send: Callable[[int, int], None], code: int, tmp_path: Path
) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", LOOK, "bash", "-c", SERVE.format(tmp_path)],
        start_new_session=True,
        preexec_fn=heed_signals,
    )
    Folder(tmp_path).wait_for("on")
    send(run.pid, which)
    assert run.wait(5) == code and (tmp_path / "saved").exists()
    with pytest.raises(ProcessLookupError):  # nobody is left of them
        os.killpg(run.pid, 0)
