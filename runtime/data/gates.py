"""Gates on a chat template: what must hold of what it renders, or the run is not worth starting.

Pure functions. Why each of them is an error: `docs/decisions/0012-template-gates.md`.
"""

from __future__ import annotations

import inspect
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError, nodes
from transformers.utils.chat_template_utils import _cached_compile_jinja_template

from smolc.runtime.data.formats import Chat, Message
from smolc.runtime.jobs.errors import JobError

if TYPE_CHECKING:
    from smolc.runtime.data.template import ChatTemplate

TODAY = "strftime_now"
REASONING = ("reasoning_content", "thinking", "reasoning")

_SAID = {"user": "what the user says", "tool": "the result of a tool"}
_LONGEST_FORMAT = 200  # characters; real ones have a dozen
_WIDE = re.compile(r"%[^a-zA-Z%]*\d{3}")


def freeze_today(source: str, today: str | None) -> str:
    """The template with `strftime_now` fixed to `today` (ISO date), so that what is saved says the same for ever.

    It is returned as it is if it does not ask for the date, or if no date is given: whether the call is reached
    shows when rendering (`ChatTemplate.dates`). Raises JobError for what is no date and for formats that are
    computed.
    """
    if today is None or TODAY not in source:
        return source
    try:
        tree = _cached_compile_jinja_template("").environment.parse(source)
    except (TemplateError, RecursionError):
        return source  # said, with its line, where the template is compiled
    if any(macro.name == TODAY for macro in tree.find_all(nodes.Macro)):
        return source
    try:
        day = datetime.fromisoformat(today)
    except ValueError:
        raise JobError(
            f"today = {today!r} is not a date", help='write it as year, month and day: today = "2025-06-30"'
        ) from None
    formats: list[str] = []
    for call in tree.find_all(nodes.Call):
        if not isinstance(call.node, nodes.Name) or call.node.name != TODAY:
            continue
        form = _format(call)
        if form is None:
            raise JobError(
                f"line {call.lineno} of the template computes the format of {TODAY}(), so its date cannot be "
                "fixed: the template would say something else tomorrow",
                help=f'write the format out: {TODAY}("%d %b %Y")',
            )
        if form not in formats:
            formats.append(form)
    if not formats:
        return source
    cases = "".join(
        f"{{%- {'elif' if i else 'if'} format == {_quoted(form)} -%}}{{{{- {_quoted(day.strftime(form))} -}}}}"
        for i, form in enumerate(formats)
    )
    macro = f"{{%- macro {TODAY}(format) -%}}{cases}{{%- endif -%}}{{%- endmacro "
    # A block takes the newline after it, and spaces before it at the start of a line: neither may be the source's.
    # Where nothing can be lost, lines keep their numbers.
    return macro + ("+%}" if source[:1].strip() else "%}\n") + source


def survives(example: Chat, text: str, kwargs: Mapping[str, Any] | None = None) -> int:
    """Nothing of the conversation is lost in its rendering: what everybody says, the system prompt, the tools, the
    calls with their arguments, the results, the reasoning of the assistant's last turn.

    kwargs: variables fixed by the recipe; those of the row are in the example. Returns in how many messages the
    reasoning is left out by design: those of earlier turns, and all of them without thinking. Raises JobError,
    which does not name the row.
    """
    faded, last = 0, True
    calls: Counter[str] | None = None
    for message in reversed(example.messages):
        role, content = message["role"], message["content"]
        if role != "assistant":
            if content not in text and not _occurs(content, text):
                raise _lost(_SAID.get(role, "the system prompt"), content)
            continue
        thought = _reasoning(message)
        if thought and thought not in text and not _occurs(thought, text):
            if last and _thinks(example, kwargs):
                raise _lost("the reasoning of the assistant's last turn", thought)
            faded += 1
        last = False
        calling = len(message) > 2 and message.get("tool_calls")
        # Some models' own templates leave out what is said beside a call.
        if content not in text and not calling:
            words = content.split("</think>", 1)[-1]
            if not _occurs(words, text):
                raise _lost("what the assistant says", words)
        if calling:
            calls = Counter() if calls is None else calls
            for call in message["tool_calls"]:
                calls[_check_call(call, text)] += 1
    if example.tools or example.kwargs:
        _check_tools(example, text, calls or Counter())
    return faded


def check_no_double(ids: Any, bos: int | None, end: int | None) -> None:
    """No beginning-of-text token twice at the start, no end-of-turn twice in a row. ids: of one row. Raises JobError,
    which does not name the row."""
    if bos is not None and len(ids) > 1 and ids[0] == bos and ids[1] == bos:
        raise JobError(
            f"the text begins with two beginning-of-text tokens (id {bos}), which the model never saw",
            help="let the template write bos_token once; nothing else adds one",
        )
    if end is None:
        return
    before = False
    for token in ids:
        ends = token == end
        if ends and before:
            raise JobError(
                f"the end-of-turn (id {end}) stands twice in a row, so the model would learn to write it twice",
                help="let the template write it once, and look for it at the end of the data's answers",
            )
        before = ends


def check_same_as_inference(
    tokenizer: Any, template: ChatTemplate, samples: Iterable[tuple[str, Chat, Any, Any]]
) -> None:
    """`apply_chat_template` of the tokenizer as it is saved gives the tokens that are trained: of whole
    conversations, and of their prompts.

    samples: place (`chats.jsonl:17`), conversation, its ids, its prompt's ids (None or empty where the assistant
    says nothing). The variables of recipe and row are passed; special tokens are the tokenizer's. Raises JobError.
    """
    taken = set(inspect.signature(tokenizer.apply_chat_template).parameters)
    for place, chat, ids, prompt_ids in samples:
        variables = {**template.kwargs, **chat.kwargs}
        variables = {k: v for k, v in variables.items() if k not in taken and not k.endswith("_token")}
        for prompt, expected in ((False, ids), (True, prompt_ids)):
            if expected is None or (prompt and not len(expected)):
                continue
            messages = template.seen(chat.messages[: chat.prompt_turns] if prompt else chat.messages)
            try:
                found = tokenizer.apply_chat_template(
                    messages, tools=chat.tools, add_generation_prompt=prompt, return_dict=False, **variables
                )
            except Exception as error:  # a template can raise whatever Python's operators do
                raise JobError(
                    f"{template.name}: the saved tokenizer does not render {place}: {error}",
                    help="variables that only training has are not there when the model is used",
                ) from error
            expected = [int(token) for token in expected]
            if list(found) != expected:
                raise _different(tokenizer, template, place, expected, list(found), prompt)


def _different(
    tokenizer: Any, template: ChatTemplate, place: str, trained: list[int], found: list[int], prompt: bool
) -> JobError:
    pairs = enumerate(zip(trained, found, strict=False))
    at = next((i for i, (a, b) in pairs if a != b), min(len(trained), len(found)))

    def around(ids: list[int]) -> str:
        return repr(tokenizer.decode(ids[max(0, at - 4) : at + 8]))

    return JobError(
        f"{template.name}: inference renders {'the prompt' if prompt else 'the conversation'} of {place} with other "
        f"tokens than are trained, from token {at + 1} on\n  trained: {around(trained)}\n  inference: {around(found)}",
        help="let the template write its special tokens itself, and depend on nothing but messages, tools and the "
        "variables that the recipe and the rows give",
    )


def _format(call: nodes.Call) -> str | None:
    """What a call of strftime_now is given, if that is written out and of a reasonable size."""
    given = call.args + [keyword.value for keyword in call.kwargs if keyword.key == "format"]
    if len(given) != 1 or len(call.kwargs) > 1 or call.dyn_args or call.dyn_kwargs:
        return None
    form = given[0].value if isinstance(given[0], nodes.Const) else None
    if not isinstance(form, str) or len(form) > _LONGEST_FORMAT or _WIDE.search(form):
        return None
    return form


def _quoted(text: str) -> str:
    """As a string of Jinja."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _reasoning(message: Message) -> str | None:
    """What an assistant thought, told apart or at the start of the content."""
    if len(message) > 2:
        for key in REASONING:
            if message.get(key):
                return str(message[key]).strip()
    content: str = message["content"]
    if "</think>" not in content:
        return None
    return content.split("</think>", 1)[0].split("<think>", 1)[-1].strip()


def _thinks(example: Chat, kwargs: Mapping[str, Any] | None) -> bool:
    fixed = (kwargs or {}).get("enable_thinking", True)
    return example.kwargs.get("enable_thinking", fixed) is not False


def _check_call(call: Any, text: str) -> str:
    """Returns the name of the function that is called."""
    function = call.get("function") or call
    name: str = function["name"]
    if name not in text:
        raise _lost("a tool call", name)
    for value in _leaves(function.get("arguments")):
        if value not in text and not _occurs(value, text):
            raise _lost(f"an argument of the call of {name}", value)
    return name


def _check_tools(example: Chat, text: str, calls: Counter[str]) -> None:
    """A tool's name is in the text once more than it is called."""
    tools = [*(example.tools or [])]
    for key in ("xml_tools", "python_tools"):
        given = example.kwargs.get(key)
        tools += given if isinstance(given, list) else []
    for tool in tools:
        if isinstance(tool, str):
            if not _occurs(tool, text):
                raise _lost("a tool", tool)
            continue
        name = (tool.get("function") or tool).get("name") if isinstance(tool, dict) else None
        if isinstance(name, str) and text.count(name) <= calls[name]:
            raise _lost("a tool", name)


def _leaves(value: Any) -> Iterable[str]:
    """Names and values within arguments. Truth values and nulls are left out: each language writes them its way."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield json.dumps(value)


def _occurs(words: str, text: str) -> bool:
    """Whether they are in the text: as they are but for spaces around them, as JSON, or at least word by word in
    order. Switches such as `/no_think`, which templates read and take out, may be missing."""
    stripped = words.strip()
    if stripped in text or json.dumps(stripped, ensure_ascii=False)[1:-1] in text:
        return True
    if json.dumps(stripped)[1:-1] in text:
        return True
    at = 0
    for word in stripped.split():
        found = text.find(word, at)
        if found >= 0:
            at = found + len(word)
        elif not word.startswith("/"):
            return False
    return True


def _lost(what: str, words: str) -> JobError:
    shown = words.strip()
    shown = repr(shown if len(shown) <= 60 else shown[:57] + "...")
    return JobError(
        f"leaves out {what}, so the model would be trained on a conversation without it: {shown}",
        help="let the template write it as it is"
        if what.startswith("what ")
        else "use a template that has a form for it (chat/smollm3.jinja and chat/qwen3.jinja have one for system "
        "prompts, tools and reasoning), or take it out of the data",
    )
