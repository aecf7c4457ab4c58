"""What looks like a special token and is none in this tokenizer is told of."""

from __future__ import annotations

import pytest
from data_project import Project, byte_tokenizer, chat, source

from smolc.runtime.data.tokenizer import spelt_out

ROLES = (
    "{% for m in messages %}{% if m.role == 'assistant' %}<|assistant|>{% generation %}{{ m.content }}<|im_end|>"
    "{% endgeneration %}{% else %}{{ '<|' + m.role + '|>' }}{{ m.content }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def test_a_template_of_another_tokenizer(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.write("chats.jsonl", [chat("question", "answer")])
    template = project.template("roles.jinja", ROLES)
    notes = project.run(source("chats.jsonl"), template=template).json("stats.json")["notes"]
    (note,) = (note for note in notes if "spells them out" in note)
    assert note.endswith("spells them out: <|user|> (5 tokens), <|assistant|> (13 tokens)")
    assert f"note: {note}" in capsys.readouterr().out


def test_what_the_tokenizer_has_is_not_told(project: Project) -> None:
    project.write("chats.jsonl", [chat("question", "answer")])
    assert not any(
        "spells them out" in note for note in project.run(source("chats.jsonl")).json("stats.json")["notes"]
    )


def test_many_are_not_all_named() -> None:
    tokenizer = byte_tokenizer()
    assert spelt_out(tokenizer, ["a <|im_end|> b <| c |> <||> x<|y"]) == []
    (note,) = spelt_out(tokenizer, ["".join(f"<|{i}|>" for i in range(10)), "<|0|>"])
    assert note.endswith("<|7|> (5 tokens) and 2 more")
