"""What holds of any two recipes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from comparing import addresses, side
from hypothesis import given, settings
from hypothesis import strategies as st

from smolc.compiler.compare.changes import BlockChange, Compared, compare
from smolc.compiler.compare.follows import follows
from smolc.compiler.compare.json import as_json
from smolc.compiler.format import formatted
from smolc.compiler.plan.amounts import amounts

HERE = Path(__file__).parent
REPO = HERE.parents[1]
RECIPES = sorted((REPO / "recipes").glob("*.recipe"))

# Of each line, none or one is taken. They can all stand beside one another.
CHOICES = (
    ("recipe small { seed = 7 }", 'recipe other { about = "changed" }'),
    ("stage.sft.batch = 64seq", "stage.sft.batch = 64Kitok"),
    ("stage.sft.optim.lr = 1e-5", "stage.sft.optim = sgd(lr = 1e-5)"),
    ("stage.sft.length = 600step", "stage.sft.length = 2epoch", "stage.sft.length = 2Mtok"),
    ("stage.sft.adapter = lora", "stage.sft.adapter = lora(rank = 16)"),
    ("stage.dpo.packing = none(length = 1Ki)", "stage.sft.packing = best_fit(length = 2Ki)"),
    ("stage.dpo.method = orpo", "stage.dpo.method.loss = [sigmoid, sft]"),
    ("mixture talk { chats = take(25%) }", "mixture talk { drop key more }", "mixture talk { holdout = 20seq }"),
    ("stage sft { sweep { optim.lr = [1e-5, 2e-5]; pick = min(eval_loss) } }",),
    ("eval.final.tasks = [gsm8k, mmlu_pro, ifeval]", "eval.final.decode.top_p = 0.5"),
    ("dataset spare { path = \"spare.jsonl\" }", "dataset extra { path = \"spare.jsonl\" }"),
    ("cluster big { gpus = 8 }", "cluster large { gpus = 8 }"),
    ('template chat { end_of_turn = "<|end|>" }', 'template chat { thinking = tags("<a>", "</a>") }'),
)  # fmt: skip

lines = st.tuples(*(st.sampled_from(("", *line)) for line in CHOICES)).map(
    lambda chosen: "\n".join(sorted(filter(None, chosen), key=lambda line: " {" not in line))
)


def folder() -> tempfile.TemporaryDirectory[str]:
    made = tempfile.TemporaryDirectory()
    shutil.copy(HERE / "base.recipe", made.name)
    return made


def flipped(block: BlockChange) -> tuple[object, ...]:
    """A block's changes as they are in the other direction."""
    signs = {"+": "-", "-": "+", "~": "~"}
    label, was = (block.label, block.was) if block.was is None else (block.was, block.label)
    changes = {(c.key, c.after and c.after.text, c.before and c.before.text) for c in block.changes}
    return block.kind, label, was, signs[block.sign], frozenset(changes), block.reordered


def straight(block: BlockChange) -> tuple[object, ...]:
    changes = {(c.key, c.before and c.before.text, c.after and c.after.text) for c in block.changes}
    return block.kind, block.label, block.was, block.sign, frozenset(changes), block.reordered


def blocks(compared: Compared) -> set[tuple[object, ...]]:
    return {straight(block) for block in compared.blocks}


@settings(max_examples=60, deadline=None)
@given(lines, lines)
def test_the_other_direction_is_the_mirror(a: str, b: str) -> None:
    with folder() as name:
        path = Path(name) / "case.recipe"
        one = side(path, text=f'extends "base.recipe"\n{a}\n')
        two = side(path, text=f'extends "base.recipe"\n{b}\n')
        there, back = compare(one, two), compare(two, one)
        assert blocks(there) == {flipped(block) for block in back.blocks}
        forth, other = follows(one, two, there.names), follows(two, one, back.names)
        assert len(forth.jobs.again) == len(other.jobs.again)
        assert len(forth.jobs.added) == len(other.jobs.removed)
        assert [len(facts) for facts in forth.stages.values()] == [len(f) for f in other.stages.values()]


@settings(max_examples=20, deadline=None)
@given(lines, lines)
def test_tokens_per_step_are_those_of_the_plan(a: str, b: str) -> None:
    with folder() as name:
        path = Path(name) / "case.recipe"
        sides = [side(path, text=f'extends "base.recipe"\n{one}\n') for one in (a, b)]
        found = follows(*sides, {})
        for stage in ("sft", "dpo"):
            counts = []
            for one in sides:
                jobs = {job.id: job for job in one.plan.jobs}
                runs = [job for job in one.plan.jobs if job.kind == "train" and job.stage == stage]
                told = [amounts(run, jobs[run.body["data"]], None).tokens_per_step for run in runs]
                counts.append(tuple(dict.fromkeys(told)))
            said = [f for f in found.stages.get(stage, ()) if f.name == "tokens per step"]
            assert [(f.before, f.after) for f in said] == ([tuple(counts)] if counts[0] != counts[1] else [])


@settings(max_examples=40, deadline=None)
@given(lines, lines)
def test_no_difference_is_the_same_plan(a: str, b: str) -> None:
    """And different plans have a difference, or stages and evals in another order."""
    with folder() as name:
        path = Path(name) / "case.recipe"
        one = side(path, text=f'extends "base.recipe"\n{a}\n')
        two = side(path, text=f'extends "base.recipe"\n{b}\n')
        compared = compare(one, two)
        if compared.same:
            assert one.plan == two.plan
        if one.plan.hash != two.plan.hash:
            assert not compared.same


@settings(max_examples=40, deadline=None)
@given(lines)
def test_a_recipe_is_its_formatted_self(a: str) -> None:
    with folder() as name:
        path = Path(name) / "case.recipe"
        text = f'extends "base.recipe"\n{a}\n'
        assert compare(side(path, text=text), side(path, text=formatted(text))).same


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_a_recipe_is_itself(path: Path) -> None:
    one, two = side(path), side(path)
    compared = compare(one, two)
    assert compared.same
    said = follows(one, two, compared.names)
    assert not said.stages and not said.jobs.again
    assert said.jobs.kept == tuple(job.id for job in one.plan.jobs)


def test_all_of_a_recipe_comes_and_goes() -> None:
    one = side(RECIPES[0])
    come, gone = compare(None, one), compare(one, None)
    assert {b.sign for b in come.blocks} == {"+"} and {b.sign for b in gone.blocks} == {"-"}
    assert addresses(come) == addresses(gone)
    assert blocks(come) == {flipped(block) for block in gone.blocks}


def test_json_has_every_change_with_its_place(tmp_path: Path) -> None:
    shutil.copy(HERE / "base.recipe", tmp_path)
    path = tmp_path / "case.recipe"
    one = side(path, text='extends "base.recipe"\n')
    two = side(path, text='extends "base.recipe"\n\nstage.sft.optim.lr = 1e-5\n')
    compared = compare(one, two)
    said = as_json("a", "b", compared, follows(one, two, compared.names))
    (change,) = said["changes"]
    assert change["address"] == "stage.sft.optim.lr"
    assert change["before"] == {
        "value": "2e-5",
        "default": False,
        "file": "base.recipe",
        "line": 31,
        "column": 25,
    }
    assert change["after"] == {
        "value": "1e-5",
        "default": False,
        "file": "case.recipe",
        "line": 3,
        "column": 22,
    }
    assert said["follows"]["stages"]["sft"] == [
        {"name": "learning rate", "before": [2e-5], "after": [1e-5], "note": ""}
    ]
    assert "sft" in said["follows"]["jobs"]["again"]
