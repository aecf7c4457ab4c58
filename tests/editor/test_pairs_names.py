"""`generate` and `pairs` in the editor: what is offered where, and their names, everywhere or nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from marked import marked

from smolc.compiler.editor.complete import complete
from smolc.compiler.editor.rename import CannotRename, edited, rename

BASE = """recipe small { }
model base { scratch = llama(layers = 1, hidden = 16, heads = 2); tokenizer = bytes }
dataset chats { path = "chats.jsonl" }
template chat { builtin = chatml }
stage sft { init = base; method = sft; data = chats; template = chat }
generate strong { of = sft; prompts = chats }
generate weak { of = base; prompts = chats; samples = 2; decode = sample(max_new = 64) }
pairs taste { by = strength(chosen = strong, rejected = [weak, chats]) }
pairs other { by = exact(weak, problems = chats) }
mixture both { taste = all; other = take(10%) }
stage dpo { init = sft; method = dpo; data = both }
stage orpo { init = sft; method = orpo; data = taste }
mixture.both.other = take(20%)
generate.weak.samples = 4
"""

OFFERED = {
    "generate more { of = ‸ }": {"base", "sft"},
    "generate more { prompts = ‸ }": {"chats", "both"},
    "pairs more { by = exact(‸": {"strong", "weak", "chats"},
    "pairs more { by = ‸ }": {"strength(...)", "exact(...)", "tests(...)", "scorer(...)", "judge(...)"},
    "pairs more { by = judge(weak, model = ‸": {"base", "sft"},
    "stage more { data = ‸ }": {"chats", "both", "taste"},
    "mixture more { ‸ }": {"chats", "taste"},
    "generate more { ‸ }": {"of", "prompts", "samples", "decode", "checkpoint"},
}


@pytest.mark.parametrize("text", OFFERED)
def test_what_is_offered(text: str, tmp_path: Path) -> None:
    path, offset, texts = marked(tmp_path, BASE + text)
    labels = {item.label for item in complete(path, offset, texts)}
    assert labels >= OFFERED[text]


@pytest.mark.parametrize(
    ("name", "times"), [("taste", 3), ("other", 3), ("strong", 2), ("weak", 4), ("chats", 6)]
)
def test_a_name_is_changed_wherever_it_stands(name: str, times: int, tmp_path: Path) -> None:
    head, _, tail = BASE.partition(f" {name} {{")
    path, offset, texts = marked(tmp_path, f"{head} ‸{name} {{{tail}")
    [text] = edited(rename(path, offset, "new_name", texts, known=list(texts)), "new_name").values()
    assert text.count("new_name") == times
    assert text == re.sub(rf"(?<!\"){name}\b(?!=)", "new_name", BASE)


@pytest.mark.parametrize("taken", ["chats", "both", "sft", "base", "weak", "generate"])
def test_a_name_that_is_taken(taken: str, tmp_path: Path) -> None:
    head, _, tail = BASE.partition(" taste {")
    path, offset, texts = marked(tmp_path, f"{head} ‸taste {{{tail}")
    with pytest.raises(CannotRename):
        rename(path, offset, taken, texts)
