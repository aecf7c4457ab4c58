"""`where` in a job: the form that the runtime reads, whichever way the recipe says it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smolc.compiler.model.build import build
from smolc.compiler.plan.rows import rows_of
from smolc.compiler.resolve import resolve
from smolc.runtime.data.filters import Measures, keeps
from smolc.runtime.jobs.evaluate import OwnTask

RECIPE = """
recipe small { about = "small" }
model base { hub = "a/b" }
dataset plain { path = "plain.jsonl" }
dataset block { path = "block.jsonl"; where { score >= 3; lang == "en" } }
dataset said { path = "said.jsonl"; where = score >= 3 and lang == "en" }
eval final { of = base; tasks = [ifeval] }
"""
SCORE = {"column": "score", "operator": ">=", "value": 3}
ENGLISH = {"column": "lang", "operator": "==", "value": "en"}
SHORT = {"measure": "length", "operator": "<", "value": 8192}


def where_of(folder: Path, dataset: str, text: str = "", *overrides: str) -> object:
    (folder / "small.recipe").write_text(RECIPE + text, encoding="utf-8")
    resolved, found = resolve(folder / "small.recipe", overrides)
    assert resolved is not None and not found, found
    recipe, found = build(resolved)
    assert recipe is not None, found
    return json.loads(json.dumps(rows_of(recipe.datasets[dataset], resolved)["where"]))


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ('lang == "en"', ENGLISH),
        ("length < 8Ki", SHORT),
        ("length < 8Kitok", SHORT),
        ('"length" < 8Ki', {"column": "length", "operator": "<", "value": 8192}),
        ('((lang == "en"))', ENGLISH),
        ('not lang == "en" and score >= 3', {"all": [{"not": ENGLISH}, SCORE]}),
        ('not (lang == "en" and score >= 3)', {"not": {"all": [ENGLISH, SCORE]}}),
        ('length < 8Ki or lang == "en" and score >= 3', {"any": [SHORT, {"all": [ENGLISH, SCORE]}]}),
        ('(length < 8Ki or lang == "en") and score >= 3', {"all": [{"any": [SHORT, ENGLISH]}, SCORE]}),
        ('length < 8Ki and (lang == "en" and score >= 3)', {"all": [SHORT, ENGLISH, SCORE]}),
        (
            'a."b c".d not in ["x", 2, true]',
            {"column": "a.b c.d", "operator": "not in", "value": ["x", 2, True]},
        ),
        ("and != 1 or not not in [2]", {
            "any": [
                {"column": "and", "operator": "!=", "value": 1},
                {"not": {"column": "not", "operator": "in", "value": [2]}},
            ]
        }),
    ],
)  # fmt: skip
def test_an_expression_is_a_tree(written: str, made: object, tmp_path: Path) -> None:
    assert where_of(tmp_path, "plain", "", f"dataset.plain.where={written}") == made


def test_no_filter_is_none(tmp_path: Path) -> None:
    assert where_of(tmp_path, "plain") is None


def test_both_forms_are_the_same(tmp_path: Path) -> None:
    assert where_of(tmp_path, "block") == where_of(tmp_path, "said") == {"all": [SCORE, ENGLISH]}


@pytest.mark.parametrize("dataset", ["block", "said"])
def test_an_override_replaces_either_form(dataset: str, tmp_path: Path) -> None:
    assert where_of(tmp_path, dataset, "", f"dataset.{dataset}.where=length < 8Ki") == SHORT
    assert where_of(tmp_path, dataset, f"dataset.{dataset}.where = length < 8Ki") == SHORT


@pytest.mark.parametrize("said", ["where = score >= 3", "where { score >= 3 }"])
@pytest.mark.parametrize("before", ["where = lang == 1", "where { lang == 1 }"])
def test_a_child_replaces_either_form(before: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "parent.recipe").write_text(f'{RECIPE}\ndataset d {{ path = "d.jsonl"; {before} }}\n')
    (tmp_path / "child.recipe").write_text(f'extends "parent.recipe"\ndataset d {{ {said} }}\n')
    resolved, found = resolve(tmp_path / "child.recipe")
    assert resolved is not None and not found
    recipe, found = build(resolved)
    assert recipe is not None, found
    assert rows_of(recipe.datasets["d"], resolved)["where"] == SCORE


def test_the_runtime_reads_it(tmp_path: Path) -> None:
    made = where_of(tmp_path, "plain", "", 'dataset.plain.where=not (length >= 8Ki or lang in ["de"])')
    task = OwnTask.model_validate(
        {
            "type": "own", "name": "t", "location": {"type": "files", "paths": ["a"]},
            "format": {"type": "text", "column": "text"}, "where": made, "system": None, "subset": None,
            "strata": None, "pass_at": [],
            "extract": {"type": "whole", "marker": None}, "avg": 1, "max_new": None,
        }
    )  # fmt: skip
    short = Measures(length=10, trained=5, turns=2)
    assert keeps({"lang": "en"}, task.where, short) is True
    assert keeps({"lang": "de"}, task.where) is False
    assert keeps({"lang": "en"}, task.where) is None
