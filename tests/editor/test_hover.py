"""Hover texts: what a word means where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from around import HEAD
from marked import MARK, marked

from smolc.compiler.editor.hover import hover

CASES = [
    # the text, the word it is about, what is said
    ("st‸age d { }", "stage", ["**stage NAME**", "- needs: `init`, `method`, `data`", "`sweep`"]),
    ("stage d { sw‸eep { } }", "sweep", ["A grid beside the stage's own values", "`pick`"]),
    ("stage d‸po { }", "dpo", ["**stage dpo**", "Nothing names it"]),
    ("stage d { len‸gth = 3epoch }", "length", ["How long it trains", "default: `1epoch`", "epoch, step, tok", "above 0"]),
    ("stage d { batch = 64Ki‸tok }", "64Kitok", ["`64Kitok` = 65,536 tokens", "per optimiser step"]),
    ("stage d { packing = none(length = ‸64Ki) }", "64Ki", ["`64Ki` = 65,536"]),
    ("mixture m { chats = share(1‸0%) }", "10%", ["`10%` = 0.1", "How much of the mixture"]),
    ("cluster c { memory = 80G‸iB }", "80GiB", ["85,899,345,920 bytes"]),
    ("stage d { optim = adam‸w(lr = 2e-5) }", "adamw", ["**adamw**", "- `beta2` = `0.999`"]),
    ("stage d { optim = adamw(l‸r = 2e-5) }", "lr", ["Peak learning rate", "above 0, at most 1"]),
    ("stage d { method = dpo(beta‸ = 0.1) }", "beta", ["Higher stays closer to the reference"]),
    ("stage d { method = orpo(beta‸ = 0.1) }", "beta", ["odds-ratio"]),
    ("stage d { optim = adamw(lr = 2e‸-5) }", "2e-5", ["`2e-5` = 0.00002"]),
    ("stage d { method = sft(loss_on = assist‸ant) }", "assistant", ["**loss_on**", "IFEval +4.5"]),
    ("stage d { init = sf‸t.best }", "sft", ["```smolc\nstage sft {", "optim.lr = [1e-5, 3e-5]"]),
    ("stage d { init = sft.be‸st }", "best", ["winner of the stage's grid"]),
    ("stage d { sweep { op‸tim.lr = [1] } }", "optim", ["The optimiser"]),
    ("stage d { sweep { optim.l‸r = [1] } }", "lr", ["Peak learning rate"]),
    ("stage sft.optim.l‸r = 3", "lr", ["Peak learning rate"]),
    ("mixture m { cha‸ts = all }", "chats", ['dataset chats { path = "chats.jsonl" }']),
    ("mixture m { from cha‸ts { } }", "chats", ['dataset chats { path = "chats.jsonl" }']),
    ("mixture m { chats = ta‸ke(50%) }", "take", ["Part of the *source*"]),
    ("dr‸op stage sft", "drop", ["Takes out what the parent declares"]),
    ("eval e { tasks = [ife‸val] }", "ifeval", ["541 prompts"]),
    ("eval e { expect { sft.ife‸val >= 3% } }", "ifeval", ["541 prompts"]),
    ("eval e { expect { sft.ifeval >= 3‸% } }", "3%", ["0.03"]),
    ("eval e { expect { s‸ft.ifeval >= 3% } }", "sft", ["stage sft {"]),
    ('model m { hub = "a‸/b" }', '"a/b"', ["Hub id"]),
    ("# lint: allow(unpinned-rev‸ision) -- x", "unpinned-revision", ["R701", "Why is this bad"]),
    # half written
    ("stage d {\n  optim = adamw(l‸r = \n", "lr", ["Peak learning rate"]),
    ("stage d {\n  len‸gth", "length", ["How long it trains"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "word", "said"), CASES, ids=[case[0] for case in CASES])
def test_what_is_said(text: str, word: str, said: list[str], tmp_path: Path) -> None:
    text = text.replace("stage sft.", "sft.")
    path, offset, texts = marked(tmp_path, HEAD + text)
    found = hover(path, offset, texts)
    assert found is not None
    assert texts[path][found.start : found.end] == word
    for part in said:
        assert part in found.markdown


@pytest.mark.parametrize(
    "text", ["‸", "stage d ‸{ }", "# a com‸ment", "stage d { nons‸ense = 1 }", "d‸", "7‸7", "= = ‸="]
)
def test_nothing_is_said_where_nothing_is_known(text: str, tmp_path: Path) -> None:
    path, offset, texts = marked(tmp_path, text)
    assert hover(path, offset, texts) is None


def test_a_block_of_a_parent_is_shown_with_its_file(tmp_path: Path) -> None:
    text = 'extends "base.recipe"\nstage d { init = sf‸t }\nstage sft { length = 2epoch }'
    path, offset, texts = marked(tmp_path, text, base=HEAD)
    found = hover(path, offset, texts)
    assert found is not None and "stage sft { length = 2epoch }" in found.markdown
    path, offset, texts = marked(tmp_path, 'extends "base.recipe"\nstage d { init = ba‸se }', base=HEAD)
    found = hover(path, offset, texts)
    assert found is not None and "In `base.recipe`, line 2." in found.markdown
    path, offset, texts = marked(tmp_path, 'extends "base.recipe"\nstage sf‸t { }', base=HEAD)
    found = hover(path, offset, texts)
    assert found is not None and "Extends the one in `base.recipe`." in found.markdown


def test_a_long_block_is_cut_and_secrets_are_covered(tmp_path: Path) -> None:
    keys = "\n".join(f"  key{number} = 1" for number in range(30))
    secret = "hf_" + "Ab1" * 12
    text = f'model m {{\n  hub = "{secret}"\n{keys}\n}}\nstage s {{ init = m{MARK} }}'
    path, offset, texts = marked(tmp_path, text)
    found = hover(path, offset, texts)
    assert found is not None
    assert secret not in found.markdown and "key29" not in found.markdown and "  ...\n}" in found.markdown


def test_every_place_of_a_recipe_has_an_answer_or_none(tmp_path: Path) -> None:
    path, _, texts = marked(tmp_path, HEAD + MARK)
    answers = [hover(path, offset, texts) for offset in range(0, len(HEAD) + 1, 3)]
    for offset, found in zip(range(0, len(HEAD) + 1, 3), answers, strict=True):
        assert found is None or (found.start <= offset <= found.end and found.markdown)
    assert sum(found is not None for found in answers) > len(answers) // 3
