"""Gates on a template: each lets the right through and stops what it is for, with words for a person."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from chat_cases import CALLING, CHAT, TOOLS
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from smolc.runtime.data.formats import Chat
from smolc.runtime.data.gates import check_no_double, check_same_as_inference, freeze_today, survives
from smolc.runtime.data.template import ChatTemplate, RenderError
from smolc.runtime.jobs.errors import JobError

HI = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]


def rendered(source: str, dates: bool = True, **kwargs: Any) -> str:
    return ChatTemplate("t.jinja", source, kwargs, dates).render(HI)[0]


DATED = {
    '{{ strftime_now("%d %b %Y") }}': "30 Jun 2025",
    "{{ strftime_now('%Y') + '-' + strftime_now('%m') }}": "2025-06",
    '{{ strftime_now(format="%H:%M") }}': "00:00",
    "{% set day = strftime_now('%A') %}{{ day | upper }}": "MONDAY",
    "{% macro f() %}{{ strftime_now('%j') }}{% endmacro %}{{ f() }}": "181",
    "{% if strftime_now is defined %}{{ strftime_now('%y') }}{% endif %}": "25",
    "{% generation %}{{ strftime_now('%y') }}{% endgeneration %}": "25",
    r"""{{ strftime_now('"\\%d{{') }}""": '"\\30{{',
    "\n\n{{ strftime_now('%d') }}": "\n\n30",
    "  {% if true %}\n{{ strftime_now('%d') }}{% endif %}": "30",
    "   {{- strftime_now('%d') }}": "30",
    "x\n{{ strftime_now('%d') }}\n": "x\n30",
}


@pytest.mark.parametrize("source", DATED)
def test_a_date_is_fixed_and_nothing_else_changes(source: str) -> None:
    frozen = freeze_today(source, "2025-06-30")
    assert rendered(frozen, dates=False) == DATED[source]
    assert freeze_today(frozen, "2031-01-01") == frozen


@pytest.mark.parametrize("source", DATED)
def test_without_a_date_given_it_is_an_error_where_it_is_reached(source: str) -> None:
    assert freeze_today(source, None) == source
    with pytest.raises(JobError, match=r"t.jinja: writes today's date") as caught:
        rendered(source, dates=False)
    assert 'today = "2025-06-30"' in str(caught.value.help)


def test_a_call_that_is_not_reached_is_none() -> None:
    source = "{% if date_string is not defined %}{% set date_string = strftime_now('%Y') %}{% endif %}{{ date_string }}"
    assert rendered(source, dates=False, date_string="now") == "now"
    assert rendered("no date", dates=False) == freeze_today("no date", "2025-06-30") == "no date"


@pytest.mark.parametrize("given", ["x", "'%' + 'd'", "'%900000000d'", "", "'%d', 1", "**x"])
def test_a_computed_format_cannot_be_fixed(given: str) -> None:
    with pytest.raises(JobError, match="line 2 of the template computes the format") as caught:
        freeze_today(f"a\n{{{{ strftime_now({given}) }}}}", "2025-06-30")
    assert "write the format out" in str(caught.value.help)


@pytest.mark.parametrize("today", ["yesterday", "2025-02-30", ""])
def test_what_is_no_date_is_said(today: str) -> None:
    with pytest.raises(JobError, match="is not a date"):
        freeze_today("{{ strftime_now('%d') }}", today)


def test_lines_of_errors_stay_those_of_the_file() -> None:
    frozen = freeze_today("{{ strftime_now('%d') }}\n\n{{ 1 + 'a' }}", "2025-06-30")
    with pytest.raises(RenderError, match=r"t\.jinja:3:"):
        rendered(frozen)


SYSTEM = {"role": "system", "content": " Be brief.\n"}
THOUGHT = {"role": "assistant", "content": "Yo", "reasoning_content": "because\n"}
INLINE = {"role": "assistant", "content": "<think>\nbecause\n</think>\n\nYo"}
NESTED = {"name": "f", "arguments": {"a": ["x\ny", {"b": 2.5}], "c": True}}
F = {"role": "assistant", "content": "", "tool_calls": [{"function": NESTED}]}
WORDS = "Hi Yo Rain? No."  # what users and assistants say in these
KEPT: dict[str, tuple[Chat, str]] = {
    "plain": (Chat(HI, 1, None, {}), ""),
    "system, stripped": (Chat([SYSTEM, *HI], 2, None, {}), "<Be brief.>"),
    "system, spaces changed": (Chat([SYSTEM, *HI], 2, None, {}), "Be\n\nbrief."),
    "system, its switch taken out": (
        Chat([{**SYSTEM, "content": "Be brief. /no_think"}, *HI], 2, None, {}),
        "Be brief.",
    ),
    "calls": (Chat(CALLING, 4, TOOLS, {}), 'tool weather, weather("city": "Bern") no dry'),
    "nested arguments": (Chat([HI[0], F], 1, None, {}), 'f {"a": ["x\\ny", {"b": 2.5}], "c": True}'),
    "result as JSON": (Chat([{"role": "tool", "content": 'é"\n'}, HI[1]], 1, None, {}), 'x "é\\"\\n"'),
    "reasoning": (Chat([HI[0], THOUGHT], 1, None, {}), "because"),
    "inline reasoning": (Chat([HI[0], INLINE], 1, None, {}), "because"),
    "tools of the row": (
        Chat(HI, 1, None, {"python_tools": ["def f(): ..."], "xml_tools": TOOLS}),
        "def f(): ... weather",
    ),
}


@pytest.mark.parametrize("case", KEPT)
def test_what_is_there_survives(case: str) -> None:
    example, text = KEPT[case]
    assert survives(example, f"{text} {WORDS}") == 0


LOST: dict[str, tuple[Chat, str, str]] = {
    "system": (Chat([SYSTEM, *HI], 2, None, {}), "brief", "the system prompt"),
    "developer": (Chat([{**SYSTEM, "role": "developer"}, *HI], 2, None, {}), "", "the system prompt"),
    "words in another order": (Chat([SYSTEM, *HI], 2, None, {}), "brief. Be", "the system prompt"),
    "tool": (Chat(HI, 1, TOOLS, {}), "", "a tool, .*'weather'"),
    "tool that is called": (Chat(CALLING, 4, TOOLS, {}), "weather city Bern no dry", "a tool, "),
    "call": (Chat(CALLING, 4, None, {}), "city Bern no dry", "a tool call"),
    "argument": (Chat(CALLING, 4, None, {}), "weather city no dry", "an argument of the call of weather.*'Bern'"),
    "argument's name": (Chat(CALLING, 4, None, {}), "weather Bern no dry", "an argument of .*'city'"),
    "number": (Chat([HI[0], F], 1, None, {}), "f a x\ny b c 2", "an argument of .*'2.5'"),
    "result": (Chat(CALLING, 4, None, {}), "weather city Bern no", "the result of a tool.*'dry'"),
    "reasoning": (Chat([HI[0], THOUGHT], 1, None, {}), "Yo", "the reasoning .*'because'"),
    "inline reasoning": (Chat([HI[0], INLINE], 1, None, {}), "Yo", "the reasoning .*'because'"),
    "tools of the row": (Chat(HI, 1, None, {"python_tools": ["def f(): ..."]}), "", "a tool, "),
}  # fmt: skip


@pytest.mark.parametrize("case", LOST)
def test_what_is_lost_is_said(case: str) -> None:
    example, text, said = LOST[case]
    with pytest.raises(JobError, match=f"leaves out {said}") as caught:
        survives(example, f"{text} {WORDS}")
    assert "take it out of the data" in str(caught.value.help)


@pytest.mark.parametrize(
    ("messages", "text", "said"),
    [
        (HI, "H Yo", "what the user says.*'Hi'"),
        (
            [HI[0], {"role": "assistant", "content": "Yo there"}],
            "Hi Yo",
            "what the assistant says.*'Yo there'",
        ),
        (HI, "HI YO", "what the assistant says"),
        ([HI[0], INLINE], "Hi because", "what the assistant says.*'Yo'"),
    ],
)
def test_words_that_are_lost_are_said(messages: list[dict[str, Any]], text: str, said: str) -> None:
    with pytest.raises(JobError, match=f"leaves out {said}"):
        survives(Chat(messages, 1, None, {}), text)


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([{"role": "user", "content": "Hi /no_think "}, HI[1]], "Hi Yo"),
        ([HI[0], {"role": "assistant", "content": " Yo\n there\n"}], "Hi Yo there"),
        (
            [HI[0], {**F, "content": "I look."}],
            'Hi f {"a": ["x\\ny", {"b": 2.5}], "c": True}',
        ),  # as Llama 3.1 does
    ],
)
def test_words_whose_spaces_or_switches_change_are_there(messages: list[dict[str, Any]], text: str) -> None:
    assert survives(Chat(messages, 1, None, {}), text) == 0


@pytest.mark.parametrize("message", [THOUGHT, INLINE])
def test_reasoning_that_is_left_out_by_design_is_counted(message: dict[str, Any]) -> None:
    earlier = [HI[0], message, HI[0], message, *HI]
    assert survives(Chat(earlier, 5, None, {}), "Hi Yo") == 2
    off = Chat([HI[0], message], 1, None, {"enable_thinking": False})
    assert survives(off, "Hi Yo") == 1
    assert survives(Chat([HI[0], message], 1, None, {}), "Hi Yo", {"enable_thinking": False}) == 1
    row = Chat([HI[0], message], 1, None, {"enable_thinking": True})
    with pytest.raises(JobError, match="the reasoning"):
        survives(row, "Hi Yo", {"enable_thinking": False})


@pytest.mark.parametrize(
    ("ids", "bos", "end"),
    [([], 1, 2), ([1], 1, 2), ([1, 5, 1, 1, 2, 5, 2], 1, 2), ([1, 1, 2, 2], None, None), ([2, 5, 2], 2, 2)],
)
def test_single_tokens_are_fine(ids: list[int], bos: int | None, end: int | None) -> None:
    check_no_double(ids, bos, end)


@pytest.mark.parametrize(
    ("ids", "bos", "end", "said"),
    [
        ([1, 1, 5], 1, 2, "two beginning-of-text tokens"),
        ([1, 5, 2, 2], 1, 2, "stands twice in a row"),
        ([2, 2, 5], None, 2, "stands twice in a row"),
    ],
)
def test_double_tokens_are_an_error(ids: list[int], bos: int | None, end: int | None, said: str) -> None:
    with pytest.raises(JobError, match=said):
        check_no_double(ids, bos, end)


@pytest.fixture(scope="module")
def letters() -> PreTrainedTokenizerFast:
    """One token a character."""
    known = sorted(set(map(chr, range(32, 127))) | {"\n"})
    backend = Tokenizer(models.WordLevel({c: i for i, c in enumerate(known)}, unk_token="?"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    fast = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="?", bos_token="<s>", eos_token="</s>")
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    return fast


SAMPLES = [
    ("chats.jsonl:1", Chat(HI, 1, None, {})),
    ("chats.jsonl:2", Chat(CALLING, 4, TOOLS, {"enable_thinking": False})),
    ("chats.jsonl:3", Chat([HI[0], {"role": "assistant", "content": "Yo", "reasoning": "hm"}], 1, None, {})),
    ("chats.jsonl:4", Chat(HI, 1, None, {"tokenize": False, "chat_template": "x"})),
]


def samples(template: ChatTemplate, tokenizer: Any) -> list[tuple[str, Chat, list[int], list[int]]]:
    found = []
    for place, chat in SAMPLES:
        whole, _ = template.render(chat.messages, chat.tools, chat.kwargs)
        prompt, _ = template.render(chat.messages[: chat.prompt_turns], chat.tools, chat.kwargs, prompt=True)
        ids = (tokenizer.encode(text, add_special_tokens=False) for text in (whole, prompt))
        found.append((place, chat, *ids))
    return found  # type: ignore[return-value]


@pytest.mark.parametrize("name", ["qwen3", "smollm3"])
def test_inference_gives_the_tokens_that_are_trained(name: str, letters: PreTrainedTokenizerFast) -> None:
    source = (CHAT / f"{name}.jinja").read_text(encoding="utf-8")
    template = ChatTemplate(name, source, {**letters.special_tokens_map, "custom_instructions": "short"})
    letters.chat_template = source
    check_same_as_inference(letters, template, samples(template, letters))


WRITES = "{% for m in messages %}{{ m.content }}{% endfor %}"


@pytest.mark.parametrize(
    ("trained", "saved", "said"),
    [
        (WRITES, WRITES + "!", "the conversation of chats.jsonl:1 .*from token 5 on"),
        (WRITES + "{% if add_generation_prompt %}>{% endif %}", WRITES, "the prompt of chats.jsonl:1 "),
        ("{{ eos_token }}" + WRITES, "{{ eos_token }}" + WRITES, "with other tokens"),
        (WRITES, "{{ raise_exception('no') }}", "does not render chats.jsonl:1: no"),
        ("{{ tokenize }}" + WRITES, "{{ tokenize }}" + WRITES, "the conversation of chats.jsonl:4"),
    ],
)
def test_what_inference_does_otherwise_is_an_error(
    trained: str, saved: str, said: str, letters: PreTrainedTokenizerFast
) -> None:
    template = ChatTemplate("t.jinja", trained, {"eos_token": "<|im_end|>"} if "eos" in trained else {})
    letters.chat_template = saved
    with pytest.raises(JobError, match=said):
        check_same_as_inference(letters, template, samples(template, letters))


def test_gates_do_not_load_torch() -> None:
    code = "import smolc.runtime.data.gates, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
