"""Lines of the table `what | asked for | built`. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from smolc.runtime.jobs.errors import JobError

HEAD = ("", "asked for", "built")


@dataclass(frozen=True)
class Row:
    """One fact, in words that fit in a cell."""

    what: str
    asked: str
    built: str
    same: bool


def compared(what: str, asked: object, built: object) -> Row:
    """The two are the same if they read the same."""
    return Row(what, str(asked), str(built), str(asked) == str(built))


def one_of(what: str, asked: Iterable[str], built: str) -> Row:
    """Several are right."""
    choices = list(asked)
    return Row(what, " or ".join(choices), built, built in choices)


def numbers(what: str, asked: float, built: float | None) -> Row:
    """Equal up to the rounding of a float32."""
    same = built is not None and math.isclose(asked, built, rel_tol=1e-6, abs_tol=1e-12)
    return Row(what, short(asked), "-" if built is None else short(built), same)


def told(what: str, built: object) -> Row:
    """Nothing asks for it, but the loss depends on it."""
    return Row(what, "-", str(built), True)


def short(value: float) -> str:
    return f"{value:.6g}"


def lines(rows: Iterable[Row]) -> list[str]:
    """The table, in columns; what differs is marked."""
    cells = [
        HEAD,
        *((row.what, row.asked, row.built + ("" if row.same else "   <-- differs")) for row in rows),
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(3)]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def demand(rows: Iterable[Row]) -> None:
    """Raises JobError with the rows that differ."""
    different = [row for row in rows if not row.same]
    if different:
        raise JobError(
            "what was built is not what the job asks for\n" + "\n".join(lines(different)),
            help="start the job with its launch.sh, in a shell without settings for accelerate or DeepSpeed; "
            "they fall back quietly where a machine cannot do what is asked",
        )
