"""The text of a lock, and lock files as a stranger may write them."""

from __future__ import annotations

import os
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from locking import A, Folder

from smolc.compiler.lock.read import BadLock, parse_lock
from smolc.compiler.lock.text import as_text
from smolc.compiler.lock.types import FilePin, Hub, Lock, Section, TokenizerPin

SHA = "0" * 64

HEX40, HEX64 = (st.text("0123456789abcdef", min_size=n, max_size=n) for n in (40, 64))
TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)
NAMES = TEXT.map(lambda t: t.replace("/", "").replace("\\", "") + ".recipe")
HUBS = st.builds(Hub, st.sampled_from(["model", "dataset"]), TEXT, TEXT)
FILES = st.builds(FilePin, TEXT, st.sampled_from(["data", "model", "parent"]), st.integers(0, 2**60), HEX64)
TOKENIZERS = st.builds(TokenizerPin, TEXT, TEXT, HEX64)
SECTIONS = st.builds(
    Section,
    NAMES,
    st.dictionaries(HUBS, HEX40, max_size=4),
    st.lists(FILES, max_size=4).map(lambda pins: {pin.path: pin for pin in pins}),
    st.dictionaries(TEXT, HEX64, max_size=4),
    st.lists(TOKENIZERS, max_size=4).map(lambda pins: {(pin.id, pin.file): pin for pin in pins}),
)
RELEASES = st.from_regex(r"[0-9]{1,3}\.[0-9]{1,3}(\.post1|rc1)?", fullmatch=True)
PACKAGES = st.dictionaries(st.text(string.ascii_lowercase, min_size=1, max_size=9), RELEASES, max_size=4)
LOCKS = st.builds(
    Lock, PACKAGES, st.lists(SECTIONS, max_size=3).map(lambda all: {one.recipe: one for one in all})
)


@settings(max_examples=200, deadline=None)
@given(LOCKS)
def test_what_is_written_is_read(lock: Lock) -> None:
    text = as_text(lock)
    assert parse_lock(text.encode(), "smolc.lock") == lock
    assert all(c == "\n" or c.isprintable() for c in text)


@settings(max_examples=100, deadline=None)
@given(LOCKS)
def test_the_order_of_making_does_not_show(lock: Lock) -> None:
    def turned(section: Section) -> Section:
        parts = (section.hub, section.files, section.templates, section.tokenizers)
        return Section(section.recipe, *(dict(reversed(part.items())) for part in parts))  # type: ignore[arg-type]

    other = Lock(
        dict(reversed(lock.packages.items())),
        {name: turned(section) for name, section in reversed(lock.sections.items())},
    )
    assert as_text(other) == as_text(lock)


@settings(max_examples=150, deadline=None)
@given(LOCKS, st.data())
def test_a_damaged_lock_is_refused_or_read(lock: Lock, data: st.DataObject) -> None:
    """Whatever becomes of its bytes, it is a lock or a BadLock."""
    raw = bytearray(as_text(lock).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    try:
        read = parse_lock(bytes(raw), "smolc.lock")
    except BadLock:
        return
    assert parse_lock(as_text(read).encode(), "again") == read


HEAD = 'version = 1\n[[recipe]]\nname = "a.recipe"\n'
ONE = f'{HEAD}[[recipe.hub]]\ntype = "model"\nid = "a/b"\nrevision = "main"\ncommit = "{A}"\n'
FILE = f'{HEAD}[[recipe.file]]\npath = "a"\nrole = "data"\nbytes = 1\nsha256 = "{SHA}"\n'
BAD = {
    "empty": ("", "does not say its version"),
    "other edition": ("version = 2\n", "is of version 2, and this smolc reads version 1"),
    "old edition": ("version = 0\nother = 1\n", "is of version 0"),
    "version in quotes": ('version = "1"\n', "does not say its version"),
    "version true": ("version = true\n", "does not say its version"),
    "JSON": ('{"version": 1}', "is not a lock file"),
    "cut in a string": (ONE[:-10], "is not a lock file, or was cut short"),
    "cut in a table": (ONE[: ONE.index("revision")], "has no `revision`"),
    "conflict": ("<<<<<<< HEAD\n" + ONE, "is not a lock file"),
    "commit is a branch": (ONE.replace(A, "main"), "not a commit of 40 hexadecimal digits"),
    "commit is short": (ONE.replace(A, A[:39]), "not a commit of 40"),
    "commit in capitals": (ONE.replace(A, A.upper()), "not a commit of 40"),
    "commit with a line end": (ONE.replace(A, A + "\\n"), "not a commit of 40"),
    "commit is a number": (ONE.replace(f'"{A}"', "1"), "is not a text"),
    "hash is short": (FILE.replace(SHA, SHA[1:]), "is not 64 hexadecimal digits"),
    "negative size": (FILE.replace("bytes = 1", "bytes = -1"), "is not a number of bytes"),
    "size as text": (FILE.replace("bytes = 1", 'bytes = "1"'), "is not a number of bytes"),
    "size true": (FILE.replace("bytes = 1", "bytes = true"), "is not a number of bytes"),
    "role": (FILE.replace('"data"', '"date"'), "has the role `date`"),
    "type": (ONE.replace('"model"', '"space"'), "of type `space`"),
    "unknown key": (ONE + "more = 1\n", "has `more`, which is not known"),
    "unknown table": ("version = 1\n[more]\n", "has `more`, which is not known"),
    "recipe elsewhere": (
        ONE.replace("a.recipe", "../a.recipe"),
        "is not the name of a recipe in this folder",
    ),
    "recipe is a table": ('version = 1\n[recipe]\nname = "a.recipe"\n', "is not a list of tables"),
    "hub is a text": ('version = 1\n[[recipe]]\nname = "a.recipe"\nhub = "x"\n', "is not a list of tables"),
    "twice": (ONE + ONE[ONE.index("[[recipe.hub]]") :], "has one hub twice"),
    "recipe twice": (ONE + '[[recipe]]\nname = "a.recipe"\n', "has one recipe twice"),
    "package": ('version = 1\n[packages]\ntorch = "2.0; rm"\n', "is not a version"),
    "package name": ('version = 1\n[packages]\n"to rch" = "2.0"\n', "is not a package's name"),
    "packages": ("version = 1\npackages = 3\n", "is not a table"),
    "control characters": ('version = 1\n"\\u001b[31m" = 1\n', "which is not known"),
    "long": (ONE.replace("a/b", "a" * 5000), "is not a text"),
    "nested": ("a = " + "[" * 100_000, "is not a lock file"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_locks_are_refused(case: str) -> None:
    text, said = BAD[case]
    with pytest.raises(BadLock) as caught:
        parse_lock(text.encode(), "smolc.lock")
    message = str(caught.value)
    assert said in message
    assert message.startswith("smolc.lock")
    assert "smolc lock" in message
    assert message.isprintable()


def test_not_utf8() -> None:
    with pytest.raises(BadLock, match="not UTF-8"):
        parse_lock(b"version = 1\n# \xff\n", "smolc.lock")


@pytest.mark.parametrize("case", ["folder", "link", "dangling link", "pipe", "huge", "cut"])
@pytest.mark.parametrize("command", ["lock", "check", "build", "lint"])
def test_a_lock_that_is_none_stops_every_command(case: str, command: str, folder: Folder) -> None:
    folder.lock()
    path = folder.place / "smolc.lock"
    text = path.read_text()
    path.unlink()
    if case == "folder":
        path.mkdir()
    elif case == "link":
        (folder.place / "real.lock").write_text(text)
        path.symlink_to("real.lock")
    elif case == "dangling link":
        path.symlink_to("nothing")
    elif case == "pipe":
        os.mkfifo(path)
    elif case == "huge":
        with path.open("wb") as file:
            file.truncate(17 * 2**20)
    else:
        path.write_text(text[:-9])
    run = {
        "lock": folder.lock,
        "check": lambda: folder.lock("--check", "child.recipe"),
        "build": folder.build,
        "lint": folder.lint,
    }[command]
    with pytest.raises(BadLock, match=r"smolc\.lock"):
        run()
    assert not (folder.place / "built").exists()
    assert folder.leftovers() == []
    if case == "link":
        assert (folder.place / "real.lock").read_text() == text


def test_paths_in_a_lock_are_not_followed(folder: Folder) -> None:
    """A pin of a file that the recipe does not read is compared with nothing, wherever it points."""
    folder.lock()
    os.mkfifo(folder.place / "pipe")
    extra = f'\n[[recipe.file]]\npath = "pipe"\nrole = "data"\nbytes = 1\nsha256 = "{SHA}"\n'
    text = folder.text.replace("\n[[recipe.template]]", f"{extra}\n[[recipe.template]]", 1)
    folder.write("smolc.lock", text)
    done = folder.lock("--check", "child.recipe")
    assert done.stdout == "child.recipe: pipe: locked, and not read by the recipe any more\n"
