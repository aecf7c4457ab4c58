"""The moving display of a terminal: one line a running job, and one for the whole."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live as RichLive
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from smolc.runtime.execute.display import ended_line, failed_line, held_line, how_far
from smolc.runtime.execute.process import Running
from smolc.runtime.jobs.manifest import Entry
from smolc.runtime.report.text import clean, duration


class Live:
    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False)
        # Redrawn when told to, four times a second; rich's own thread would redraw what did not change.
        self._live = RichLive(console=self._console, auto_refresh=False, transient=True)
        self._live.start()

    def already_done(self, entry: Entry) -> None:
        self._print(f"  {clean(entry.id)}: already done", "dim")

    def held_back(self, entry: Entry) -> None:
        self._print(f"  {held_line(entry)}", "yellow")

    def started(self, entry: Entry, position: int, total: int) -> None:
        pass

    def moving(self, running: list[Running], finished: int, total: int) -> None:
        self._live.update(picture(running, finished, total), refresh=True)

    def ended(self, entry: Entry, seconds: float, result: str) -> None:
        line = Text(ended_line(entry, seconds, result))
        line.stylize("green", 0, 1)
        self._console.print(line)

    def failed(self, entry: Entry, seconds: float, why: str) -> None:
        self._print(failed_line(entry, seconds, why), "red")

    def say(self, line: str) -> None:
        self._print(line, "")

    def close(self) -> None:
        self._live.update(Text(""))
        self._live.stop()

    def _print(self, line: str, style: str) -> None:
        self._console.print(Text(line, style=style))


def picture(running: list[Running], finished: int, total: int) -> RenderableType:
    """The lines at the bottom of the terminal."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, overflow="ellipsis", min_width=8)
    table.add_column(width=20)
    for _ in range(3):
        table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True, overflow="ellipsis", style="dim")
    for job in running:
        progress = job.progress()
        name, elapsed = Text(clean(job.entry.id)), Text(duration(job.seconds))
        if progress is None:
            table.add_row(
                name, ProgressBar(pulse=True), Text("…"), elapsed, Text(""), Text(clean(job.entry.title))
            )
            continue
        left = "" if progress.left is None else f"{duration(progress.left)} left"
        bar = ProgressBar(total=progress.total, completed=progress.done)
        far = Text(how_far(progress.done, progress.total, progress.unit))
        table.add_row(name, bar, far, elapsed, Text(left), Text(clean(progress.note)))
    # Running jobs are the next ones: "job 3 of 9" while two are finished.
    position = min(total, finished + 1)
    return Group(table, Text(f"job {position} of {total}", style="bold"))
