"""Recipes as they were at a git revision."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from smolc.compiler.resolve import resolve
from smolc.compiler.resolve.revision import NoRevision, NotThere, at_revision, recipes_since

PARENT = 'recipe small { seed = 1 }\ntemplate chat { file = "chat.jinja" }\n'


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """One commit: a recipe in a folder, with a parent and its template in another."""
    git(tmp_path, "init", "-q", "-b", "main")
    write(tmp_path, "base/parent.recipe", PARENT)
    write(tmp_path, "base/chat.jinja", "one")
    write(tmp_path, "mine/my.recipe", 'extends "../base/parent.recipe"\n')
    commit(tmp_path)
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def commit(folder: Path) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x")
    return git(folder, "rev-parse", "HEAD")


def seed(path: Path) -> str:
    resolved, found = resolve(path)
    assert resolved is not None and found == []
    return resolved.of("recipe")[0].fields["seed"].value.span.text


def test_a_recipe_with_its_parents_and_templates(repo: Path) -> None:
    write(repo, "base/parent.recipe", PARENT.replace("1", "2"))
    write(repo, "base/chat.jinja", "two")
    before = git(repo, "status", "--porcelain")
    with at_revision(repo / "mine/my.recipe", "HEAD") as path:
        assert seed(path) == "1"
        assert (path.parent / "../base/chat.jinja").read_text() == "one"
    assert not path.exists()
    assert seed(repo / "mine/my.recipe") == "2"
    assert git(repo, "status", "--porcelain") == before


def test_parents_that_moved(repo: Path) -> None:
    """The parents of then, not those of now."""
    (repo / "parents").mkdir()
    git(repo, "mv", "base/parent.recipe", "parents/other.recipe")
    git(repo, "mv", "base/chat.jinja", "parents/chat.jinja")
    write(repo, "mine/my.recipe", 'extends "../parents/other.recipe"\n')
    commit(repo)
    with at_revision(repo / "mine/my.recipe", "HEAD~1") as path:
        assert seed(path) == "1"
    with at_revision(repo / "mine/my.recipe", "HEAD") as path:
        assert seed(path) == "1"


def test_a_parent_that_is_missing_then_is_the_recipes_mistake(repo: Path) -> None:
    write(repo, "mine/my.recipe", 'extends "new.recipe"\n')
    write(repo, "mine/new.recipe", PARENT)
    git(repo, "add", "mine/my.recipe")
    git(repo, "commit", "-q", "-m", "x")
    with at_revision(repo / "mine/my.recipe", "HEAD") as path:
        found = resolve(path)[1]
    assert [d.name for d in found] == ["not-found"]


@pytest.mark.parametrize(
    "ref", ["nope", "-x", "--all", "", " ", "HEAD~99", "HEAD:mine/my.recipe", "a b", "@{-1}", "\n"]
)
def test_no_such_revision(repo: Path, ref: str) -> None:
    with pytest.raises(NoRevision, match="there is no revision"), at_revision(repo / "mine/my.recipe", ref):
        pass
    with pytest.raises(NoRevision, match="neither a file nor a revision"):
        recipes_since(repo, ref)


def test_branches_tags_and_commits(repo: Path) -> None:
    first = git(repo, "rev-parse", "HEAD")
    git(repo, "tag", "-a", "v1", "-m", "one")
    git(repo, "branch", "-q", "side/way")
    write(repo, "base/parent.recipe", PARENT.replace("1", "2"))
    commit(repo)
    for ref in ("v1", "side/way", first, first[:10], "HEAD^", "main~1"):
        with at_revision(repo / "mine/my.recipe", ref) as path:
            assert seed(path) == "1", ref


def test_a_recipe_that_is_younger(repo: Path) -> None:
    write(repo, "mine/new.recipe", PARENT)
    with (
        pytest.raises(NotThere, match=r"there is no .*new.recipe at `HEAD`"),
        at_revision(repo / "mine/new.recipe", "HEAD"),
    ):
        pass


def test_a_link_in_a_circle(repo: Path) -> None:
    (repo / "mine/loop.recipe").symlink_to("loop.recipe")
    with pytest.raises(NotThere), at_revision(repo / "mine/loop.recipe", "HEAD"):
        pass


def test_a_recipe_that_is_gone(repo: Path) -> None:
    (repo / "mine/my.recipe").unlink()
    with at_revision(repo / "mine/my.recipe", "HEAD") as path:
        assert seed(path) == "1"


def test_outside_of_git(tmp_path: Path) -> None:
    write(tmp_path, "my.recipe", PARENT)
    with (
        pytest.raises(NoRevision, match="is in no git repository"),
        at_revision(tmp_path / "my.recipe", "HEAD"),
    ):
        pass
    with pytest.raises(NoRevision, match="is in no git repository"):
        recipes_since(tmp_path, "HEAD")


def test_no_commit_yet(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write(tmp_path, "my.recipe", PARENT)
    with pytest.raises(NoRevision, match="there is no revision"), at_revision(tmp_path / "my.recipe", "HEAD"):
        pass


def test_nothing_leaves_the_copy(repo: Path) -> None:
    """A parent outside of the repository, and a folder and a link where a file was asked for, are not followed."""
    outside = repo.parent / f"{repo.name}-outside.recipe"
    outside.write_text(PARENT, encoding="utf-8")
    write(repo, "mine/far.recipe", f'extends "../../{outside.name}"\n')
    (repo / "mine/link.recipe").symlink_to(outside)
    write(repo, "mine/by_link.recipe", 'extends "link.recipe"\n')
    commit(repo)
    for name in ("far", "by_link"):
        with at_revision(repo / f"mine/{name}.recipe", "HEAD") as path:
            resolved, found = resolve(path)
            assert found and (resolved is None or not resolved.of("recipe"))


def test_a_recipe_given_from_another_folder(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo / "base")
    with at_revision(Path("../mine/my.recipe"), "HEAD") as path:
        assert seed(path) == "1"


def test_recipes_of_then_and_now(repo: Path) -> None:
    write(repo, "mine/new.recipe", PARENT)
    write(repo, "mine/ignored.recipe", PARENT)
    write(repo, ".gitignore", "ignored.recipe\n")
    (repo / "mine/my.recipe").unlink()
    names = [path.relative_to(repo).as_posix() for path in recipes_since(repo, "HEAD")]
    assert names == ["base/parent.recipe", "mine/my.recipe", "mine/new.recipe"]
    assert recipes_since(repo / "base", "HEAD") == [repo / "base/parent.recipe"]
