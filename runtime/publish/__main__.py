"""`python -m smolc.runtime.publish FOLDER [NAME ...]`: push what a recipe publishes; `smolc publish` does this."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from smolc.runtime.card.facts import Folder
from smolc.runtime.execute.lock import Busy, Lock
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.manifest import BrokenFolder
from smolc.runtime.publish.push import LOGIN, find_token, note, push
from smolc.runtime.publish.ready import Publish, publishes, refusals, trained
from smolc.runtime.publish.stage import stage
from smolc.runtime.report.text import clean


def main(argv: list[str]) -> int:
    """0: pushed. 1: refused, or failed. 2: no such folder, or it is in use."""
    parser = argparse.ArgumentParser(prog="python -m smolc.runtime.publish")
    parser.add_argument("folder", nargs="?", default=".")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--dry-run", action="store_true", help="show what would be uploaded; no network")
    parser.add_argument("--check", action="store_true", help="only whether it could be asked for later")
    options = parser.parse_args(argv)
    path = Path(options.folder).resolve()
    try:
        folder = Folder(path)
        wanted = publishes(folder, tuple(options.names))
        token = find_token()
        if token is None and not options.dry_run:
            raise JobError("there is no token for the hub", help=LOGIN)
        if options.check:
            return 0
        with Lock(path):
            return _all(folder, wanted, token, options.dry_run)
    except JobError as error:
        error.tell()
        return 1
    except (BrokenFolder, Busy) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or path}: {error.strerror or error}", file=sys.stderr)
        return 2


def _all(folder: Folder, wanted: list[Publish], token: str | None, dry: bool) -> int:
    """All or none: what may not be pushed is found before anything is."""
    made, refused = [], False
    for one in wanted:
        why = list(refusals(folder, one))
        for line in why:
            print(f"error: {one.to}: {clean(line)}", file=sys.stderr)
        refused = refused or bool(why)
        if not why or dry:
            made.append((one, stage(folder, trained(folder, one), one, token)))
    if dry:
        for one, where in made:
            print(_shown(one, where))
        print("nothing was uploaded")
    if refused or dry:
        return 1 if refused else 0
    assert token is not None
    manifest = folder.run.manifest
    hashes = {entry.id: entry.hash for entry in manifest.jobs}
    for one, where in made:
        print(f"uploading {_size(where)} to {one.to}", flush=True)
        commit = push(
            one, where, token, f"{clean(manifest.recipe)}: {clean(one.job)}, plan {manifest.hash[:12]}"
        )
        note(folder.path, one, hashes[one.job], commit)
        print(f"pushed: {clean(commit)}")
    return 0


def _shown(publish: Publish, made: Path) -> str:
    files = sorted(made.iterdir())
    width = max(len(file.name) for file in files)
    seen = "private" if publish.private else "public"
    lines = [f"{publish.to} ({seen}, made if it is not there): {clean(publish.job)}, {_size(made)}"]
    lines += [f"  {file.name:<{width}}  {file.stat().st_size:>14,} bytes" for file in files]
    card = (made / "README.md").read_text(encoding="utf-8")
    return "\n".join([*lines, "", *(f"  | {line}" for line in card.splitlines()), ""])


def _size(made: Path) -> str:
    sizes = [file.stat().st_size for file in made.iterdir()]
    return f"{len(sizes)} files, {sum(sizes):,} bytes"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
