"""What a build, a plan and lint make of a lock."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from locking import A, B, C, Folder, invoke

from smolc.compiler.cli import plan
from smolc.compiler.lock import drift


def revisions(folder: Folder) -> set[str | None]:
    found: set[str | None] = set()
    for path in sorted((folder.place / "built/jobs").glob("*/job.yaml")):
        body = yaml.safe_load(path.read_text())
        found |= {
            s["location"]["revision"] for s in body.get("sources", ()) if s["location"]["type"] == "hub"
        }
        found |= {body["source"]["revision"]} if "source" in body else set()
    return found


def test_commits_are_built(folder: Folder) -> None:
    folder.build()
    assert revisions(folder) == {None, "v1"}
    folder.lock()
    assert folder.build().exit_code == 0
    assert revisions(folder) == {A, B}
    folder.ref("datasets--some--data", "v1", C)
    assert folder.build("--locked").exit_code == 0
    assert revisions(folder) == {A, B}


def test_the_same_recipe_with_its_commits_written_is_the_same_plan(folder: Folder) -> None:
    folder.lock()
    folder.build()
    locked = (folder.place / "built/manifest.json").read_text()
    (folder.place / "smolc.lock").unlink()
    folder.replace("child.recipe", '"v1"', f'"{B}"')
    folder.replace("parent.recipe", '"some/model"', f'"some/model"; revision = "{A}"')
    folder.build()
    assert (folder.place / "built/manifest.json").read_text() == locked


def test_a_tokenizer_of_its_own(folder: Folder) -> None:
    folder.replace(
        "parent.recipe", '"some/model"', '"some/model"; tokenizer = hub("some/tokenizer", revision = "t")'
    )
    folder.ref("models--some--tokenizer", "t", C)
    folder.lock()
    folder.build()
    body = yaml.safe_load((folder.place / "built/jobs/base/job.yaml").read_text())
    assert (body["source"]["revision"], body["tokenizer"]["revision"]) == (A, C)


def test_another_revision_is_not_pinned_by_an_old_lock(folder: Folder) -> None:
    folder.lock()
    done = folder.build("--set", 'more.revision="v2"')
    assert done.exit_code == 0
    assert "warning: not as locked: revision of dataset some/data: v1 -> v2" in done.stderr
    assert revisions(folder) == {A, "v2"}
    assert folder.build("--locked", "--set", 'more.revision="v2"').exit_code == 1


def test_locked_needs_a_lock(folder: Folder) -> None:
    done = folder.build("--locked")
    assert done.exit_code == 1
    assert "there is no smolc.lock beside it; run `smolc lock child.recipe`" in done.stderr
    folder.write("smolc.lock", "version = 1\n")
    assert "its smolc.lock does not name it" in folder.build("--locked").stderr
    assert not (folder.place / "built").exists()
    assert folder.build().exit_code == 0


def test_drift_is_not_silent(folder: Folder) -> None:
    folder.lock()
    assert folder.build().stderr == ""
    folder.write("chats.jsonl", "[]\n")
    done = folder.build()
    assert done.exit_code == 0
    assert "warning: not as locked: chats.jsonl: ca3d163bab05 -> 37517e5f3dc6" in done.stderr


def test_a_missing_file(folder: Folder) -> None:
    """It may be there where the recipe runs; who demands the lock wants it compared."""
    folder.lock()
    (folder.place / "chats.jsonl").unlink()
    assert "chats.jsonl: ca3d163bab05 -> missing here" in folder.build().stderr
    assert folder.build("--locked").exit_code == 1


def test_large_files_are_read_where_it_is_demanded(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.lock()
    folder.write("chats.jsonl", "[]\n")
    monkeypatch.setattr(drift, "MOST_HASHED", 2)
    assert folder.build().stderr == ""
    assert folder.build("--locked").exit_code == 1


def test_lint_is_content_with_a_lock(folder: Folder) -> None:
    assert folder.lint().stdout.count("unpinned-revision") == 2
    folder.lock()
    assert "unpinned-revision" not in folder.lint().stdout
    folder.replace("child.recipe", '"v1"', '"v2"')
    assert folder.lint().stdout.count("unpinned-revision") == 1


def test_plan_has_the_commits(folder: Folder) -> None:
    before = invoke(plan.command, "child.recipe").stdout
    folder.lock()
    locked = invoke(plan.command, "child.recipe").stdout
    assert locked != before
    folder.build()
    assert f"plan {locked.split('plan ')[1][:12]}" in folder.build().stdout


def test_a_lock_elsewhere_does_not_count(folder: Folder, tmp_path: Path) -> None:
    folder.lock()
    (tmp_path / "sub").mkdir()
    for name in ("parent.recipe", "child.recipe", "chat.jinja", "chats.jsonl"):
        (folder.place / name).rename(tmp_path / "sub" / name)
    text = invoke(plan.command, "sub/child.recipe", "--json").stdout
    assert A not in text


def test_run_takes_the_option(folder: Folder) -> None:
    from smolc.compiler.cli import run

    done = invoke(run.command, "child.recipe", "--dry-run", "--locked", "-o", "built")
    assert done.exit_code == 1
    assert "is not locked" in done.stderr
