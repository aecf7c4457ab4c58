"""The process of one program: shut itself in, for good, then run what it was given.

    python guard.py SETTINGS REPORT        both are file descriptors

SETTINGS is JSON: `role`, `source`, `limits`, `read` and `write` (paths), `filter` (hex), and what the role needs.
REPORT gets `ready` once the protection is on, or why it cannot be; the process of tests says there how they went.

Landlock: include/uapi/linux/landlock.h. Nothing here is a secret: the program can read all of this process.
"""

# Without pathlib, whose import each program would wait for. exec is what this is for.
# ruff: noqa: PTH112, S102

from __future__ import annotations

import builtins
import ctypes
import json
import os
import resource
import signal
import struct
import sys
import types
from typing import Any

import channel  # type: ignore[import-not-found]  # lies beside this script

NO_NEW_PRIVILEGES, PARENT_DEATH_SIGNAL, SET_SECCOMP, FILTER_MODE = 38, 1, 22, 2
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
CAPABILITIES = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
WRITE_FILE, READ_FILE, READ_FOLDER, REMOVE_FILE, MAKE_FILE, TRUNCATE = (
    1 << 1,
    1 << 2,
    1 << 3,
    1 << 5,
    1 << 8,
    1 << 14,
)
LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    settings_at, report = int(sys.argv[1]), int(sys.argv[2])
    with os.fdopen(settings_at, "rb") as file:
        settings = json.load(file)
    try:
        protect(settings)
    except OSError as error:
        os.write(report, f"{error.filename or 'the sandbox'}: {error.strerror}".encode())
        os._exit(1)
    os.write(report, b"ready\n")
    # The program sees neither this script nor its folder.
    del sys.path[0], sys.modules["channel"]
    sys.argv = [""]
    if settings["role"] == "tests":
        os.write(report, json.dumps(tests(settings)).encode())
        os._exit(0)
    os.close(report)
    if settings["role"] == "serve":
        serve(settings)
    else:
        execute(settings["source"], "__main__")


def protect(settings: dict[str, Any]) -> None:
    """Raises OSError, whose `filename` says what is missing."""
    checked("the parent's death signal", LIBC.prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0))
    if os.getppid() != settings["parent"]:
        raise OSError(0, "the process that started it has ended", "the sandbox")
    for name, (soft, hard) in settings["limits"].items():
        kind = getattr(resource, name)
        most = resource.getrlimit(kind)[1]
        least = hard if most == resource.RLIM_INFINITY else min(hard, most)
        resource.setrlimit(kind, (min(soft, least), least))
    header = ctypes.create_string_buffer(struct.pack("=Ii", CAPABILITIES, 0))
    checked("capabilities", LIBC.capset(header, ctypes.create_string_buffer(24)))
    checked("no_new_privs", LIBC.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    landlock(settings["read"], settings["write"])
    code = ctypes.create_string_buffer(bytes.fromhex(settings["filter"]))
    fprog = struct.pack("HxxxxxxP", (len(code) - 1) // 8, ctypes.addressof(code))
    checked("seccomp", LIBC.prctl(SET_SECCOMP, FILTER_MODE, ctypes.create_string_buffer(fprog), 0, 0))


def landlock(read: list[str], write: list[str]) -> None:
    """From now on files can be read below `read`, made, written and removed below `write`, and nothing else."""
    abi = checked("Landlock", call(CREATE_RULESET, None, 0, 1))
    files = (1 << 13) - 1
    for since, right in ((2, 1 << 13), (3, TRUNCATE), (5, 1 << 15)):
        files |= right if abi >= since else 0
    # Also TCP, abstract sockets and signals where it can: seccomp denies them anyway.
    attributes = struct.pack("=QQQ", files, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    rules = checked("Landlock", call(CREATE_RULESET, ctypes.create_string_buffer(attributes), size, 0))
    for paths, rights in (
        (read, READ_FILE | READ_FOLDER),
        (write, READ_FILE | READ_FOLDER | WRITE_FILE | REMOVE_FILE | MAKE_FILE | TRUNCATE),
    ):
        for path in paths:
            allow(rules, path, rights & files)
    checked("Landlock", call(RESTRICT_SELF, rules, 0))
    os.close(rules)


def allow(rules: int, path: str, rights: int) -> None:
    """A path that does not exist is passed over."""
    try:
        at = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not os.path.isdir(path):
        rights &= READ_FILE | WRITE_FILE | TRUNCATE
    rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, at))
    checked("Landlock", call(ADD_RULE, rules, 1, rule, 0))
    os.close(at)


def call(number: int, *given: Any) -> int:
    return int(LIBC.syscall(ctypes.c_long(number), *given))


def checked(what: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def execute(source: str, name: str) -> types.ModuleType:
    """Run a program as the module `name`. What it raises ends the process, with one line that says what it was."""
    import _sitebuiltins

    for word in ("exit", "quit"):  # `site`, which is left out, makes them
        setattr(builtins, word, _sitebuiltins.Quitter(word, "Ctrl-D"))
    module = types.ModuleType(name)
    sys.modules[name] = module
    try:
        exec(compile(source, "<program>", "exec"), module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        print(said(error), file=sys.__stderr__)
        sys.exit(1)
    return module


def said(error: BaseException) -> str:
    import traceback  # only where it is needed: each program would wait for it

    if isinstance(error, SyntaxError) and error.filename == "<program>":
        return f"syntax error line {error.lineno}: {error.msg}"
    return traceback.format_exception_only(type(error), error)[-1].strip()


def serve(settings: dict[str, Any]) -> None:
    """Run a program, then answer calls of what it defined."""
    peer = channel.Peer(settings["in"], settings["out"], open=True)
    module = execute(settings["source"], "solution")
    names = {n: peer.offer(module.__dict__[n]) for n in settings["names"] if n in module.__dict__}
    peer.send(names)
    try:
        while True:
            peer.answer(peer.receive())
    except channel.Gone:
        os._exit(0)


def tests(settings: dict[str, Any]) -> dict[str, Any]:
    """Run the tests of a program whose process is at the other end: whether they passed, and if not, why."""
    peer = channel.Peer(settings["in"], settings["out"], open=False)
    space: dict[str, Any] = {"__name__": "tests"}
    try:
        exec(compile(settings["before"], "<before>", "exec"), space)
        space.update({name: channel.Remote(peer, number) for name, number in peer.receive().items()})
        exec(compile(settings["source"], "<tests>", "exec"), space)
    except channel.Gone:
        return {"passed": False, "note": None}
    except BaseException as error:
        return {"passed": False, "note": why(error, settings["source"])}
    return {"passed": True, "note": None}


def why(error: BaseException, source: str) -> str:
    """The assertion that failed, where it says nothing itself."""
    import traceback

    if isinstance(error, AssertionError) and not str(error):
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == "<tests>"]
        if lines and lines[-1]:
            return f"wrong: {source.splitlines()[lines[-1] - 1].strip()[:200]}"
    text = traceback.format_exception_only(type(error), error)[-1].strip()
    return f"in the tests: {text}" if isinstance(error, SyntaxError) else text[:300]


main()
