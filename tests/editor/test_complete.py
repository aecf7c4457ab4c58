"""Completion, by texts with a cursor in them. What stands around it is whole, broken, or not there yet."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from around import HEAD
from hypothesis import given
from hypothesis import strategies as st
from marked import MARK, marked

from smolc.compiler.diagnostics import Source
from smolc.compiler.editor.complete import complete
from smolc.compiler.editor.items import Item
from smolc.compiler.lint.discover import all_rules
from smolc.compiler.model.methods import DPO_LOSSES
from smolc.compiler.reference.catalogue import catalogue
from smolc.compiler.syntax.lex import lex

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.recipe"))
STAGE = [key.name for key in catalogue()["stage"].keys]
OPTIM = ["lr", "weight_decay", "clip", "beta1", "beta2", "eps"]


def items(folder: Path, text: str, **others: str) -> list[Item]:
    path, offset, texts = marked(folder, text, **others)
    return complete(path, offset, texts)


def labels(folder: Path, text: str, **others: str) -> list[str]:
    return [item.label for item in items(folder, text, **others)]


EXACT = {
    # the top
    "stage ‸": [],
    "st‸": [*catalogue()],
    "stage.‸": ["sft"],
    "stage.sft.‸": STAGE,
    "stage.sft.optim.‸": OPTIM,
    "sft.optim.‸ = 1": OPTIM,
    "sft.optim.we‸": OPTIM,
    # keys that are not there yet
    "stage dpo {\n  ‸": [*STAGE, "sweep"],
    "stage dpo {\n  init = base\n  ‸\n}": [*STAGE[1:], "sweep"],
    "stage dpo {\n  init = base; method = dpo; ‸ }": [*STAGE[2:], "sweep"],
    "stage dpo {\n  optim.‸": OPTIM,
    "cluster c { gp‸ }": [key.name for key in catalogue()["cluster"].keys],
    # references of the right kind
    "stage dpo {\n  init = ‸\n}": ["base", "sft", "sft.best"],
    "stage dpo {\n  init = sft.‸\n}": ["best"],
    "stage dpo {\n  init = sft.be‸\n}": ["best"],
    "stage dpo {\n  init = base.‸\n}": [],
    "stage dpo {\n  data = ‸": ["chats", "pairs", "talk"],
    "stage dpo {\n  template = ‸": ["chat"],
    "stage dpo {\n  method = dpo(reference = ‸": ["base", "sft", "sft.best"],
    "eval e {\n  of = [base, ‸": ["base", "sft", "sft.best"],
    "eval e {\n  task w { data = ‸": ["chats", "pairs"],
    # constructors and their arguments
    "stage dpo {\n  adapter = ‸": ["full", "lora", "lora(...)", "qlora", "qlora(...)"],
    "stage dpo {\n  optim = adamw(‸": OPTIM,
    "stage dpo {\n  optim = adamw(lr = 1e-5, ‸)\n}": OPTIM[1:],
    "stage dpo {\n  optim = adamw(\n    lr = 1e-5,\n    ‸\n  )\n}": OPTIM[1:],
    "stage dpo {\n  optim = adamw(lr = 1e-5, ‸\n  data = x\n}": OPTIM[1:],
    "stage dpo {\n  optim = sgd(‸": ["lr", "weight_decay", "clip"],
    "dataset d { format = alpaca(‸": ["instruction", "input", "output", "system", "history"],
    "model m { scratch = llama(layers = 2, ‸": ["hidden", "heads", "kv_heads", "intermediate", "context"],
    "mixture m { chats = ‸": ["all", "all(...)", "take(...)", "share(...)"],
    'mixture m {\n  from chats {\n    "a" = ‸': ["all", "all(...)", "take(...)", "share(...)"],
    # words of choices
    "dataset d { role = ‸": ["train", "validation", "test"],
    "stage d {\n  checkpointing = ‸\n}": ["auto", "true", "false"],
    "stage d { method = dpo(loss = ‸": list(DPO_LOSSES),
    "stage d { method = dpo(loss = [apo_zero, ‸": list(DPO_LOSSES),
    # numbers with units
    "stage d { batch = 64‸": ["64seq", "64tok", "64Kitok", "64Mitok", "64Gitok"],
    "stage d { schedule = cosine(warmup = 3‸": ["3step", "3%"],
    "cluster c { memory = 80‸": ["80GiB"],
    "cluster c { gpus = 8‸": [],
    # lines whose keys are names
    "mixture m { ‸": ["chats", "pairs", "basis", "budget", "holdout", "dedup", "decontaminate", "from"],
    "mixture m {\n  chats = all\n  ‸": ["pairs", "basis", "budget", "holdout", "dedup", "decontaminate", "from"],
    "mixture m { from ‸": ["chats", "pairs"],
    "stage d {\n  sweep {\n    optim.‸": OPTIM,
    "stage d {\n  sweep {\n    pick = max(‸": ["eval_loss", "ifeval", "words", "words_loss", "metric"],
    "eval e { tasks = [gsm8k]\n  expect { ‸": ["base", "sft"],
    "eval e { tasks = [gsm8k, ifeval(avg = 4)]\n  task w { }\n  expect { sft.‸": ["gsm8k", "ifeval", "w"],
    "eval e { tasks = [gsm8k]\n  expect { sft.gsm8k >= base.‸": ["gsm8k"],
    "eval e { tasks = [gsm8k]\n  expect { sft.gsm8k >= ‸": ["base", "sft"],
    # after an earlier mistake, on another line
    'model m {\n  hub = "unclosed\n  dtype = ‸\n}': ["bf16", "fp16", "fp32"],
    "stage d {\n  optim = adamw(lr = 1\n  template = ‸\n}": ["chat"],
    "stage d {\n  of = [a, b\n  template = ‸\n}": ["chat"],
    "stage d {\n  init = base\n\nstage e {\n  template = ‸": ["chat"],
    "stage d {\n  init == @ ]\n  template = ‸": ["chat"],
    # nothing where nothing can be known, or all is said
    "stage d { init = base ‸": [],
    "dataset d { where { ‸": [],
    "dataset d { where { good == ‸": ["true", "false"],
    "dataset d { where = ‸": ["length", "trained", "turns", "not"],
    "dataset d { where = length < 8Ki and ‸": ["length", "trained", "turns", "not"],
    "dataset d { where = (length < 8Ki ‸": ["and", "or"],
    "dataset d { where = lang ‸": ["and", "or", "in", "not in"],
    "dataset d { where = lang == ‸": ["true", "false"],
    "stage d { nonsense = ‸": [],
    "nonsense { ‸": [],
    'stage d { init = "‸': [],
    "# stage ‸": [],
    "# lint: allow(a) -- ‸": [],
}  # fmt: skip


@pytest.mark.parametrize("text", EXACT)
def test_what_is_offered(text: str, tmp_path: Path) -> None:
    assert labels(tmp_path, HEAD + text) == EXACT[text]


@pytest.mark.parametrize("file", RECIPES, ids=lambda p: p.stem)
def test_every_word_of_the_recipes_is_offered_where_it_stands(file: Path) -> None:
    """But the names that an author gives: labels, and columns in `where`."""
    text = file.read_text(encoding="utf-8")
    tokens, _ = lex(Source("", text))
    not_offered = set()
    for before, token in pairwise(tokens):
        if token.type != "NAME" or before.type == "NAME":
            continue
        found = complete(file, token.start, {file: text[: token.start] + text[token.end :]})
        offered = {part for item in found for part in (item.label, item.label.split(".")[0])}
        if not offered & {str(token), f"{token}(...)"}:
            not_offered.add(str(token))
    assert not_offered <= {"is_correct"}


def test_an_empty_file_starts_with_an_edition_and_a_parent(tmp_path: Path) -> None:
    assert labels(tmp_path, "‸") == [*catalogue(), "smolc 1", "extends"]
    assert labels(tmp_path, 'extends "base.recipe"\n‸', base=HEAD) == [*catalogue(), "drop"]


def test_what_parents_declare(tmp_path: Path) -> None:
    child = 'extends "base.recipe"\n'
    assert labels(tmp_path, child + "stage ‸", base=HEAD) == ["sft"]
    assert labels(tmp_path, child + "stage dpo { init = ‸", base=HEAD) == ["base", "sft", "sft.best"]
    assert labels(tmp_path, child + "drop ‸", base=HEAD)[:2] == ["recipe", "model"]
    assert labels(tmp_path, child + "drop dataset ‸", base=HEAD) == ["chats", "pairs"]
    assert labels(tmp_path, child + "mixture talk { drop key ‸", base=HEAD) == ["chats"]
    assert "of base.recipe" in items(tmp_path, child + "stage dpo { template = ‸", base=HEAD)[0].detail


def test_rules_in_a_suppression(tmp_path: Path) -> None:
    names = [one.rule.name for one in all_rules()]
    assert labels(tmp_path, "# lint: allow(‸") == names
    assert labels(tmp_path, "model m { } # lint: allow(unused-data, ‸") == names
    (rule,) = (i for i in items(tmp_path, "# lint: allow(unused-d‸)") if i.label == "unused-data")
    assert (rule.start, rule.end) == (14, 22)
    (whole,) = items(tmp_path, "# lin‸")
    assert (whole.start, whole.end, whole.snippet) == (2, 5, True)


def test_files(tmp_path: Path) -> None:
    for name in ("base.recipe", "data.jsonl", "more/rows.jsonl", ".hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert labels(tmp_path, 'extends "‸"') == ["base.recipe", "more/"]
    assert labels(tmp_path, 'dataset d { path = "‸') == ["base.recipe", "data.jsonl", "more/"]
    assert labels(tmp_path, 'dataset d { path = ["a", "more/r‸"] }') == ["rows.jsonl"]
    assert labels(tmp_path, 'dataset d { path = "nowhere/‸') == []


def test_what_is_written_replaces_the_word(tmp_path: Path) -> None:
    found = items(tmp_path, HEAD + "stage d { init = ba‸")
    assert {(i.start, i.end) for i in found} == {(len(HEAD) + 17, len(HEAD) + 19)}
    (number, *_) = items(tmp_path, HEAD + "stage d { batch = 6‸4 }")
    assert (number.insert, number.start, number.end) == ("64seq", len(HEAD) + 18, len(HEAD) + 20)


def test_an_equals_sign_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    inserted = {i.label: i.insert for i in items(tmp_path, HEAD + "stage d { in‸ = base }")}
    assert inserted["init"] == "init"
    inserted = {i.label: i.insert for i in items(tmp_path, HEAD + "stage d { in‸")}
    assert inserted["init"] == "init = "


def test_blocks_come_with_what_they_need(tmp_path: Path) -> None:
    stage = next(i for i in items(tmp_path, "‸") if i.label == "stage")
    assert stage.snippet
    assert stage.insert == "stage ${1:name} {\n  init   = ${2}\n  method = ${3}\n  data   = ${4}\n  $0\n}"


@given(st.integers(0, len(HEAD)), st.integers(0, 12), st.text(alphabet='a={}[]()".,#\n 1K', max_size=6))
def test_any_place_of_any_text_has_an_answer(at: int, cut: int, junk: str) -> None:
    text = HEAD[:at] + junk + MARK + HEAD[at + cut :]
    path, offset, texts = marked(Path("/nowhere"), text)
    for item in complete(path, offset, texts):
        assert item.start is not None and item.end is not None
        assert item.start <= offset <= item.end
