"""The page of each method: there is one, and what it says of arguments and defaults is what happens."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from smolc.compiler.cli.main import command
from smolc.compiler.reference.catalogue import Block, Key, catalogue
from smolc.compiler.reference.page_of_method import PROSE, methods, page_of_method
from smolc.compiler.reference.pages import pages

METHODS = list(methods())
DATA = {"kto": "unpaired", "cpt": "text", "sft": "messages"}
OF_TRL = {"f_alpha_divergence_coef"}


def test_every_method_has_a_page() -> None:
    key = catalogue()["stage"].key("method")
    assert key is not None and [v.word for v in key.variants] == METHODS
    assert {path.stem.removeprefix("method_") for path in PROSE.glob("method_*.md")} == set(METHODS)
    for word in METHODS:
        assert f"- [{word}]({word}.md): " in pages()["README.md"]
        assert CliRunner().invoke(command, ["explain", word]).stdout == page_of_method(word) + "\n"


@pytest.mark.parametrize("word", METHODS)
def test_every_page_says_the_same_things(word: str) -> None:
    written = PROSE.joinpath(f"method_{word}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", written, re.MULTILINE) == [
        "What it optimises", "When to take it", "What to watch", "What TRL would do, and this does not",
    ]  # fmt: skip
    assert "```recipe" in written


def words(block: Block) -> set[str]:
    found = {block.kind}
    for nested in block.blocks:
        found |= words(nested)

    def of(key: Key) -> None:
        found.update((key.name, *key.choices))
        for variant in key.variants:
            found.add(variant.word)
            for argument in variant.arguments:
                of(argument)

    for key in block.keys:
        of(key)
    return found


LANGUAGE = {word for block in catalogue().values() for word in words(block)} | OF_TRL


@pytest.mark.parametrize("word", METHODS)
def test_words_on_a_page_are_words_of_the_language(word: str) -> None:
    written = PROSE.joinpath(f"method_{word}.md").read_text(encoding="utf-8")
    said = set(re.findall(r"`([a-z_0-9]+)`", written)) | set(re.findall(r"`(\w+) = ", written))
    assert said and said - LANGUAGE == set()


@pytest.mark.parametrize("adapter", ["full", "lora"])
@pytest.mark.parametrize("word", METHODS)
def test_what_holds_unless_the_stage_says_otherwise(word: str, adapter: str, tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("explained.recipe"), tmp_path / "base.recipe")
    form = DATA.get(word, "preference")
    rows = "chats.jsonl"
    (tmp_path / rows).write_text("", encoding="utf-8")
    recipe = f"""extends "base.recipe"
dataset given {{ path = "{rows}"; format = {form} }}
stage last {{ init = sft; method = {word}; data = given; adapter = {adapter} }}
"""
    (tmp_path / "one.recipe").write_text(recipe, encoding="utf-8")
    done = CliRunner().invoke(
        command, ["build", str(tmp_path / "one.recipe"), "--out", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    job = yaml.safe_load((tmp_path / "out" / "jobs" / "last" / "job.yaml").read_text(encoding="utf-8"))
    page = page_of_method(word)
    found = re.search(r"learning rate: (\S+), with an adapter (\S+)\n- batch: (\d+)seq", page)
    assert found is not None
    assert job["optimizer"]["lr"] == pytest.approx(float(found[2] if adapter == "lora" else found[1]))
    assert job["batch"]["global_sequences"] == int(found[3])
    assert f"`{form}`" in page
