"""Programs that nobody has read, run one by one in processes that can do nothing but compute.

What holds each (see `inside/guard.py`): no new privileges and no capabilities; Landlock (only the interpreter's files
can be read, only an empty folder of its own written); seccomp (`seccomp.py`: no sockets, no other processes); limits on
time, memory, files, threads and output; an empty environment. `check` tries all of that before anything else runs, and
refuses where it does not hold. Linux 5.13 on x86-64 or arm64; neither root nor a container is needed, nor do they harm.

Tests run in a process of their own and call the program over pipes that carry plain data (`inside/channel.py`), so a
program sees the arguments of the calls, but neither the tests nor what they expect, and cannot say for itself that it
passed. What remains: a program can learn which paths exist (`stat`), the kernel's name, the time and the load; it can
return what it guesses is wanted; and it can spend all of its limits.
"""

from smolc.runtime.evaluate.sandbox.check import check
from smolc.runtime.evaluate.sandbox.run import Limits, Outcome, run_all, run_program, run_tests

__all__ = ["Limits", "Outcome", "check", "run_all", "run_program", "run_tests"]
