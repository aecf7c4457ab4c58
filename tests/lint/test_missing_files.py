"""F010: what the recipe reads and is not here. Patterns stand for files; addresses are never looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from smolc.compiler.lint import patterns
from smolc.compiler.lint.files import missing_files
from smolc.compiler.lint.patterns import any_file
from smolc.compiler.model.build import build
from smolc.compiler.resolve import resolve

RECIPE = """
recipe r {{ }}
model base {{ scratch = llama(layers = 1, hidden = 16, heads = 2); tokenizer = bytes }}
dataset d {{ path = [{paths}] }}
stage sft {{ init = base; method = sft; data = d }}
"""


def missing(folder: Path, *paths: str) -> list[str]:
    (folder / "r.recipe").write_text(RECIPE.format(paths=", ".join(f'"{p}"' for p in paths)))
    resolved, _ = resolve(folder / "r.recipe")
    assert resolved is not None
    recipe, found = build(resolved)
    assert recipe is not None, found
    return [f"{d.code} {d.message}" for d in missing_files(recipe, resolved)]


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    "pattern",
    [
        "data/*.jsonl",
        "data/[a-c].jsonl",
        "data/?.jsonl",
        "*/a.jsonl",
        "**/a.jsonl",
        "data/**/*.jsonl",
        "./d*/**/e/*.jsonl",
    ],
)
def test_a_pattern_that_stands_for_a_file(tmp_path: Path, pattern: str) -> None:
    put(tmp_path, "data/a.jsonl", "data/deep/e/f.jsonl")
    assert missing(tmp_path, pattern) == []


@pytest.mark.parametrize(
    "pattern", ["data/*.csv", "data/[!a].jsonl", "data/??.jsonl", "no/*.jsonl", "data/**/g.jsonl", "f*.jsonl"]
)
def test_a_pattern_that_stands_for_none(tmp_path: Path, pattern: str) -> None:
    put(tmp_path, "data/a.jsonl", "data/.b.jsonl", "data/.hidden/g.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    assert missing(tmp_path, pattern) == [f"F010 no file here fits `{pattern}`"]


def test_addresses_are_not_looked_at(tmp_path: Path) -> None:
    assert missing(tmp_path, "s3://b/*.jsonl", "hf://datasets/o/n/a.parquet") == []
    assert missing(tmp_path, "a.jsonl", "gs://b/a.jsonl") == ["F010 there is no file `a.jsonl` here"]


def test_a_large_tree_is_not_walked_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, *(f"{one}/{other}.txt" for one in range(5) for other in range(5)))
    assert not any_file(tmp_path, "**/*.jsonl")
    monkeypatch.setattr(patterns, "MOST", 10)
    assert any_file(tmp_path, "**/*.jsonl")


def test_a_link_in_a_circle_ends(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").symlink_to(tmp_path)
    assert not any_file(tmp_path, "**/*.jsonl")
