"""Renaming: everywhere or nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from marked import marked

from smolc.compiler.cli.common import compile_recipe
from smolc.compiler.diagnostics import Severity
from smolc.compiler.editor.rename import CannotRename, edited, renamable, rename

BASE = """recipe small { }
model base { scratch = llama(layers = 1, hidden = 16, heads = 2); tokenizer = bytes }
dataset chats { path = "chats.jsonl" }
dataset hubbed { hub = "a/b" }
dataset test { path = "test.jsonl"; role = test }
mixture talk {
  chats = take(50%)
  from hubbed { "train" = take(50%) }
  holdout = 10%
}
template chat { builtin = chatml }
stage sft {
  init = base
  method = sft
  data = talk
  template = chat
  sweep {
    data = [talk, chats]
    pick = max(words)
  }
}
stage dpo { init = sft.best; method = sft; data = talk }
eval final {
  of = [base, sft, dpo]
  task words { data = test }
  expect {
    sft.words >= base.words + 1%
    dpo.words >= sft.words
  }
}
sft.length = 2epoch
stage.dpo.length = 1epoch
eval.final.task.words.subset = 100
mixture.talk.chats = take(20%)
"""


def errors(path: Path, texts: dict[Path, str]) -> list[str]:
    found = compile_recipe(str(path), texts=texts).found
    return sorted(d.name for d in found if d.severity is Severity.ERROR)


def renamed(folder: Path, text: str, new: str, **others: str) -> dict[str, str]:
    path, offset, texts = marked(folder, text, **others)
    touched = rename(path, offset, new, texts, known=list(texts))
    return {path.stem: text for path, text in edited(touched, new).items()}


@pytest.mark.parametrize(
    ("name", "new", "count"),
    [("sft", "first", 6), ("dpo", "second", 4), ("base", "start", 4), ("chats", "rows", 4), ("hubbed", "hub", 2),
     ("talk", "all_of_it", 5), ("chat", "format", 2), ("final", "last", 2), ("words", "reversed", 7), ("test", "t", 2)],
)  # fmt: skip
def test_every_mention_is_renamed_and_the_recipe_stays_as_good(
    name: str, new: str, count: int, tmp_path: Path
) -> None:
    """From its declaration; nothing of the old name is left but what is another thing."""
    kind = {"words": "task"}.get(name, "")
    place = next(at for at in (BASE.find(f"{k} {name} {{") for k in ([kind] if kind else _KINDS)) if at >= 0)
    at = BASE.index(name, BASE.index(" ", place))
    (text,) = renamed(tmp_path, BASE[:at] + "‸" + BASE[at:], new).values()
    assert len(text) - len(BASE) == count * (len(new) - len(name))
    path = (tmp_path / "case.recipe").resolve()
    assert errors(path, {path: text}) == errors(path, {path: BASE})
    # And back again.
    at = text.index(new, text.index(" ", place))
    (back,) = renamed(tmp_path, text[:at] + "‸" + text[at:], name).values()
    assert back == BASE


_KINDS = ("model", "dataset", "mixture", "template", "stage", "eval")


def test_from_a_mention(tmp_path: Path) -> None:
    (text,) = renamed(tmp_path, BASE.replace("init = sft.best", "init = s‸ft.best"), "first").values()
    assert "init = first.best" in text and "stage first {" in text and "method = sft" in text


def test_parents_and_their_other_children(tmp_path: Path) -> None:
    child = 'extends "base.recipe"\nstage more { init = s‸ft.best; method = sft; data = talk }\n'
    other = 'extends "base.recipe"\nstage sft { length = 3epoch }\n'
    made = renamed(tmp_path, child, "first", base=BASE, other=other, stranger=BASE)
    assert set(made) == {"case", "base", "other"}
    assert made["other"] == other.replace("stage sft", "stage first")
    assert "init = first.best" in made["case"] and "stage first {" in made["base"]


@pytest.mark.parametrize(
    ("text", "new", "why"),
    [
        (BASE.replace("stage sft", "stage s‸ft"), "base", "there is a model `base` already"),
        (BASE.replace("stage sft", "stage s‸ft"), "final", "there is a eval `final` already"),
        (BASE.replace("dataset chats", "dataset ch‸ats"), "talk", "there is a mixture `talk` already"),
        (BASE.replace("stage sft", "stage s‸ft"), "a-b", "is no name"),
        (BASE.replace("stage sft", "stage s‸ft"), "1st", "is no name"),
        (BASE.replace("stage sft", "stage s‸ft"), "", "is no name"),
        (BASE.replace("stage sft", "stage s‸ft"), "stage", "has a meaning of its own"),
        (BASE.replace("stage sft", "stage s‸ft"), "report", "has a meaning of its own"),
        (BASE.replace("task words", "task w‸ords"), "ifeval", "is a task of the suite"),
        (BASE.replace("method = sft\n", "me‸thod = sft\n"), "way", "only names of blocks"),
        (BASE.replace("init = base", "init = nob‸ody"), "x", "not declared"),
        (BASE.replace("  task words", "  tasks = [ifeval]\n  task words").replace("dpo.words >=", "dpo.if‸eval >="), "x",
         "a task of the suite"),
        (BASE.replace("stage sft", "stage s‸ft") + "stage x { init = = 2 }", "first", "has a mistake in line 35"),
        (BASE.replace("stage sft", "stage s‸ft") + "stage x { init = first }", "first", "is spoken of in line 35"),
    ],
)  # fmt: skip
def test_what_is_refused_and_why(text: str, new: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(CannotRename, match=why):
        renamed(tmp_path, text, new)


def test_a_parent_outside_of_the_open_folder_is_left_alone(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "base.recipe").write_text(BASE)
    path, offset, texts = marked(inside, 'extends "../base.recipe"\nstage s‸ft { length = 3epoch }\n')
    with pytest.raises(CannotRename, match="outside of the open folder"):
        rename(path, offset, "first", texts, folders=[inside.resolve()])
    assert rename(path, offset, "first", texts, folders=[tmp_path.resolve()])


def test_where_it_can_be_asked_for(tmp_path: Path) -> None:
    path, offset, texts = marked(tmp_path, BASE.replace("init = sft.best", "init = sf‸t.best"))
    assert renamable(path, offset, texts).text == "sft"
    path, offset, texts = marked(tmp_path, BASE.replace("init = sft.best", "init = sft.be‸st"))
    with pytest.raises(CannotRename):
        renamable(path, offset, texts)


def test_the_same_name_changes_nothing(tmp_path: Path) -> None:
    assert renamed(tmp_path, BASE.replace("stage sft", "stage s‸ft"), "sft") == {}
