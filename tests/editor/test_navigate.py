"""Definitions, references, outline and folding."""

from __future__ import annotations

from pathlib import Path

import pytest
from around import HEAD
from marked import marked

from smolc.compiler.editor.chain import opened
from smolc.compiler.editor.navigate import Location, definition, folds, references, symbols


def said(found: list[Location]) -> list[str]:
    """`file:line:column` of each."""
    return [f"{f.path.stem}:{f.span.line}:{f.span.column}" for f in found]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("stage d { init = sf‸t }", ["case:7:7"]),
        ("stage d { init = sft.be‸st }", []),
        ("stage d { init = s‸ft.best }", ["case:7:7"]),
        ("stage d { data = ta‸lk }", ["case:5:9"]),
        ("mixture m { cha‸ts = all }", ["case:3:9"]),
        ("mixture m { from cha‸ts { } }", ["case:3:9"]),
        ("eval e { of = [sft, ba‸se] }", ["case:2:7"]),
        ("eval e { task w { data = pai‸rs } }", ["case:4:9"]),
        ("eval e { expect { sf‸t.words >= 3% } }", ["case:7:7"]),
        ("eval e { expect { sft.wor‸ds >= 3% } }", ["case:20:8"]),
        ("eval e { expect { sft.words >= ba‸se.words - 1% } }", ["case:2:7"]),
        ("stage d { sweep { pick = max(wor‸ds) } }", ["case:20:8"]),
        ("stage d { sweep { pick = min(wor‸ds_loss) } }", ["case:20:8"]),
        ("stage d { sweep { init = [base, sf‸t] } }", ["case:7:7"]),
        ("stage.sf‸t.length = 2epoch", ["case:7:7"]),
        ("sf‸t.length = 2epoch", ["case:7:7"]),
        ("eval.first.task.wor‸ds.rows = 3", ["case:20:8"]),
        ("mixture.talk.cha‸ts = all", ["case:3:9"]),
        ("dpo.init = ba‸se\nstage dpo { }", ["case:2:7"]),
        ("stage d { method = dpo(reference = sf‸t) }", ["case:7:7"]),
        ("eval e { tasks = [ife‸val] }", []),
        ("stage d { init = nob‸ody }", []),
        ("stage d { le‸ngth = 3epoch }", []),
        ("stage d { init = sf‸t", ["case:7:7"]),
    ],
)
def test_definitions(text: str, places: list[str], tmp_path: Path) -> None:
    path, offset, texts = marked(tmp_path, HEAD + text)
    assert said(definition(path, offset, texts)) == places


def test_definitions_in_parents(tmp_path: Path) -> None:
    def at(text: str) -> list[str]:
        path, offset, texts = marked(tmp_path, text, base=HEAD)
        return said(definition(path, offset, texts))

    assert at('extends "ba‸se.recipe"') == ["base:1:1"]
    assert at('extends "nob‸ody.recipe"') == []
    assert at('extends "base.recipe"\nstage d { init = sf‸t }') == ["base:7:7"]
    assert at('extends "base.recipe"\nstage s‸ft { length = 1epoch }') == ["base:7:7"]
    assert at('extends "base.recipe"\nstage sft { da‸ta = talk }') == ["base:10:3"]
    assert at('extends "base.recipe"\ndrop stage s‸ft') == ["base:7:7"]
    # What the child says comes first.
    assert at('extends "base.recipe"\nstage sft { }\nstage d { init = sf‸t }') == ["case:2:7", "base:7:7"]


def test_of_a_mixture_and_a_dataset_of_one_name_the_first_is_meant(tmp_path: Path) -> None:
    text = 'dataset a { path = "a" }\nmixture a { a = all }\nstage s { data = ‸a }'
    path, offset, texts = marked(tmp_path, text)
    assert said(definition(path, offset, texts)) == ["case:2:9"]
    assert said(references(path, offset, texts)) == ["case:2:9", "case:3:18"]


def test_references(tmp_path: Path) -> None:
    text = (
        HEAD
        + "stage d { init = sft.best; method = dpo(reference = sft) }\neval e { of = [s‸ft]; expect { sft.words >= 1% } }"
    )
    path, offset, texts = marked(tmp_path, text)
    assert said(references(path, offset, texts)) == [
        "case:7:7", "case:18:15", "case:22:18", "case:22:53", "case:23:16", "case:23:31",
    ]  # fmt: skip
    assert "case:7:7" not in said(references(path, offset, texts, declaration=False))


def test_references_in_parents_and_in_other_children(tmp_path: Path) -> None:
    other = 'extends "base.recipe"\nstage other { init = sft }'
    stranger = "model sft { }\nstage s { init = sft }"
    path, offset, texts = marked(
        tmp_path, 'extends "base.recipe"\nstage d { init = s‸ft }', base=HEAD, other=other, stranger=stranger
    )
    found = said(references(path, offset, texts, known=list(texts)))
    assert found == ["base:7:7", "base:18:15", "case:2:18", "other:2:22"]


def test_outline(tmp_path: Path) -> None:
    path, _, texts = marked(tmp_path, HEAD + "‸stage broken {\n  init = ")
    one = opened(path, texts)
    assert one is not None
    found = symbols(one)
    assert [(s.name, s.detail) for s in found][-3:] == [
        ("sft", "stage"),
        ("first", "eval"),
        ("broken", "stage"),
    ]
    stage = found[-3]
    assert [(s.name, s.detail) for s in stage.inner] == [
        ("init", "base"), ("method", "sft"), ("data", "talk"), ("optim", "adamw(lr = 1e-4)"), ("sweep", ""),
    ]  # fmt: skip
    for symbol in found:
        assert symbol.span.start <= symbol.head.start and symbol.head.end <= symbol.span.end


def test_folds(tmp_path: Path) -> None:
    text = "# a\n# b\n\nstage s {\n  of = [\n    a,\n  ]\n  sweep {\n    x = [1]\n  }\n}\n# c\n‸"
    path, _, texts = marked(tmp_path, text)
    one = opened(path, texts)
    assert one is not None
    assert sorted(folds(one)) == [(0, 1), (3, 10), (4, 6), (7, 9)]
