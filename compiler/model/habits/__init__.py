"""What other tools call it: keys and words of TRL, Axolotl and LLaMA-Factory, and what to write here instead.

`table.py` has all names; each is a habit, which looks at the value and the place (`place.py`) and answers with advice
(`advice.py`). Advice becomes a help in `answers.py`; `compose.py` makes one constructor of what several names ask for.
All of that is imported when a recipe has mistakes, since a command on one without should not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from smolc.compiler.diagnostics import Diagnostic
from smolc.compiler.resolve import Section

__all__ = ["HABITS", "answered"]


def answered(found: list[Diagnostic], sections: Iterable[Section], swept: bool = False) -> list[Diagnostic]:
    """The same mistakes, with another help for those that are names of other tools.

    swept: whether the values are those of one run of a grid, which no help should name.
    """
    if not found:
        return found
    from smolc.compiler.model.habits.answers import answer

    return answer(found, sections, swept)


def __getattr__(name: str) -> dict[str, str]:
    """`HABITS`, for the reference: what to write, by the other tool's name. Made when it is asked for."""
    if name != "HABITS":
        raise AttributeError(name)
    from smolc.compiler.model.habits.answers import in_general
    from smolc.compiler.model.habits.table import TABLE

    return {f"{theirs}*" if theirs.endswith("_") else theirs: in_general(theirs) for theirs in TABLE}
