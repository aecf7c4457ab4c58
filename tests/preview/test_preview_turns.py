"""Turns are found in the renderings of all shipped templates."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smolc.runtime.data.template import ChatTemplate
from smolc.runtime.preview.turns import turn_starts

CHAT = Path(__file__).parents[2] / "templates" / "chat"
NAMES = sorted(path.stem for path in CHAT.glob("*.jinja"))
SPECIAL = re.compile(r"<\|[a-z_]+\|>|</?s>|<(?:start|end)_of_turn>|<bos>|\[/?INST\]")
TALK = [
    {"role": "user", "content": "What is one and one?"},
    {"role": "assistant", "content": "Two."},
    {"role": "user", "content": "And two and two?"},
    {"role": "assistant", "content": "Four."},
]


@pytest.mark.parametrize("name", NAMES)
def test_turns(name: str) -> None:
    source = (CHAT / f"{name}.jinja").read_text(encoding="utf-8")
    variables = {"bos_token": "<s>", "eos_token": "</s>", "today": "2025-06-30", "date_string": "30 Jun 2025"}
    template = ChatTemplate(name, source, variables)
    text, _ = template.render(TALK, None, {})
    starts = turn_starts(template, TALK, text, SPECIAL)
    roles = [role for _, role in starts if role != "template"]
    assert roles == ["user", "assistant", "user", "assistant"]
    places = [place for place, _ in starts]
    assert places[0] == 0 and places == sorted(set(places))
    stops = [*places[1:], len(text)]
    said = [text[a:b] for (a, role), b in zip(starts, stops, strict=True) if role != "template"]
    for turn, message in zip(said, TALK, strict=True):
        assert message["content"] in turn


def test_a_template_that_renders_earlier_turns_otherwise() -> None:
    source = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n"
        "{% if loop.last %}[last] {% endif %}{{ m.content }}<|im_end|>\n{% endfor %}"
    )
    template = ChatTemplate("odd", source, {})
    text, _ = template.render(TALK, None, {})
    starts = turn_starts(template, TALK, text, SPECIAL)
    assert [text[place:].split("\n")[0] for place, _ in starts] == [
        f"<|im_start|>{role}" for role in ("user", "assistant", "user", "assistant")
    ]


def test_the_templates_own_system_prompt_is_not_the_users() -> None:
    source = (
        "<|im_start|>system\nBe good.<|im_end|>\n"
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    template = ChatTemplate("own", source, {})
    text, _ = template.render(TALK[:1], None, {}, True)
    starts = turn_starts(template, TALK[:1], text, SPECIAL)
    assert [role for _, role in starts] == ["template", "user", "assistant begins"]
    assert text[starts[1][0] :].startswith("<|im_start|>user\n")
