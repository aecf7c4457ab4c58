"""Logs of runs of several processes of which one has ended badly."""

from pathlib import Path

import pytest

from smolc.runtime.report.outputs import log_tail

# As torch 2.13 and accelerate 1.15 write it, with fewer frames.
TRACE = """\
W1126 10:35:16.483000 21218 torch/distributed/elastic/multiprocessing/api.py:1028] Sending process 12 closing signal SIGTERM
E1126 10:35:16.817000 21218 torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode: {code}) local_rank: 0
Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
  File "<frozen runpy>", line 88, in _run_code
  File "/x/accelerate/commands/launch.py", line 1423, in <module>
    main()
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
=======================================================
smolc.runtime FAILED
-------------------------------------------------------
Failures:
[1]:
  time      : 2026-11-26_10:35:16
  rank      : 1 (local_rank: 1)
  exitcode  : -15 (pid: 12)  (SIGTERM)
  error_file: <N/A>
-------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-26_10:35:16
  rank      : 0 (local_rank: 0)
  exitcode  : {code} (pid: 11)
  error_file: <N/A>
=======================================================
"""


@pytest.mark.parametrize(
    ("code", "name"), [(-9, "SIGKILL: often because"), (-11, "SIGSEGV: a fault"), (-60, "signal 60;")]
)
def test_which_rank_died_of_what(tmp_path: Path, code: int, name: str) -> None:
    (tmp_path / "log.txt").write_text("step 1/9  loss 5.5\nstep 2/9  loss 5.4\n" + TRACE.format(code=code))
    steps, dead = log_tail(tmp_path / "log.txt")[:2], log_tail(tmp_path / "log.txt")[2:]
    assert steps == ["step 1/9  loss 5.5", "step 2/9  loss 5.4"]
    assert len(dead) == 1
    assert dead[0].startswith(f"rank 0 (process 11) was ended by {name}")


def test_a_traceback_of_the_job_is_not_hidden_by_the_launchers(tmp_path: Path) -> None:
    own = 'Traceback (most recent call last):\n  File "/x/smolc/runtime/train/run.py", line 3\nZeroDivisionError: 1/0\n'
    (tmp_path / "log.txt").write_text(own + TRACE.format(code=1))
    assert log_tail(tmp_path / "log.txt") == own.splitlines()


@pytest.mark.parametrize(("code", "shown"), [(1, ["[rank0]: ValueError: mine"]), (-9, [])])
def test_who_only_lost_another_does_not_hide_the_cause(tmp_path: Path, code: int, shown: list[str]) -> None:
    own = "[rank0]: ValueError: mine\n[rank1]: RuntimeError: Connection closed by peer\n"
    (tmp_path / "log.txt").write_text(own + TRACE.format(code=code))
    assert [line for line in log_tail(tmp_path / "log.txt") if line.startswith("[rank")] == shown


def test_what_the_job_says_is_shown_alone(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("step 1/9\nerror: it is wrong\nhelp: mend it\n" + TRACE.format(code=1))
    assert log_tail(tmp_path / "log.txt") == ["error: it is wrong", "help: mend it"]


def test_why_the_launcher_itself_failed(tmp_path: Path) -> None:
    own, end = TRACE.split("torch.distributed.elastic.multiprocessing.errors")[0].split("Traceback")
    taken = "ConnectionError: Tried to launch on port `29500`, but another process is utilizing it.\n"
    (tmp_path / "log.txt").write_text(f"{own.splitlines()[0]}\nTraceback{end}{taken}")
    assert log_tail(tmp_path / "log.txt")[-1:] == [taken.strip()]
