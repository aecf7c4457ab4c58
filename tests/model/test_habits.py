"""Every help for a name of another tool that says `write ...` or `leave it out` is done, and the recipe compiles.

For each name, the values that its users give it, in stages of several methods: the name is put where they would write
it, and what the help claims is written instead.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smolc.compiler.diagnostics import Diagnostic
from smolc.compiler.diagnostics.render import render_full
from smolc.compiler.model.build import build
from smolc.compiler.model.habits.place import constructors
from smolc.compiler.model.habits.table import OURS, TABLE
from smolc.compiler.model.methods import DPO_LOSSES
from smolc.compiler.resolve import resolve

BLOCKS = {
    "recipe": ['about = "sample"'],
    "model": ['hub = "some/model"'],
    "dataset": ['hub = "some/chats"'],
    "mixture": ["chats = all"],
    "stage": ["init = base", "template = chat"],
    "merge": ["of = [start, base]"],
}
"""The lines of each block that a name of another tool may stand in."""

VALUES = (
    "true",
    "false",
    "0",
    "0.1",
    "1",
    "4",
    "2048",
    "-1",
    "none",
    '"none"',
    "auto",
    "base",
    '"x"',
    "[a, b]",
)
PREFERENCES = ("dpo", "orpo", "cpo", "simpo", "kto")
WORDS = (
    "ipo", "ppo", "grpo", "simpo", "orpo", "kto_pair", "exo_pair", "apo", "bco", "rm", "pt", "adamw_torch",
    "paged_adamw_8bit", "cosine_with_min_lr", "linear", "constant_with_warmup", "dora", "qlora", "zero3", "zero2_offload",
    "fsdp", "bfloat16", "float32", "fa2", "flash_attention", "bfd", "aot_pair", "dft", "nonsense",
)  # fmt: skip
METHODS = ("cpt", "sft", *PREFERENCES)
CLAIM = re.compile(
    r"\bwrite ((?:`[^`]+`(?: and )?)+)(?: in (?:a|the) `(\w+)`| (for) a dataset in the `mixture`)?"
)


def recipe(lines: dict[str, list[str]]) -> str:
    """A recipe whose stage reads data that fits its method."""
    method = next((line for line in reversed(lines["stage"]) if line.startswith("method")), "")
    word = re.findall(r"\w+", method)[1:2]
    data = "pairs" if word and word[0] in PREFERENCES else "plain" if word == ["cpt"] else "talk"
    own = [f"data = {data}"] if not any(line.startswith("data ") for line in lines["stage"]) else []
    bodies = {kind: "\n".join([*body, *(own if kind == "stage" else [])]) for kind, body in lines.items()}
    heads = {
        "recipe": "recipe sample", "model": "model start", "dataset": "dataset chats", "mixture": "mixture talk",
        "stage": "stage it", "merge": "merge both",
    }  # fmt: skip
    text = "\n".join(f"{head} {{\n{bodies[kind]}\n}}" for kind, head in heads.items())
    return text + (
        '\nmodel base { hub = "a/b" }\ndataset pairs { path = "p.jsonl"; format = preference }\n'
        'dataset plain { path = "t.jsonl"; format = text }\ntemplate chat { builtin = chatml }\n'
    )


def compiled(text: str, folder: Path) -> list[Diagnostic]:
    file = folder / "case.recipe"
    file.write_text(text, encoding="utf-8")
    resolved, found = resolve(file)
    assert resolved is not None, render_full(found)
    return [*found, *build(resolved)[1]]


def without(lines: list[str], key: str) -> list[str]:
    return [line for line in lines if line.split(" = ")[0] != key]


def put(lines: dict[str, list[str]], block: str, line: str) -> dict[str, list[str]]:
    """Instead of what the block says of the same key; of `hub` and `path` it has one."""
    key = line.split(" = ")[0]
    rest = without(lines[block], key)
    other = {"hub": "path", "path": "hub"}.get(key, "")
    return {**lines, block: [*without(rest, other), line]}


def check(help: str, lines: dict[str, list[str]], block: str, within: str, folder: Path) -> None:
    """Does as the help says, if it claims that something can be written or left out.

    lines: the recipe without the mistake. block: where that was; within: the key whose constructor had it.
    """
    claim = CLAIM.search(help)
    if claim is None:
        assert "write `" not in help, help
        if not help.startswith("leave it out: "):
            return
    elif "..." in claim[1]:
        return
    else:
        for line in re.findall(r"`([^`]+)`", claim[1]):
            if claim[3]:
                lines = put(lines, "mixture", f"chats = {line}")
            elif within and not re.match(r"\w+ = ", line):
                lines = put(lines, "stage", f"{within} = {line}")
            else:
                lines = put(lines, claim[2] or block, line)
    text = recipe(lines)
    found = compiled(text, folder)
    assert found == [], f"{help}\n{text}\n{render_full(found)}"


def start(method: str) -> dict[str, list[str]]:
    return {**BLOCKS, "stage": [*BLOCKS["stage"], f"method = {method}"]}


def helps(lines: dict[str, list[str]], name: str, folder: Path) -> list[str]:
    """Of the mistakes that have the name at their place."""
    found = compiled(recipe(lines), folder)
    return [d.help or "" for d in found if d.span is not None and d.span.text == name and d.code != "C025"]


def written(name: str) -> str:
    return f"{name}something" if name.endswith("_") else name


@pytest.mark.parametrize("name", TABLE)
def test_a_key_is_answered_with_what_compiles(name: str, tmp_path: Path) -> None:
    entry, key = TABLE[name], written(name)
    answers = []
    of_data = "dataset" in name
    for method in ("sft",) if of_data else METHODS:
        lines = start(method)
        for value in (entry.example, *(("true", '"x"') if of_data else VALUES)):
            for block in {"stage", entry.block}:
                for help in helps(put(lines, block, f"{key} = {value}"), key, tmp_path):
                    check(help, lines, block, "", tmp_path)
                    answers.append(help)
    assert answers or name in ("trust_remote_code", "seed"), "a key of ours"
    assert not [help for help in answers if "did you mean" in help or "it has" in help]


@pytest.mark.slow
@pytest.mark.parametrize("key", ["method", "optim", "schedule", "adapter", "packing", "parallel"])
def test_an_argument_is_answered_with_what_compiles(key: str, tmp_path: Path) -> None:
    for word, variant in constructors(key).items():
        lines = start(word if key == "method" else "cpt" if word == "wrapped" else "sft")
        for name, entry in TABLE.items():
            argument = written(name)
            if argument in variant.model_fields or entry.block != "stage":
                continue
            for value in (entry.example, "0.5"):
                needed = "stage = 2, " if word == "zero" else ""
                mistaken = put(lines, "stage", f"{key} = {word}({needed}{argument} = {value})")
                right = put(lines, "stage", f"{key} = {word}({needed[:-2]})")
                for help in helps(mistaken, argument, tmp_path):
                    if f"`{key} = " not in help and ("`method = " in help or "`data = " in help):
                        continue  # of a stage that trains something else
                    check(help, right, "stage", key, tmp_path)


@pytest.mark.parametrize("name", OURS)
def test_a_word_is_answered_with_what_compiles(name: str, tmp_path: Path) -> None:
    block = "model" if name in ("dtype", "attention") else "stage"
    for method in METHODS:
        lines = start(method)
        for value in (*WORDS, "true", "false", '"none"'):
            for help in helps(put(lines, block, f"{name} = {value}"), value, tmp_path):
                check(help, lines, block, "", tmp_path)


@pytest.mark.parametrize("method", ["sft", "dpo", "cpo", "kto"])
def test_a_loss_is_answered_with_what_compiles(method: str, tmp_path: Path) -> None:
    for value in (*WORDS, *DPO_LOSSES, '"sigmoid"'):
        lines = put(start(method), "stage", f"method = {method}(loss = {value})")
        for help in helps(lines, value, tmp_path):
            check(help, start(method), "stage", "method", tmp_path)


def test_several_names_make_one_constructor(tmp_path: Path) -> None:
    names = [
        "learning_rate = 2e-5",
        "weight_decay = 0.01",
        "max_length = 2048",
        "packing = true",
        "min_lr = 2e-6",
    ]
    lines = start("sft")
    wrong = {**lines, "stage": [*lines["stage"], *names]}
    optim = "write `optim = adamw(lr = 2e-5, weight_decay = 0.01)`"
    assert helps(wrong, "learning_rate", tmp_path) == [optim]
    assert helps(wrong, "weight_decay", tmp_path) == [optim]
    assert helps(wrong, "min_lr", tmp_path) == ["write `schedule = cosine(floor = 10%)`"]
    packing = "write `packing = best_fit(length = 2Ki)`"
    assert helps(wrong, "true", tmp_path) == [packing]
    assert [help.split(";")[0] for help in helps(wrong, "max_length", tmp_path)] == [packing]
