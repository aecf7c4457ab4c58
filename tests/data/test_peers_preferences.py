"""Preference rows as Axolotl's and LLaMA-Factory's own examples have them: from a recipe's text to rows that are trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from compiling import job, planned
from data_project import Dataset, Project
from pydantic import TypeAdapter, ValidationError

from smolc.compiler.plan import Plan
from smolc.compiler.render import files, write
from smolc.runtime.data.formats import Chat, Judged, Pair, converter
from smolc.runtime.data.prepare import run
from smolc.runtime.data.rows import RowError
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.manifest import read_job, read_manifest
from smolc.runtime.jobs.prepare import Format

RECIPE = """
recipe peers {{ about = "peers" }}
model base {{ scratch = llama(layers = 1, hidden = 16, heads = 2); tokenizer = bytes }}
template chat {{ builtin = chatml }}
dataset rows {{ path = "rows.jsonl"; format = {format} }}
stage it {{
  init = base
  method = {method}
  data = rows
  template = chat
  packing = none(length = 256)
  batch = 4seq
}}
"""


def recipe(folder: Path, method: str, format: str) -> Plan:
    return planned(folder, RECIPE.format(method=method, format=format))


def prepared(project: Project, method: str, format: str, rows: list[dict[str, Any]]) -> Dataset:
    """As `smolc build` and the data's job make them, with the project's tokenizer for the model's."""
    project.write("rows.jsonl", rows)
    folder = project.root / "compiled"
    write(folder, files(recipe(project.root, method, format), "..", "case.recipe"))
    shutil.copytree(project.build / "out", folder / "out")
    context = Context(folder, read_manifest(folder), read_job(folder, "it-data"))
    run(context)
    return Dataset(context.out)


def body(folder: Path, method: str, format: str) -> dict[str, Any]:
    said: dict[str, Any] = job(recipe(folder, method, format), "it-data").body["sources"][0]["format"]
    return said


def convert(folder: Path, method: str, format: str, row: dict[str, Any], system: str | None = None) -> Any:
    """One row, read as a recipe's `format` says."""
    typed: Any = TypeAdapter(Format).validate_python(body(folder, method, format))
    return converter(typed, system)(row)


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def share(role: str, value: str) -> dict[str, str]:
    return {"from": role, "value": value}


def turn(role: str, content: str) -> str:
    return f"<|im_start|>{role}\n{content}<|im_end|>\n"


ASKED, BEGINS = turn("user", "q"), "<|im_start|>assistant\n"
AXOLOTL = {
    "conversation": [said("user", "q")], "chosen": said("assistant", "good"), "rejected": said("assistant", "bad"),
}  # fmt: skip
FACTORY = {
    "conversations": [share("human", "q")], "chosen": share("gpt", "good"), "rejected": share("gpt", "bad"),
}  # fmt: skip
LISTS = {
    "chosen": [share("human", "q"), share("gpt", "good")], "rejected": [share("human", "q"), share("gpt", "bad")],
}  # fmt: skip
TALK = [said("user", "q"), said("assistant", "a"), said("user", "r"), said("assistant", "b")]
SYSTEM = {**FACTORY, "conversations": [share("system", "Be kind."), share("human", "q")]}
ODD = {
    "turns": [{"speaker": "human", "text": "q"}], "chosen": {"speaker": "gpt", "text": "good"}, "rejected": "bad",
}  # fmt: skip

# Method, format, a row; the prompt that is rendered. The answers are `good` and `bad`.
PAIRS = {
    "Axolotl's chat_template.default": ("dpo", 'preference(prompt = "conversation")', AXOLOTL, ASKED),
    "LLaMA-Factory's DPO demo": ("dpo", 'preference(prompt = "conversations")', FACTORY, ASKED),
    "with the names said": (
        "orpo", 'preference(prompt = "conversations", role = "from", content = "value")', FACTORY, ASKED,
    ),
    "with a system among its messages": (
        "simpo", 'preference(prompt = "conversations")', SYSTEM, turn("system", "Be kind.") + ASKED,
    ),
    "with a system in a column": (
        "dpo", 'preference(prompt = "conversations", system = "system")', {**FACTORY, "system": "Be kind."},
        turn("system", "Be kind.") + ASKED,
    ),
    "with an empty one": (
        "dpo", 'preference(prompt = "conversations", system = "system")', {**FACTORY, "system": ""}, ASKED,
    ),
    "ShareGPT's lists": ("dpo", 'preference(prompt = "")', LISTS, ASKED),
    "names of its own": ("cpo", 'preference(prompt = "turns", role = "speaker", content = "text")', ODD, ASKED),
}  # fmt: skip


@pytest.mark.parametrize("case", PAIRS)
def test_pairs_as_peers_write_them(project: Project, case: str) -> None:
    method, format, row, prompt = PAIRS[case]
    (made,) = prepared(project, method, format, [row]).rows()
    assert (made["prompt"], made["chosen"], made["rejected"]) == (
        prompt + BEGINS, "good<|im_end|>", "bad<|im_end|>",
    )  # fmt: skip


TALKED = turn("user", "q") + turn("assistant", "a") + turn("user", "r") + BEGINS
JUDGED = {
    "LLaMA-Factory's KTO demo": ('unpaired(prompt = "", completion = "messages")', {"messages": TALK}, TALKED),
    "ShareGPT's words": (
        'unpaired(prompt = "", completion = "messages")',
        {"messages": [share("human", "q"), share("gpt", "a"), share("human", "r"), share("gpt", "b")]},
        TALKED,
    ),
    "one message": (
        'unpaired(prompt = "asked", completion = "said", system = "system")',
        {"asked": [share("human", "q")], "said": said("assistant", "b"), "system": "Be kind."},
        turn("system", "Be kind.") + ASKED + BEGINS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", JUDGED)
def test_judged_answers_as_peers_write_them(project: Project, case: str) -> None:
    format, row, prompt = JUDGED[case]
    other = {**row, "label": False} | ({"asked": "other"} if "asked" in row else {})
    if "messages" in other:
        other["messages"] = [said("user", "other"), said("assistant", "b")]
    rows = prepared(project, "kto", format, [{**row, "label": True}, other]).rows()
    assert {(made["prompt"], made["completion"]) for made in rows if made["label"]} == {
        (prompt, "b<|im_end|>")
    }
    assert [made["completion"] for made in rows] == ["b<|im_end|>"] * 2


def test_a_message_is_read_in_the_spelling_that_it_has(tmp_path: Path) -> None:
    """A columnar file gives all messages of a column the keys of both."""
    format = 'preference(prompt = "p")'
    mixed = [
        {"role": None, "content": None, "from": "human", "value": "q"},
        {"role": "assistant", "content": "a", "from": None, "value": None},
        {"role": "human", "content": "r"},
    ]
    pair = convert(tmp_path, "dpo", format, {"p": mixed, "chosen": share("gpt", "good"), "rejected": "bad"})
    prompt = [said("user", "q"), said("assistant", "a"), said("user", "r")]
    assert pair == Pair(prompt, [said("assistant", "good")], [said("assistant", "bad")])
    asked = {"prompt": share("human", "q"), "completion": [share("gpt", "a")]}
    whole = [said("user", "q"), said("assistant", "a")]
    assert convert(tmp_path, "sft", "prompt_completion", asked) == Chat(whole, 1, None, {})


@pytest.mark.parametrize(
    ("method", "format", "row", "error"),
    [
        ("dpo", 'preference(prompt = "conversations", role = "speaker")', FACTORY,
         "expected a 'speaker' in chosen, found only 'from', 'value'; this is the ShareGPT form: say role = \"from\" and "
         'content = "value" of the format'),
        ("dpo", 'preference(prompt = "turns")', ODD,
         "expected a 'role' or 'from' in chosen, found only 'speaker', 'text'; say what the data calls the two: role = ... "
         "and content = ... of the format"),
        ("dpo", 'preference(prompt = "conversation")', {**AXOLOTL, "chosen": said("user", "good")},
         "expected 'chosen' to start with the assistant, or to repeat the prompt"),
        ("dpo", 'preference(prompt = "")', AXOLOTL,
         "expected a list of messages in 'chosen', the prompt first, since no column holds the prompt; found object"),
        ("dpo", 'preference(prompt = "conversations", system = "system")', {**SYSTEM, "system": "Be brief."},
         "expected one system prompt, found one in 'system' and another among the messages"),
        ("dpo", 'preference(prompt = "conversations", system = "system")', FACTORY, "expected a column 'system'"),
        ("dpo", 'preference(prompt = "conversations", system = "system")', {**FACTORY, "system": ["Be brief."]},
         "expected text in 'system', found list"),
        ("dpo", 'preference(prompt = "conversation")',
         {**AXOLOTL, "chosen": {**said("assistant", "good"), "train": False}},
         "expected all of the answer 'chosen' to be trained"),
        ("kto", 'unpaired(completion = "messages")', {"messages": TALK, "label": True},
         "expected the completion 'messages' to start with the assistant, found 'user': say prompt = \"\" if it holds the "
         "whole conversation"),
        ("kto", 'unpaired(prompt = "", completion = "messages")', {"messages": TALK[:3], "label": True},
         "expected the conversation in 'messages' to end with the assistant's answer, which is judged, found one of the "
         "user at its end"),
        ("kto", 'unpaired(prompt = "", completion = "messages")', {"messages": TALK[1:2], "label": True},
         "expected a message that the assistant answers in 'messages', found nothing before it"),
        ("kto", 'unpaired(prompt = "")', {"completion": "text", "label": True},
         "expected a list of messages in 'completion', the prompt first, since no column holds the prompt; found text"),
        ("kto", 'unpaired(prompt = "")',
         {"completion": [said("user", "q"), {**said("assistant", "a"), "weight": 0}], "label": True},
         "expected all of the answer 'completion' to be trained"),
        ("sft", 'messages("turns")', {"turns": [share("human", "q"), share("gpt", "a")]},
         "expected a 'role' in turns[0], found only 'from', 'value'; this is the ShareGPT form: say format = "
         'sharegpt("turns")'),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_read(
    tmp_path: Path, method: str, format: str, row: dict[str, Any], error: str
) -> None:
    with pytest.raises(RowError) as caught:
        convert(tmp_path, method, format, row)
    assert error in str(caught.value)


@pytest.mark.parametrize(
    ("method", "format", "row"),
    [
        ("dpo", 'preference(prompt = "conversations", role = "from", content = "value")', FACTORY),
        ("dpo", 'preference(prompt = "turns", role = "speaker", content = "text")', ODD),
        ("kto", 'unpaired(prompt = "", completion = "messages")', {"messages": TALK, "label": True}),
        ("sft", 'sharegpt("turns")', {"turns": [share("human", "q"), share("gpt", "a")]}),
    ],
)
def test_what_the_errors_advise_is_read(
    tmp_path: Path, method: str, format: str, row: dict[str, Any]
) -> None:
    assert isinstance(convert(tmp_path, method, format, row), (Pair, Judged, Chat))


def test_whole_conversations_with_earlier_turns_out_of_the_loss(tmp_path: Path) -> None:
    """What is judged is the last message; `train` of the others says nothing of it."""
    row = {"completion": [TALK[0], {**TALK[1], "train": False}, *TALK[2:]], "label": 1}
    judged = convert(tmp_path, "kto", 'unpaired(prompt = "")', row, "Be kind.")
    assert judged == Judged([said("system", "Be kind."), *TALK[:3]], TALK[3:], True)


ALPACA = {"instruction": "r", "input": "", "output": "b"}


@pytest.mark.parametrize("history", [[["q", "a"]], json.dumps([["q", "a"]])])
def test_alpacas_history_and_system(tmp_path: Path, history: Any) -> None:
    row = {**ALPACA, "system": "Be kind.", "history": history}
    read = 'alpaca(system = "system", history = "history")'
    assert convert(tmp_path, "sft", read, row).messages == [said("system", "Be kind."), *TALK]
    assert convert(tmp_path, "sft", read, row).prompt_turns == 4
    assert convert(tmp_path, "sft", 'alpaca(history = "history")', row).messages == TALK
    assert convert(tmp_path, "sft", "alpaca", row).messages == TALK[2:]


@pytest.mark.parametrize("empty", [[], None, ""])
def test_no_history_and_the_datasets_system(tmp_path: Path, empty: Any) -> None:
    row = {**ALPACA, "system": None, "history": empty}
    read = 'alpaca(system = "system", history = "history")'
    assert convert(tmp_path, "sft", read, row, "Be brief.").messages == [
        said("system", "Be brief."),
        *TALK[2:],
    ]


@pytest.mark.parametrize(
    ("history", "error"),
    [
        ("q", "expected a list of [question, answer] in 'history', found text 'q'"),
        ([["q"]], "expected history[0] to be [question, answer], two texts, found list ['q']"),
        ([["q", "a"], ["q", None]], "expected history[1] to be [question, answer], two texts"),
        ([["q", " "]], "expected a question and an answer in history[0], found an empty text"),
    ],
)
def test_histories_that_are_none(tmp_path: Path, history: Any, error: str) -> None:
    with pytest.raises(RowError) as caught:
        convert(tmp_path, "sft", 'alpaca(history = "history")', {**ALPACA, "history": history})
    assert error in str(caught.value)


def test_a_jobs_format_says_what_it_reads(tmp_path: Path) -> None:
    """Both spellings stand in job.yaml, and neither where the recipe names its own."""
    plain, share = {"role": "role", "content": "content"}, {"role": "from", "content": "value"}
    for format, method in (("preference", "dpo"), ("unpaired", "kto"), ("prompt_completion", "sft")):
        assert body(tmp_path, method, format)["spellings"] == [plain, share]
        own = body(tmp_path, method, f'{format}(role = "speaker")')
        assert own["spellings"] == [{"role": "speaker", "content": "content"}]
    assert body(tmp_path, "kto", 'unpaired(prompt = "")')["prompt"] is None


def test_a_job_without_spellings_is_refused(tmp_path: Path) -> None:
    format = body(tmp_path, "dpo", "preference")
    with pytest.raises(ValidationError, match="spellings"):
        TypeAdapter(Format).validate_python({**format, "spellings": []})


@pytest.mark.parametrize("system", ["", ', system = "system"'])
def test_a_system_that_nothing_reads_is_told(project: Project, system: str) -> None:
    format = f'preference(prompt = "conversations"{system})'
    made = prepared(project, "dpo", format, [{**FACTORY, "system": "Be kind."}])
    note = "rows: the column 'system' is not read; preference(system = \"system\") gives it to the template"
    assert (note in made.json("stats.json")["notes"]) == (not system)


def test_so_is_alpacas_history(project: Project) -> None:
    made = prepared(project, "sft", "alpaca", [{**ALPACA, "history": [["q", "a"]]}])
    note = "rows: the column 'history' is not read; alpaca(history = \"history\") gives it to the template"
    assert note in made.json("stats.json")["notes"]
