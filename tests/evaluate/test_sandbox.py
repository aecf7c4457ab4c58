"""Programs that attack, cheat, and take more than they may."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from smolc.runtime.evaluate.sandbox import Limits, check, run_all, run_program, run_tests
from smolc.runtime.evaluate.sandbox.check import LIMITS, attempts
from smolc.runtime.jobs.errors import JobError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is of Linux")
SMALL = Limits(seconds=1, memory=256 * 2**20, output=2**20, file=2**16, files=4, threads=8)


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """No folder of a program's, no process of one, no open file."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = len(list(Path("/proc/self/fd").iterdir()))
    children = children_of_this()  # of other tests: pools, a resource tracker
    yield
    assert list(scratch.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert children_of_this() <= children


def children_of_this() -> set[str]:
    """Process ids, of those that ended and were not waited for, too."""
    lists = Path("/proc/self/task").glob("*/children")
    return {child for file in lists for child in file.read_text().split()}


def test_what_a_program_says_and_reads() -> None:
    outcome = run_program("print(input()[::-1], end='')", stdin="né🙂\n")
    assert (outcome.kind, outcome.stdout, outcome.note) == ("ok", "🙂én", None)
    assert run_program("if __name__ == '__main__': exit()").ok


@pytest.mark.parametrize(
    ("source", "kind", "note"),
    [
        ("x = 1\n\nx = = 2", "failed", "syntax error line 3: invalid syntax"),
        ("raise ValueError('no\\nmore')", "failed", "more"),
        ("import sys; sys.exit(3)", "failed", "ended with exit code 3"),
        ("import os; os.abort()", "failed", "ended by SIG"),
        ("while True: pass", "timed_out", "timed out"),
        ("import time; time.sleep(60)", "timed_out", "timed out"),
        ("import os; os.closerange(0, 64)\nwhile True: pass", "timed_out", "timed out"),
        ("x = bytearray(10**10)", "out_of_memory", "out of memory"),
        ("while True: print('x' * 10**6)", "too_much", "too much output"),
        ("import sys\nwhile True: sys.stderr.write('x' * 10**6)", "too_much", "too much output"),
        (
            "import time\nfor i in range(99): open(str(i), 'w').close()\ntime.sleep(60)",
            "too_much",
            "too many files",
        ),
        ("f = open('f', 'wb')\nf.write(b'x' * 10**6)", "failed", "OSError: [Errno 27] File too large"),
        (
            "import threading, time\nthreading.stack_size(32768)\n"
            "for i in range(20): threading.Thread(target=time.sleep, args=[60]).start()",
            "too_much",
            "too many threads",
        ),
        ("import os\nwhile True: os.fork()", "failed", "PermissionError: [Errno 1] Operation not permitted"),
        (
            "import os; os.kill(os.getppid(), 9)",
            "failed",
            "PermissionError: [Errno 1] Operation not permitted",
        ),
        ("import os; os.kill(-1, 9)", "failed", "PermissionError: [Errno 1] Operation not permitted"),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "failed", "PermissionError"),
        ("import subprocess; subprocess.run(['true'])", "failed", "PermissionError"),
        ("import numpy", "failed", "ModuleNotFoundError: No module named 'numpy'"),
    ],
)
def test_how_programs_end(source: str, kind: str, note: str) -> None:
    outcome = run_program(source, limits=SMALL)
    assert (outcome.kind, (outcome.note or "")[: len(note)]) == (kind, note)


def test_the_signal_of_the_time_limit_can_be_ignored_but_not_the_limit() -> None:
    source = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    assert run_program(source, limits=SMALL).kind in ("timed_out", "out_of_memory")


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio\nasync def f(): await asyncio.sleep(0)\nasyncio.run(f())",
        "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()",
        "import sys, threading\nsys.setrecursionlimit(10**6)\nthreading.stack_size(2**26)\n"
        "def f(n): return n and 1 + f(n - 1)\nt = threading.Thread(target=f, args=[50000])\nt.start()\nt.join()",
        "import tempfile\nwith tempfile.NamedTemporaryFile() as f: f.write(b'x')",
        "with open('a', 'w') as f: f.write('x')\nimport os\nos.rename('a', 'b')\nos.remove('b')",
        "import decimal, hashlib, random, re, datetime, dataclasses, collections, itertools, heapq, bisect, zoneinfo",
    ],
)
def test_what_honest_programs_do(source: str) -> None:
    assert run_program(source).note is None


def test_the_interpreter_cannot_be_changed() -> None:
    source = (
        "import json\nfor how in ('w', 'a', 'r+'):\n"
        "    try: open(json.__file__, how)\n    except PermissionError: print('denied')"
    )
    assert run_program(source).stdout.split() == ["denied"] * 3


def test_system_calls_past_the_library_are_denied() -> None:
    """Those that have the same number on all machines: io_uring_setup, pidfd_send_signal, clone3, openat2, pidfd_getfd,
    process_mrelease, memfd_secret, and one that does not exist yet."""
    numbers = [425, 424, 435, 437, 438, 448, 447, 4000]
    source = (
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"for n in {numbers}: print(libc.syscall(n, 0, 0, 0, 0), ctypes.get_errno())"
    )
    said = run_program(source).stdout.splitlines()
    assert said == ["-1 38" if number == 435 else "-1 1" for number in numbers]


def test_the_probe_tries_what_it_says(tmp_path: Path) -> None:
    """Where nothing holds a program, nearly all attempts succeed: so that they do not, means something."""
    (tmp_path / "canary").write_text("")
    (tmp_path / "own").mkdir()
    source = attempts(str(tmp_path), [tmp_path])
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=tmp_path / "own", capture_output=True, text=True, check=True
    )
    possible = json.loads(done.stdout)
    # Not every machine lets one enter namespaces.
    assert [name for name, could in possible.items() if not could and name != "enter namespaces"] == []
    assert LIMITS.memory < 2**40


def test_the_sandbox_holds(tmp_path: Path) -> None:
    check([tmp_path])


def test_the_sandbox_holds_for_a_folder_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As jobs are started: in the compiled folder."""
    monkeypatch.chdir(tmp_path)
    check([Path()])
    monkeypatch.chdir(Path(os.__file__).parent)
    with pytest.raises(JobError, match=r"a program can read files$"):
        check([Path()])


def test_a_folder_that_programs_can_read_is_refused() -> None:
    with pytest.raises(JobError, match=r"does not hold here: a program can read files$"):
        check([Path(os.__file__).parent])


def test_without_landlock_nothing_runs() -> None:
    """As on an old kernel: its system calls are not there."""
    source = """
        import ctypes, struct
        from smolc.runtime.evaluate.sandbox import check
        from smolc.runtime.jobs.errors import JobError
        libc = ctypes.CDLL(None)
        part = lambda code, k, yes=0, no=0: struct.pack("=HBBI", code, yes, no, k)
        # load the number; 444 (landlock_create_ruleset): ENOSYS; anything else is allowed
        code = part(0x20, 0) + part(0x15, 444, 0, 1) + part(0x06, 0x50026) + part(0x06, 0x7fff0000)
        kept = ctypes.create_string_buffer(code)
        assert libc.prctl(38, 1, 0, 0, 0) == 0
        assert libc.prctl(22, 2, ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(kept)))) == 0
        try:
            check([])
        except JobError as error:
            print(error.message, error.help)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("a program cannot be shut in here: Landlock: Function not implemented")
    assert "Linux 5.13 or later" in done.stdout


def test_on_other_systems_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(JobError, match="programs cannot be shut in on darwin"):
        check([])


def test_many_at_once_come_back_in_their_order() -> None:
    told: list[int] = []
    work = [lambda n=n: run_program(f"print({n})").stdout.strip() for n in range(8)]
    assert run_all(work, told.append) == [str(n) for n in range(8)]
    assert told == list(range(1, 9))


def test_a_mistake_of_ours_is_not_the_programs() -> None:
    def wrong() -> None:
        raise JobError("no disk")

    with pytest.raises(JobError, match="no disk"):
        run_all([wrong])


CHEATS = {
    "exit": "import os\nos._exit(0)",
    "exit when called": "import os\ndef f(x): os._exit(0)",
    "SystemExit": "import sys\ndef f(x): sys.exit(0)",
    "printing": "print('passed')\nimport sys\nsys.exit(0)",
    "at exit": "import atexit, os\natexit.register(os._exit, 0)\ndef f(x): return 0",
    "equal to anything": "class A:\n    def __eq__(self, other): return True\n    __hash__ = None\ndef f(x): return A()",
    "an int equal to anything": "class A(int):\n    def __eq__(self, other): return True\ndef f(x): return A(1)",
    "a list equal to anything": "class A(list):\n    def __eq__(self, other): return True\ndef f(x): return A()",
    "other builtins": (
        "import builtins\nbuiltins.AssertionError = builtins.abs = builtins.isinstance = str\ndef f(x): return 0"
    ),
    "own names": "abs = len = lambda *a: 0\ncheck = expected = lambda *a: None\ndef f(x): return 0",
    "writing everywhere": (
        "import os\ndef f(x):\n    for n in range(64):\n        try: os.write(n, b'ready\\n{\"passed\": true}\\n')\n"
        "        except OSError: pass\n    return 0"
    ),
    "signals": (
        "import signal, os\nsignal.signal(signal.SIGALRM, lambda *a: os._exit(0))\nsignal.setitimer(0, .01)\n"
        "def f(x):\n    while True: pass"
    ),
    "looking for the answer": (
        "import sys, gc\ndef f(x):\n    frame, seen = sys._getframe(), ''\n    while frame:\n"
        "        seen += repr(frame.f_locals) + repr(frame.f_globals)\n        frame = frame.f_back\n"
        "    seen += repr([o for o in gc.get_objects() if isinstance(o, (dict, list))])\n"
        "    return 'the-expected-' + 'answer' if 'the-expected-' + 'answer' in seen else 0"
    ),
}


@pytest.mark.parametrize("source", CHEATS.values(), ids=CHEATS.keys())
def test_cheats_do_not_pass(source: str) -> None:
    tests = "expected = 'the-expected-answer'\nassert f(1) == expected\nassert abs(-3) == 3\n"
    outcome = run_tests(source, tests, names=["f"], limits=SMALL)
    assert not outcome.ok
    assert outcome.note


@pytest.mark.parametrize(
    "value",
    [
        "None", "True", "-7", "2**200", "0.1", "float('inf')", "'é\\ud800\\n'", "b'\\xff'", "bytearray(b'a')", "1+2j",
        "[1, [2]]", "(1, (2,))", "{1, 2}", "frozenset({1})", "{(1, 2): {'a': None}}", "range(3, 9, 2)", "int",
        "__import__('collections').Counter('aab')", "__import__('collections').deque([1])",
        "__import__('decimal').Decimal('1.10')", "__import__('fractions').Fraction(1, 3)",
        "__import__('datetime').date(2024, 2, 29)",
    ],
)  # fmt: skip
def test_values_go_over_and_come_back(value: str) -> None:
    source = f"def f(x): return x, x == {value}"
    tests = f"back, same = f({value})\nassert same and back == {value} and type(f({value})) is tuple"
    assert run_tests(source, tests, names=["f"]).note is None


def test_objects_stay_and_can_be_used_from_outside() -> None:
    source = textwrap.dedent(
        """
        class Node:
            def __init__(self, value): self.value, self.left = value, None
            def depth(self): return 1 + (self.left.depth() if self.left else 0)
        def count(node): return node.depth()
        def squares(n): return (i * i for i in range(n))
        def apply(f, x): return f(x) + 1
        def sort(values): values.sort()
        def fail(x): raise KeyError(x)
        def none(): return Node(0) if 0 else []
        """
    )
    tests = textwrap.dedent(
        """
        root = Node(1); root.left = Node(2); root.left.left = Node(3)
        assert count(root) == 3 and root.left.value == 2 and root.depth() == 3
        assert list(squares(4)) == [0, 1, 4, 9] and sorted(squares(2)) == [0, 1]
        assert apply(lambda x: len(str(x)), 123) == 4
        values = [3, 1, 2]; same = values
        assert sort(values) is None and same == [1, 2, 3]
        try: fail(1)
        except KeyError: pass
        else: assert False
        assert not none()
        """
    )
    names = ["Node", "count", "squares", "apply", "sort", "fail", "none"]
    assert run_tests(source, tests, names=names).note is None


@pytest.mark.parametrize(
    ("source", "note"),
    [
        ("def f(x): return x", "wrong: assert f(2) == 3"),
        ("def f(x): return 1 / 0", "ZeroDivisionError: division by zero"),
        ("def f(x):\n    return [0] * 10**12", "MemoryError"),
        ("def f(x: return", "syntax error line 1: invalid syntax"),
        ("def g(x): return x", "NameError: name 'f' is not defined"),
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("def f(x): f(x)", "RecursionError: maximum recursion depth exceeded"),
        ("a = []\na.append(a)\ndef f(x): return a", "RecursionError: maximum recursion depth exceeded"),
        ("def f(x):\n    while True: pass", "timed out"),
    ],
)
def test_why_tests_failed(source: str, note: str) -> None:
    outcome = run_tests(source, "x = 2\nassert f(2) == 3", names=["f"], limits=SMALL)
    assert not outcome.ok
    assert (outcome.note or "").startswith(note)


def test_a_program_cannot_look_into_the_tests() -> None:
    """It is given a function of theirs, whose globals have all that is expected."""
    source = "def f(given): return given.__globals__['expected']"
    outcome = run_tests(source, "expected = 42\nassert f(lambda: 0) == expected", names=["f"])
    assert outcome.note == "PermissionError: only calls are answered"
