"""What `show --flat`, `diff` and `lint --since` make of a lock."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from locking import A, B, C, Folder, invoke

from smolc.compiler.cli import diff, lint
from smolc.compiler.cli.common import compile_recipe
from smolc.compiler.cli.show import flat_text
from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.format import formatted
from smolc.compiler.lock.read import BadLock

D = "d" * 40


def git(*arguments: str) -> None:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def committed(folder: Folder) -> Folder:
    """Locked and committed."""
    folder.lock()
    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "x")
    return folder


# --- show --flat


@pytest.mark.parametrize(
    ("model", "data"),
    [
        ("", '; revision = "v1"'),
        ('; revision = "main"', '; revision = "v1"'),
        ('; tokenizer = hub("some/tokenizer")', '; revision = "v1"'),
        ('; tokenizer = hub(id = "some/tokenizer", revision = "main")', '; revision = "v1"; split = "a"'),
        (f'; revision = "{C}"', '; where { score > 3 }; revision = "v1"'),
    ],
)
def test_the_flat_text_builds_the_same_plan_without_the_lock(folder: Folder, model: str, data: str) -> None:
    folder.ref("models--some--tokenizer", "main", C)
    folder.replace("parent.recipe", 'hub = "some/model"', f'hub = "some/model"{model}')
    folder.replace("child.recipe", '; revision = "v1"', data)
    folder.lock()
    before = compile_recipe("child.recipe").plan
    text, new = flat_text("child.recipe", (), None)
    assert new == [] and formatted(text) == text
    (folder.place / "elsewhere").mkdir()
    folder.write("elsewhere/child.recipe", text)
    shutil.copy(folder.place / "chats.jsonl", folder.place / "elsewhere")
    after = compile_recipe("elsewhere/child.recipe")
    assert before is not None and after.plan == before and after.locked is None
    assert all(commit in text for commit in (B, C if C in model else A))


def test_the_flat_text_of_an_override_that_is_not_locked(folder: Folder) -> None:
    folder.lock()
    text, _ = flat_text("child.recipe", ('dataset.more.revision="v2"',), None)
    assert A in text and '"v2"' in text and B not in text


def test_a_suppression_of_what_is_pinned_now_is_left_out(folder: Folder) -> None:
    allow = "lint: allow(unpinned-revision) -- the tag is what is meant"
    folder.replace("child.recipe", 'revision = "v1" }', f'revision = "v1"  # {allow}\n}}')
    assert allow in flat_text("child.recipe", (), None)[0]
    folder.lock()
    text = flat_text("child.recipe", (), None)[0]
    assert allow not in text and f'revision = "{B}"\n' in text


# --- diff


def test_a_changed_lock_is_a_difference(committed: Folder) -> None:
    committed.ref("models--some--model", "main", D)
    committed.lock("--upgrade", "base", "child.recipe")
    expected = f"~ model.base\n    ~ revision  {A[:12]}… -> {D[:12]}… (locked)\n\nWhat follows\n"
    for arguments in (("HEAD", "child.recipe"), ("child.recipe",)):
        said = invoke(diff.command, *arguments).stdout
        assert expected in said and "must run again: base" in said
    (found,) = json.loads(invoke(diff.command, "HEAD", "child.recipe", "--json").stdout)["changes"]
    assert found["address"] == "model.base.revision"
    assert found["after"]["value"] == f'"{D}"' and found["after"]["locked"] is True
    # A lock whose commits are the same is none.
    committed.ref("models--some--model", "main", A)
    committed.lock("--upgrade", "base", "child.recipe")
    assert invoke(diff.command, "HEAD", "child.recipe").stdout.endswith("no differences\n")


def test_a_lock_on_one_side(committed: Folder) -> None:
    (committed.place / "smolc.lock").unlink()
    said = invoke(diff.command, "HEAD", "child.recipe").stdout
    assert f"- revision  {A[:12]}… (locked)\n" in said
    assert f'~ revision  {B[:12]}… (locked) -> "v1"\n' in said


def test_what_is_written_as_it_was_locked_is_no_difference(committed: Folder) -> None:
    committed.replace("child.recipe", '"v1"', f'"{B}"')
    assert invoke(diff.command, "HEAD", "child.recipe").stdout.endswith("no differences\n")


def test_a_tokenizer_of_its_own_is_compared_as_it_is_locked(folder: Folder) -> None:
    folder.replace("parent.recipe", '"some/model"', '"some/model"; tokenizer = hub("some/tokenizer")')
    folder.ref("models--some--tokenizer", "main", C)
    folder.lock()
    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "x")
    folder.write("smolc.lock", folder.text.replace(C, D))
    said = invoke(diff.command, "HEAD", "child.recipe").stdout
    assert f"~ tokenizer.revision  {C[:12]}… -> {D[:12]}… (locked)\n" in said


def test_a_bad_lock_is_named_where_it_lies(committed: Folder) -> None:
    committed.write("smolc.lock", "<<<<<<< HEAD")
    with pytest.raises(BadLock, match=r"^smolc\.lock is not a lock file"):
        invoke(diff.command, "HEAD", "child.recipe")
    git("commit", "-q", "-a", "-m", "y")
    (committed.place / "smolc.lock").unlink()
    with pytest.raises(BadLock, match=r"^HEAD:smolc\.lock is not a lock file"):
        invoke(diff.command, "HEAD", "child.recipe")
    with pytest.raises(Refused, match=r"^at `HEAD`: smolc\.lock is not a lock file"):
        invoke(lint.command, "--since", "HEAD", "child.recipe")


# --- lint --since


def test_a_lock_that_is_gone_leaves_revisions_unpinned(committed: Folder) -> None:
    assert invoke(lint.command, "--since", "HEAD", "child.recipe").exit_code == 0
    (committed.place / "smolc.lock").unlink()
    said = invoke(lint.command, "--since", "HEAD", "child.recipe", "--format", "concise")
    assert said.exit_code == 1 and said.stdout.count("unpinned-revision") == 2
