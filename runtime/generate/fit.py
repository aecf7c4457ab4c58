"""Prompts that the model can answer, and those that it cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from smolc.runtime.data.rows import Problems, RowError
from smolc.runtime.generate.prompts import Found, Prompt
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.generate import Prompts

if TYPE_CHECKING:  # torch is behind it
    from smolc.runtime.data.template import ChatTemplate
    from smolc.runtime.evaluate.generate import ChatModel

LISTED = "dropped.jsonl"
HELP = (
    "shorten these rows, take them out, or ask a model with a longer context; `bad_rows = drop(at_most = 1%)` in their "
    "dataset leaves out that many"
)


def fitting(
    context: Context, found: Found, sources: Sequence[Prompts], lm: ChatModel
) -> tuple[list[Prompt], list[str]]:
    """The prompts that the model can answer, and how each is rendered. The others are listed, beside rows that cannot be
    read. Raises JobError, naming them, if they are more of a source's prompts than its `bad_rows` says."""
    problems = {source.name: Problems(source.name) for source in sources}
    kept, texts = [], []
    for prompt in found.prompts:
        try:
            text = rendered(prompt, lm.template)
            if why := lm.unfit(lm.tok_encode(text)):
                raise RowError(f"its prompt {why}")
        except RowError as error:
            problems[prompt.source].add(prompt.place, str(error))
            found.drops.add(str(error), [prompt.source], prompt.place, str(prompt.messages[-1]["content"]))
            continue
        kept.append(prompt)
        texts.append(text)
    write_atomically(context.out / LISTED, "".join(found.drops.lines))
    asked = Counter(prompt.source for prompt in found.prompts)
    for source in sources:
        unfit = problems[source.name]
        if unfit.count > source.bad_rows * asked[source.name]:
            unfit.check(HELP)
    if not kept:
        raise JobError("none of the prompts can be answered", help=f"{LISTED} says why")
    return kept, texts


def rendered(prompt: Prompt, template: ChatTemplate | None) -> str:
    """Raises RowError where the template refuses such messages."""
    from smolc.runtime.data.template import RenderError

    if template is None:
        return "\n\n".join(str(m["content"]) for m in prompt.messages)
    try:
        return template.render(prompt.messages, prompt=True)[0]
    except RenderError as error:
        raise RowError(f"its prompt is not rendered: {error}") from error
