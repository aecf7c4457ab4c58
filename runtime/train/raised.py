"""Where an error came from, by the functions that it went through."""

from __future__ import annotations

import traceback


def through(error: BaseException) -> frozenset[str]:
    """The names of the functions in the traceback of `error` and of those it was raised from."""
    names: set[str] = set()
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        names.update(frame.f_code.co_name for frame, _ in traceback.walk_tb(at.__traceback__))
        at = at.__cause__ or at.__context__
    return frozenset(names)
