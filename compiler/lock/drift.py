"""What is not as it was locked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from smolc.compiler.lock import collect
from smolc.compiler.lock.read import COMMIT
from smolc.compiler.lock.types import Hub, Lock, Section
from smolc.compiler.plan.types import Plan
from smolc.compiler.resolve import Resolved

MOST_HASHED = 256 * 2**20
"""Bytes of files that an ordinary build reads to compare them; of what lies beyond, only the size is looked at."""

MISSING = "missing here"


@dataclass(frozen=True)
class Drift:
    """One thing. before: as locked; after: as it is. None where there is nothing."""

    what: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.what}: not in the lock" + (f", and {MISSING}" if self.after == MISSING else "")
        if self.after is None:
            return f"{self.what}: locked, and not read by the recipe any more"
        return f"{self.what}: {_short(self.before)} -> {_short(self.after)}"


def drift(
    lock: Lock, section: Section, hub: tuple[Hub, ...], plan: Plan, resolved: Resolved, *, whole: bool = True
) -> list[Drift]:
    """hub: what the recipe takes from the hub as it names it. whole: read all files, however large.

    Raises Refused where a file cannot be read.
    """
    return [
        *_hub(section, hub),
        *_files(section, plan, resolved, whole),
        *_named("template", section.templates, collect.template_hashes(plan)),
        *(_tokenizers(section) if whole else ()),
        *_packages(lock),
    ]


def between(before: Lock, after: Lock) -> list[Drift]:
    """What a new lock changes in an old one, by recipe."""
    found = list(_named("package", before.packages, after.packages))
    for name in sorted({*before.sections, *after.sections}):
        old, new = (lock.sections.get(name, Section(name)) for lock in (before, after))
        pairs = (
            ({hub.shown: commit for hub, commit in section.hub.items()} for section in (old, new)),
            ({path: pin.sha256 for path, pin in section.files.items()} for section in (old, new)),
            (
                {f"template {key}": value for key, value in section.templates.items()}
                for section in (old, new)
            ),
            ({f"{pin.file} of {pin.id}": pin.sha256 for pin in s.tokenizers.values()} for s in (old, new)),
        )
        for was, now in pairs:
            found += [Drift(f"{name}: {d.what}", d.before, d.after) for d in _named("", was, now)]
    return found


def _hub(section: Section, hub: tuple[Hub, ...]) -> Iterator[Drift]:
    gone = [one for one in section.hub if one not in hub]
    for one in hub:
        commit = section.hub.get(one)
        if commit is None:
            # The recipe names another revision now.
            was = next((g for g in gone if (g.type, g.id) == (one.type, one.id)), None)
            if was is not None:
                gone.remove(was)
                yield Drift(f"revision of {one.type} {one.id}", was.revision, one.revision)
            else:
                yield Drift(one.shown, None, one.revision)
        elif COMMIT.fullmatch(one.revision) and commit != one.revision:
            yield Drift(one.shown, commit, one.revision)
    for one in gone:
        yield Drift(one.shown, section.hub[one], None)


def _files(section: Section, plan: Plan, resolved: Resolved, whole: bool) -> Iterator[Drift]:
    files, missing = collect.local_files(plan, resolved)
    left = MOST_HASHED
    for file in files:
        pin = section.files.get(file.path)
        size = collect.size_of(file)
        if pin is None:
            yield Drift(file.path, None, "there")
        elif size != pin.bytes:
            yield Drift(file.path, f"{pin.bytes:,} bytes", f"{size:,} bytes")
        elif whole or size <= left:
            left -= size
            sha256 = collect.hashed(file).sha256
            if sha256 != pin.sha256:
                yield Drift(file.path, pin.sha256, sha256)
    here = {file.path for file in files}
    for path, pin in section.files.items():
        if path in here:
            continue
        lacking = any(path == m or path.startswith(f"{m}/") for m in missing)
        yield Drift(path, pin.sha256, MISSING if lacking else None)
    for path in missing:
        if not any(known == path or known.startswith(f"{path}/") for known in section.files):
            yield Drift(path, None, MISSING)


def _tokenizers(section: Section) -> Iterator[Drift]:
    """Of those that are in the hub's local cache: a commit names their content, unless somebody edited it there."""
    seen: set[str] = set()
    for hub, commit in sorted(section.hub.items()):
        if hub.type != "model" or hub.id in seen:
            continue
        here = {pin.file: pin.sha256 for pin in collect.tokenizer_pins(hub, commit)}
        seen.add(hub.id)
        for (id, file), pin in section.tokenizers.items():
            if id == hub.id and file in here and here[file] != pin.sha256:
                yield Drift(f"{file} of {id}", pin.sha256, here[file])


def _packages(lock: Lock) -> Iterator[Drift]:
    """Packages that are not installed here compute nothing here."""
    for name, version in sorted(collect.installed().items()):
        if name in lock.packages and lock.packages[name] != version:
            yield Drift(name, lock.packages[name], version)


def _named(kind: str, before: dict[str, str], after: dict[str, str]) -> Iterator[Drift]:
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if was != now:
            yield Drift(f"{kind} {name}".strip(), was, now)


def _short(text: str) -> str:
    """Hashes and commits by their first digits."""
    return text[:12] if len(text) in (40, 64) and all(c in "0123456789abcdef" for c in text) else text
