"""`kind: prepare`: mix, render, mask and pack a stage's data once, before any process group exists.

Outputs in `out/<id>/`: `train/` and (with a held-out part) `validation/` as Arrow datasets (`save_to_disk`), `tokenizer/`
(the tokenizer with the chat template that was trained), `stats.json` (realised shares, lengths, tokens, fill),
`preview.json` (a few rows, token by token, with what is trained).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from smolc.runtime.jobs.base import Job, Strict

Method = Literal["cpt", "sft", "dpo", "orpo", "kto"]


class FileData(Strict):
    """Local jsonl, json, parquet or csv files. Paths are relative to the manifest's `root`."""

    type: Literal["files"]
    paths: tuple[str, ...]


class HubData(Strict):
    type: Literal["hub"]
    id: str
    config: str | None
    split: str
    revision: str | None


class Messages(Strict):
    """A column of `{"role": ..., "content": ...}` lists."""

    type: Literal["messages"]
    column: str
    tools: str | None
    template_kwargs: str | None


class PromptCompletion(Strict):
    """Two text columns, or two columns of messages. Dots reach into nested objects (`a.b`)."""

    type: Literal["prompt_completion"]
    prompt: str
    completion: str


class Alpaca(Strict):
    type: Literal["alpaca"]
    instruction: str
    input: str | None
    output: str


class Preference(Strict):
    """`prompt` may be None: then chosen and rejected are whole conversations sharing a prefix."""

    type: Literal["preference"]
    prompt: str | None
    chosen: str
    rejected: str


class Unpaired(Strict):
    """KTO: an answer and whether it is a good one."""

    type: Literal["unpaired"]
    prompt: str
    completion: str
    label: str


class PlainText(Strict):
    type: Literal["text"]
    column: str


Format = Annotated[
    Messages | PromptCompletion | Alpaca | Preference | Unpaired | PlainText, Field(discriminator="type")
]


class Condition(Strict):
    """Keep a row only if `column operator value` holds; dots reach into nested objects."""

    column: str
    operator: Literal["==", "!=", "<", "<=", ">", ">="]
    value: str | int | float | bool


class All(Strict):
    type: Literal["all"]


class Take(Strict):
    """Part of the source, seeded: a fraction of its rows, or a number of rows."""

    type: Literal["take"]
    fraction: float | None
    rows: int | None


class Share(Strict):
    """Part of the *mixture* in its basis (0..1); repeated at most `at_most_epochs` times, 1.0 unless said otherwise."""

    type: Literal["share"]
    share: float
    at_most_epochs: float


Weight = Annotated[All | Take | Share, Field(discriminator="type")]


class SourceSpec(Strict):
    """One row of the mixture. `name` is what the report calls it (`smoltalk2/s1k_1.1_think`)."""

    name: str
    location: Annotated[FileData | HubData, Field(discriminator="type")]
    format: Format
    where: tuple[Condition, ...]
    system: str | None
    weight: Weight


class TemplateSpec(Strict):
    """`file` is relative to the compiled folder; None means the tokenizer's own chat template.

    thinking: opening and closing tag of a chain of thought, if the template has one.
    kwargs: fixed variables given to the template.
    """

    file: str | None
    end_of_turn: str | None
    thinking: tuple[str, str] | None
    kwargs: dict[str, str | int | float | bool]


class Holdout(Strict):
    """Rows kept out of training for the validation loss: a fraction or a number of rows, seeded, before mixing."""

    fraction: float | None
    rows: int | None


class PrepareJob(Job):
    """length: longest row in tokens. overlong: what happens to longer ones (all counted in stats.json)."""

    kind: Literal["prepare"]
    method: Method
    model: str
    template: TemplateSpec | None
    loss_on: Literal["assistant", "last_turn", "completion", "all"]
    sources: tuple[SourceSpec, ...]
    basis: Literal["tokens", "examples"]
    budget_tokens: int | None
    holdout: Holdout | None
    length: int
    overlong: Literal["error", "drop", "truncate"]
    packing: Literal["none", "best_fit", "wrapped"]
    trust_remote_code: bool
