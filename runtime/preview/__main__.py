"""`python -m smolc.runtime.preview FOLDER [STAGE] [--rows N] [--source NAME] [--html FILE] [--earlier FOLDER]`: rows of
a compiled folder's stages as they will be trained. Writes nothing but FILE.

Ends with 0, with 1 if the data is not as the recipe says, with 2 if there is no such folder, stage or source."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from rich.console import Console

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.manifest import BrokenFolder, Entry, Manifest, read_job, read_manifest
from smolc.runtime.train.environment import prepare_environment


class Misused(Exception):
    """What is asked for is not there."""


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m smolc.runtime.preview", description="Rows as they are trained."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("stage", nargs="?")
    parser.add_argument("--rows", type=int, default=3)
    parser.add_argument("--source")
    parser.add_argument("--html", type=Path)
    parser.add_argument("--earlier", type=Path, help="a compiled folder in which jobs may be done already")
    asked = parser.parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    prepare_environment()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    try:
        return _preview(asked)
    except JobError as error:
        _tell(error)
        return 1
    except (BrokenFolder, Misused) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _preview(asked: argparse.Namespace) -> int:
    manifest = read_manifest(asked.folder)
    entries = _entries(manifest, asked)
    from smolc.runtime.preview.sample import sample
    from smolc.runtime.preview.terminal import Terminal

    earlier = asked.earlier or asked.folder
    stages = [sample(asked.folder, entry, asked.rows, asked.source, earlier) for entry in entries]
    terminal = Terminal(Console(highlight=False, markup=False, emoji=False))
    terminal.stages(stages)
    wrong = [error for stage in stages for error in stage.wrong]
    if asked.html is not None:
        from smolc.runtime.preview.page import write_page

        try:
            write_page(asked.html, manifest, stages)
        except OSError as error:
            raise Misused(f"{asked.html}: cannot be written: {error.strerror or error}") from error
        terminal.say(f"wrote {asked.html}")
    for found in wrong:
        _tell(found)
    return 1 if wrong else 0


def _entries(manifest: Manifest, asked: argparse.Namespace) -> list[Entry]:
    """The data jobs that are asked for. Raises Misused."""
    found = [entry for entry in manifest.jobs if entry.kind == "prepare"]
    if not found:
        raise Misused("the recipe trains no stage, so there is no data to show")
    if asked.stage is not None:
        stages = list(dict.fromkeys(entry.stage or entry.id for entry in found))
        found = [entry for entry in found if asked.stage in (entry.stage, entry.id)]
        if not found:
            raise Misused(f"no stage {asked.stage!r} that is trained on data; there are: {', '.join(stages)}")
    if asked.source is not None:
        names = {
            entry.id: [spec.name for spec in read_job(asked.folder, entry.id).sources] for entry in found
        }
        found = [entry for entry in found if asked.source in names[entry.id]]
        if not found:
            known = dict.fromkeys(name for some in names.values() for name in some)
            raise Misused(f"no source {asked.source!r}; there are: {', '.join(known)}")
    return found


def _tell(error: JobError) -> None:
    from smolc.runtime.report.text import visible

    print(f"error: {visible(error.message).replace('↵', '')}", file=sys.stderr)
    if error.help:
        print(f"help: {visible(error.help).replace('↵', '')}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
