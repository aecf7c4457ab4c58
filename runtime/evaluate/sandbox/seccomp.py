"""The system calls that a program in the sandbox may make, as a seccomp filter in classic BPF.

A list of what is allowed, so that a call the kernel learns tomorrow is denied. What is missing on purpose: sockets,
other processes (fork, exec, kill, ptrace), what Landlock does not watch about files (chmod, chown, utime, xattr, links,
truncate by path), anonymous memory that no limit counts (memfd, System V), io_uring, bpf, keys, mounts.

Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux. Layout of the program:
include/uapi/linux/filter.h and seccomp.h.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

# fmt: off
_X86_64 = {
    "read": 0, "write": 1, "close": 3, "lseek": 8, "pread64": 17, "pwrite64": 18, "readv": 19, "writev": 20,
    "dup": 32, "dup2": 33, "dup3": 292, "pipe": 22, "pipe2": 293, "fsync": 74, "fdatasync": 75, "ftruncate": 77,
    "stat": 4, "fstat": 5, "lstat": 6, "newfstatat": 262, "statx": 332, "access": 21, "faccessat": 269,
    "faccessat2": 439, "getdents": 78, "getdents64": 217, "getcwd": 79, "chdir": 80, "fchdir": 81,
    "unlink": 87, "unlinkat": 263, "rename": 82, "renameat": 264,
    "renameat2": 316, "umask": 95, "flock": 73,
    "mmap": 9, "munmap": 11, "mprotect": 10, "mremap": 25, "brk": 12, "madvise": 28, "msync": 26, "mincore": 27,
    "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "rt_sigpending": 127, "rt_sigtimedwait": 128,
    "rt_sigsuspend": 130, "sigaltstack": 131, "restart_syscall": 219, "pause": 34,
    "alarm": 37, "setitimer": 38, "getitimer": 36, "nanosleep": 35, "clock_nanosleep": 230, "clock_gettime": 228,
    "clock_getres": 229, "gettimeofday": 96, "time": 201, "times": 100,
    "getpid": 39, "getppid": 110, "gettid": 186, "getuid": 102, "geteuid": 107, "getgid": 104, "getegid": 108,
    "getresuid": 118, "getresgid": 120, "getgroups": 115, "getpgrp": 111, "getpgid": 121, "getsid": 124,
    "getrlimit": 97, "setrlimit": 160, "getrusage": 98, "sysinfo": 99, "uname": 63, "getrandom": 318, "getcpu": 309,
    "getpriority": 140, "sched_yield": 24, "sched_getaffinity": 204,
    "futex": 202, "set_robust_list": 273, "set_tid_address": 218, "rseq": 334, "arch_prctl": 158, "membarrier": 324,
    "select": 23, "pselect6": 270, "poll": 7, "ppoll": 271, "epoll_create1": 291, "epoll_ctl": 233,
    "epoll_wait": 232, "epoll_pwait": 281, "eventfd2": 290,
    "recvfrom": 45, "shutdown": 48, "getsockopt": 55, "getsockname": 51,
    "wait4": 61, "waitid": 247, "exit": 60, "exit_group": 231,
    "clone": 56, "clone3": 435, "prlimit64": 302, "fcntl": 72, "ioctl": 16, "open": 2, "openat": 257,
    "socketpair": 53, "sendto": 44,
}
_AARCH64 = {
    "read": 63, "write": 64, "close": 57, "lseek": 62, "pread64": 67, "pwrite64": 68, "readv": 65, "writev": 66,
    "dup": 23, "dup3": 24, "pipe2": 59, "fsync": 82, "fdatasync": 83, "ftruncate": 46,
    "fstat": 80, "newfstatat": 79, "statx": 291, "faccessat": 48, "faccessat2": 439, "getdents64": 61, "getcwd": 17,
    "chdir": 49, "fchdir": 50, "unlinkat": 35, "renameat": 38,
    "renameat2": 276, "umask": 166, "flock": 32,
    "mmap": 222, "munmap": 215, "mprotect": 226, "mremap": 216, "brk": 214, "madvise": 233, "msync": 227,
    "mincore": 232,
    "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "rt_sigpending": 136, "rt_sigtimedwait": 137,
    "rt_sigsuspend": 133, "sigaltstack": 132, "restart_syscall": 128,
    "setitimer": 103, "getitimer": 102, "nanosleep": 101, "clock_nanosleep": 115, "clock_gettime": 113,
    "clock_getres": 114, "gettimeofday": 169, "times": 153,
    "getpid": 172, "getppid": 173, "gettid": 178, "getuid": 174, "geteuid": 175, "getgid": 176, "getegid": 177,
    "getresuid": 148, "getresgid": 150, "getgroups": 158, "getpgid": 155, "getsid": 156,
    "getrlimit": 163, "setrlimit": 164, "getrusage": 165, "sysinfo": 179, "uname": 160, "getrandom": 278,
    "getcpu": 168, "getpriority": 141, "sched_yield": 124, "sched_getaffinity": 123,
    "futex": 98, "set_robust_list": 99, "set_tid_address": 96, "rseq": 293, "membarrier": 283,
    "pselect6": 72, "ppoll": 73, "epoll_create1": 20, "epoll_ctl": 21, "epoll_pwait": 22, "eventfd2": 19,
    "recvfrom": 207, "shutdown": 210, "getsockopt": 209, "getsockname": 204,
    "wait4": 260, "waitid": 95, "exit": 93, "exit_group": 94,
    "clone": 220, "clone3": 435, "prlimit64": 261, "fcntl": 25, "ioctl": 29, "openat": 56,
    "socketpair": 199, "sendto": 206,
}
# fmt: on
# By what platform.machine() says: the AUDIT_ARCH_ of include/uapi/linux/audit.h, and the numbers.
_MACHINES = {"x86_64": (0xC000003E, _X86_64), "aarch64": (0xC00000B7, _AARCH64)}

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_LOAD, _EQUAL, _AND, _RETURN = 0x20, 0x15, 0x54, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data


@dataclass(frozen=True)
class _Mask:
    """Argument `position` and `mask` is one of `values`. The low 32 bits: the kernel reads no more of these. (Of a
    pointer, both halves are asked for, one rule each, with `high`.)"""

    position: int
    mask: int
    values: tuple[int, ...]
    high: bool = False


_THREAD = 0x00010000
_NAMESPACES = 0x7E020000
_OPEN_FLAGS = 0x00000203  # O_ACCMODE and O_TRUNC: truncation needs a file opened to be written
_COMMANDS = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    1030,
    1032,
)  # F_DUPFD ... F_SETLKW, F_DUPFD_CLOEXEC, F_GETPIPE_SZ: no F_SETOWN
_REQUESTS = (
    0x5401,
    0x5413,
    0x541B,
    0x5421,
    0x5450,
    0x5451,
)  # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIO(N)CLEX
_RULES = {
    "clone": (_Mask(0, _THREAD | _NAMESPACES, (_THREAD,)),),
    "prlimit64": (_Mask(0, 0xFFFFFFFF, (0,)),),
    "fcntl": (_Mask(1, 0xFFFFFFFF, _COMMANDS),),
    "ioctl": (_Mask(1, 0xFFFFFFFF, _REQUESTS),),
    "open": (_Mask(1, _OPEN_FLAGS, (0, 1, 2, 0x201, 0x202)),),
    "openat": (_Mask(2, _OPEN_FLAGS, (0, 1, 2, 0x201, 0x202)),),
    # A pair of connected streams, which asyncio wakes itself with; nothing can be sent to an address.
    "socketpair": (_Mask(0, 0xFFFFFFFF, (1,)), _Mask(1, 0xF, (1,))),
    "sendto": (_Mask(4, 0xFFFFFFFF, (0,)), _Mask(4, 0xFFFFFFFF, (0,), high=True)),
}


def supported(machine: str) -> bool:
    return machine in _MACHINES


def program(machine: str) -> bytes:
    """The filter for a machine as `platform.machine()` calls it: an array of struct sock_filter."""
    arch, numbers = _MACHINES[machine]
    code = [
        _instruction(_LOAD, _ARCH),
        _instruction(_EQUAL, arch, 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER),
    ]
    for name, number in numbers.items():
        if name == "clone3":  # Its flags are behind a pointer; libc takes clone where there is none.
            verdict = [_instruction(_RETURN, _ERRNO | _ENOSYS)]
        else:
            verdict = [part for rule in _RULES.get(name, ()) for part in _check(rule)]
            verdict.append(_instruction(_RETURN, _ALLOW))
        code += [_instruction(_EQUAL, number, 0, len(verdict)), *verdict]
    code.append(_instruction(_RETURN, _ERRNO | _EPERM))
    return b"".join(code)


def _check(rule: _Mask) -> list[bytes]:
    """Returns EPERM unless the rule holds; goes on behind itself if it does."""
    # Both machines are little-endian: the low half comes first.
    code = [_instruction(_LOAD, _ARGUMENTS + 8 * rule.position + 4 * rule.high)]
    code.append(_instruction(_AND, rule.mask))
    for i, value in enumerate(rule.values):
        code.append(_instruction(_EQUAL, value, len(rule.values) - i, 0))
    code.append(_instruction(_RETURN, _ERRNO | _EPERM))
    return code


def _instruction(code: int, k: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, k)
