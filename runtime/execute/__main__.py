"""`python -m smolc.runtime.execute [FOLDER]`: run a compiled folder; `run.sh` and `smolc run` do this."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from smolc.runtime.execute import gpus
from smolc.runtime.execute.display import Display, choose
from smolc.runtime.execute.gone import gone_note
from smolc.runtime.execute.lock import Busy, Lock
from smolc.runtime.execute.run import Ended, Executor, why_failed
from smolc.runtime.execute.states import check_names, dry_run, forget, selected
from smolc.runtime.execute.summary import about_tests, partial_report, summary
from smolc.runtime.jobs.manifest import BrokenFolder, Entry, Manifest, read_manifest
from smolc.runtime.report.outputs import log_tail
from smolc.runtime.report.text import clean, shorten


def main(argv: list[str]) -> int:
    """0: all done. 1: a job failed. 2: nothing was run. 130: interrupted."""
    options = _options(argv)
    folder = Path(options.folder).resolve()
    try:
        manifest = read_manifest(folder)
        entries = selected(manifest, options.only)
        check_names(manifest, options.fresh)
        if options.dry_run:
            width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
            print(dry_run(folder, manifest, entries, options.final, frozenset(options.only), width))
            return 0
        with Lock(folder) as lock:
            forget(folder, options.fresh)
            return _run(folder, manifest, entries, lock, options)
    except KeyboardInterrupt:  # before the first job or after the last one: in between it is handled
        print("\ninterrupted; nothing was running", file=sys.stderr)
        return 130
    except (BrokenFolder, Busy) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or folder}: {error.strerror}", file=sys.stderr)
        return 2


def _run(
    folder: Path, manifest: Manifest, entries: tuple[Entry, ...], lock: Lock, options: argparse.Namespace
) -> int:
    display = choose(options.quiet)
    jobs = max(1, options.jobs or manifest.cluster.parallel_jobs)
    if note := gpus.left_over(manifest.cluster, jobs, gpus.in_sight()):
        display.say(f"note: {note}")
    try:
        asked = frozenset(options.only)
        ended = Executor(folder, manifest, entries, jobs, lock, display, options.final, asked).run()
    finally:
        display.close()
    if ended.interrupted:
        return _interrupted(ended)
    if ended.failed:
        report = partial_report(folder, manifest)
        _tell_failures(folder, ended, report)
        return 1
    _tell_summary(folder, entries, ended, display)
    return 0


def _tell_summary(folder: Path, entries: tuple[Entry, ...], ended: Ended, display: Display) -> None:
    text = summary(folder, entries, ended.seconds)
    if text:
        display.say("")
    for line in text.splitlines():
        display.say(line)
    about = about_tests(folder, entries, ended.held)
    for line in [*about, *gone_note(folder, [e.id for e in entries if e.id in ended.done])]:
        display.say(line)


def _tell_failures(folder: Path, ended: Ended, report: bool) -> None:
    """On stderr, also when quiet."""
    lines: list[str] = []
    for job, code in ended.failed.items():
        log = folder / "out" / job / "log.txt"
        lines += ["", f"job {clean(job)} failed: {why_failed(code)}"]
        lines += [f"  {shorten(clean(line), 500)}" for line in log_tail(log)] or ["  (it said nothing)"]
        lines.append(f"  whole log: {log}")
    if ended.blocked:
        lines += ["", f"not run, since they need it: {', '.join(clean(b) for b in ended.blocked)}"]
    if report:
        lines += ["", f"what there is so far: {folder / 'report.html'}"]
    print("\n".join(lines), file=sys.stderr)


def _interrupted(ended: Ended) -> int:
    what = ", ".join(clean(s) for s in ended.stopped) or "nothing"
    print(
        f"\ninterrupted; was running: {what}. What is done stays done: run again to go on.", file=sys.stderr
    )
    return 130


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m smolc.runtime.execute",
        description="Run the jobs of a compiled folder that are not done yet.",
    )
    parser.add_argument("folder", nargs="?", default=".", help="the compiled folder (default: here)")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="JOB",
        help="this job and what it needs; may be repeated",
    )
    parser.add_argument(
        "--final",
        action="store_true",
        help="also the evals on test data (role = test), which are held back otherwise; each time is counted",
    )
    parser.add_argument(
        "--fresh",
        action="append",
        default=[],
        metavar="JOB",
        help="run this job again from its beginning, also if it is done: its checkpoints are deleted. What was made "
        "from what it left before stays done; may be repeated",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would run, and do nothing")
    parser.add_argument(
        "--jobs", type=_positive, metavar="N", help="independent jobs at once (default: the cluster's)"
    )
    parser.add_argument("--quiet", action="store_true", help="say only what failed")
    return parser.parse_args(argv)


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of jobs: write 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
