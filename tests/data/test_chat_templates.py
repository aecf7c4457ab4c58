"""Rendering: the shipped templates, and what a hostile template can do (nothing)."""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import pytest
from chat_cases import CALLING, CHAT, ENDS, SHIPPED, TOOLS, WITH_REASONING, WITH_TOOLS, load
from data_project import Project, chat, source
from transformers import PreTrainedTokenizerFast

from smolc.runtime.data import template as engine
from smolc.runtime.data.template import ChatTemplate, RenderError
from smolc.runtime.jobs.errors import JobError

PLAIN = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello {{ 7 * 7 }}"},
    {"role": "user", "content": "Bye"},
    {"role": "assistant", "content": "Good\n bye "},
]
WITHOUT_TOOLS = [name for name in SHIPPED if name not in WITH_TOOLS]
WITHOUT_REASONING = [name for name in SHIPPED if name not in WITH_REASONING]
CASES = [(n, PLAIN, None) for n in SHIPPED] + [(n, CALLING, TOOLS) for n in WITH_TOOLS]


def spoken(template: ChatTemplate, messages: list[dict[str, Any]], **kwargs: Any) -> list[str]:
    text, spans = template.render(messages, **kwargs)
    return [text[start:stop] for start, stop in spans]


def test_every_shipped_template_is_tested() -> None:
    assert sorted(SHIPPED) == sorted(path.stem for path in CHAT.glob("*.jinja"))


@pytest.mark.parametrize("name", SHIPPED)
def test_exactly_what_the_assistant_says_is_marked(name: str) -> None:
    end = ENDS[name]
    last = "Good\n bye" if name in ("llama3", "gemma") else "Good\n bye "
    assert spoken(load(name), PLAIN) == [f"Hello {{{{ 7 * 7 }}}}{end}", f"{last}{end}"]


@pytest.mark.parametrize(("name", "messages", "tools"), CASES)
@pytest.mark.parametrize("thinking", [True, False])
def test_renders_as_inference_does(
    name: str, messages: Any, tools: Any, thinking: bool, tokenizer: PreTrainedTokenizerFast
) -> None:
    template = load(name, enable_thinking=thinking)
    for size in range(1, len(messages) + 1):
        for prompt in (False, True):
            expected = tokenizer.apply_chat_template(
                messages[:size], tools=tools, chat_template=template.source, tokenize=False,
                add_generation_prompt=prompt, enable_thinking=thinking, bos_token="<s>",
            )  # fmt: skip
            assert template.render(messages[:size], tools, prompt=prompt)[0] == expected


@pytest.mark.parametrize(("name", "messages", "tools"), CASES)
@pytest.mark.parametrize("thinking", [True, False])
def test_the_prompt_begins_the_conversation_and_ends_where_the_assistant_speaks(
    name: str, messages: Any, tools: Any, thinking: bool
) -> None:
    template = load(name, enable_thinking=thinking)
    text, spans = template.render(messages, tools)
    turns = [i for i, m in enumerate(messages) if m["role"] == "assistant"]
    for turn, (start, _) in zip(turns, spans, strict=True):
        assert template.render(messages[:turn], tools, prompt=True)[0] == text[:start]


@pytest.mark.parametrize("name", WITH_REASONING)
def test_reasoning_is_kept_in_every_turn_and_left_out_without_thinking(name: str) -> None:
    field = {"role": "assistant", "content": "A", "reasoning_content": "why\n"}
    inline = {"role": "assistant", "content": "<think>\nwhy\n</think>\n\nA"}
    for message in (field, inline):
        messages = [PLAIN[1], message, PLAIN[3], message]
        assert spoken(load(name), messages) == ["<think>\nwhy\n</think>\n\nA<|im_end|>"] * 2
        assert spoken(load(name, enable_thinking=False), messages) == ["A<|im_end|>"] * 2
        assert spoken(load(name), messages, kwargs={"enable_thinking": False}) == ["A<|im_end|>"] * 2


@pytest.mark.parametrize("name", WITH_TOOLS)
def test_tools_are_written_and_calls_are_spoken(name: str) -> None:
    text, _ = load(name).render(CALLING, TOOLS)
    assert '"weather"' in text.split("Rain?")[0]
    first, second = spoken(load(name), CALLING, tools=TOOLS)
    assert '{"city": "Bern"}' in first
    assert second.startswith("No.")


@pytest.mark.parametrize("name", WITHOUT_TOOLS)
def test_tools_that_a_template_has_no_form_for_are_an_error(name: str) -> None:
    with pytest.raises(RenderError, match="no form for tool calls"):
        load(name).render(CALLING)
    with pytest.raises(RenderError, match="no form for tools"):
        load(name).render(PLAIN, TOOLS)


@pytest.mark.parametrize("name", WITHOUT_REASONING)
def test_reasoning_that_a_template_has_no_form_for_is_an_error(name: str) -> None:
    thought = {"role": "assistant", "content": "A", "reasoning_content": "why"}
    with pytest.raises(RenderError, match=r"no form for .*reasoning"):
        load(name).render([PLAIN[1], thought])


def test_gemma_needs_words_of_the_user_to_put_a_system_prompt_before() -> None:
    with pytest.raises(RenderError, match="before the first words of the user"):
        load("gemma").render([PLAIN[0], PLAIN[2]])


def test_phi_without_newlines_is_the_form_of_the_mini_models() -> None:
    text, _ = load("phi", newline="").render(PLAIN[:3])
    assert text == "<|system|>Be brief.<|end|><|user|>Hi<|end|><|assistant|>Hello {{ 7 * 7 }}<|end|>"


def test_mistral_writes_tools_before_the_first_words_of_the_user() -> None:
    text, _ = load("mistral").render([PLAIN[0], *CALLING], TOOLS)
    assert text == (
        '<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][AVAILABLE_TOOLS][{"type": "function", "function": '
        '{"name": "weather", "parameters": {}}}][/AVAILABLE_TOOLS][INST]Rain?[/INST][TOOL_CALLS]weather[ARGS]'
        '{"city": "Bern"}</s>[TOOL_RESULTS]no[/TOOL_RESULTS][TOOL_RESULTS]dry[/TOOL_RESULTS]No.</s>'
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_depends_on_the_date(name: str) -> None:
    assert "strftime_now" not in load(name).source


HOSTILE = {
    "{{ ''.__class__.__mro__ }}": "unsafe",
    "{{ cycler.__init__.__globals__ }}": "unsafe",
    "{{ messages.append(1) }}": "unsafe",
    "{{ messages[0].update(role='x') }}": "unsafe",
    "{% include '/etc/passwd' %}": "no loader",
    "{% import 'os' as os %}": "no loader",
    "{% for i in range(999999999) %}x{% endfor %}": "MAX_RANGE",
    "{{ 'a' * 10 ** 10 }}": "too large",
    "{{ [1] * 10 ** 10 }}": "too large",
    "{{ 9 ** 9 ** 9 }}": "too large",
    "{% set n = namespace(i=2) %}{% for _ in range(99) %}{% set n.i = n.i * n.i %}{% endfor %}": "too large",
    "{{ '%1000000000d' % 5 }}": "too large",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}": "recursion",
}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_template_is_an_error_at_once(text: str) -> None:
    start = time.monotonic()
    with pytest.raises(RenderError, match=HOSTILE[text]):
        ChatTemplate("bad.jinja", text, {}).render(PLAIN)
    assert time.monotonic() - start < 2


GREEDY = (
    "{% set n = namespace(s='x') %}{% for _ in range(40) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
    "{{ 'x'|center(30000000000) }}",
    "{{ '{:>30000000000}'.format('x') }}",
)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
@pytest.mark.parametrize("text", GREEDY)
def test_a_template_cannot_take_all_memory(text: str) -> None:
    limits = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(RenderError, match="more memory than a template may have"):
        ChatTemplate("bad.jinja", text, {}).render(PLAIN)
    assert resource.getrlimit(resource.RLIMIT_AS) == limits


@pytest.mark.parametrize(
    "text",
    ["{{ ''|attr('__class__') }}", "{{ lipsum.__globals__ }}", "{{ '{0.__class__}'.format(messages) }}"],
)
def test_what_the_sandbox_hides_is_empty(text: str) -> None:
    assert ChatTemplate("bad.jinja", text, {}).render(PLAIN)[0] == ""


def test_a_template_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SECONDS", 0.3)
    loops = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(RenderError, match="did not end within"):
        ChatTemplate("bad.jinja", loops, {}).render(PLAIN)


def test_a_row_cannot_replace_the_messages() -> None:
    own = {"messages": [], "self": 1, "add_generation_prompt": True, "tools": "x"}
    assert load("chatml").render(PLAIN, kwargs=own) == load("chatml").render(PLAIN)


def fails(project: Project, template: dict[str, Any] | None) -> str:
    project.write("chats.jsonl", [chat("a", "b")])
    with pytest.raises(JobError) as caught:
        project.run(source("chats.jsonl"), template=template)
    return f"{caught.value.message}\nhelp: {caught.value.help}"


def test_errors_name_the_template_its_line_and_the_row(project: Project) -> None:
    syntax = fails(project, project.template("t.jinja", "a\n{% if %}"))
    assert "templates/t.jinja:2: the template is not valid: Expected an expression" in syntax
    marked = "{% generation %}{% endgeneration %}\n\n{{ messages[0].role + 1 }}"
    rendering = fails(project, project.template("t.jinja", marked))
    assert "templates/t.jinja:3: TypeError" in rendering
    assert "while rendering chats.jsonl:1" in rendering
    missing = fails(project, {**project.template("t.jinja", ""), "file": "templates/none.jinja"})
    assert "templates/none.jinja: the template cannot be read" in missing


def test_no_template_at_all_names_the_shipped_ones(project: Project) -> None:
    message = fails(project, None)
    assert "the tokenizer has no chat template" in message
    for name in SHIPPED:
        assert f"chat/{name}.jinja" in message


def test_a_template_without_markers_is_an_error(project: Project) -> None:
    bare = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{{ '\n' }}{% endfor %}"
    message = fails(project, project.template("bare.jinja", bare))
    assert "templates/bare.jinja: has no {% generation %} markers" in message
    assert "endgeneration" in message
    template = project.template("bare.jinja", bare)
    assert len(project.run(source("chats.jsonl"), loss_on="completion", template=template).rows()) == 1
