"""`kind: prepare`: mix, render, mask and pack a stage's data once, before any process group exists.

Outputs in `out/<id>/`: `train/` and (with a held-out part) `validation/` as Arrow datasets (`save_to_disk`), `tokenizer/`
(the tokenizer with the chat template that was trained), `stats.json` (realised shares, lengths, tokens, fill),
`preview.json` (a few rows, token by token, with what is trained).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from smolc.runtime.jobs.base import Job, Strict

Method = Literal["cpt", "sft", "dpo", "orpo", "cpo", "simpo", "kto"]
PAIRED: tuple[Method, ...] = ("dpo", "orpo", "cpo", "simpo")
"""Methods whose rows are pairs of answers."""
LossOn = Literal["assistant", "last_turn", "completion", "all", "roles"]
Overlong = Literal["error", "drop", "truncate", "split"]

VERSION = 2
"""Of what is prepared: raised whenever the same job would make other tokens, labels or rows."""


class FileData(Strict):
    """jsonl, json, parquet or csv files, also as .gz or .zst. Local paths are relative to the manifest's `root`;
    `*`, `?`, `[...]` and `**` stand for names; `s3://`, `gs://`, `az://` and `hf://` are read through fsspec."""

    type: Literal["files"]
    paths: tuple[str, ...]


class HubData(Strict):
    """streaming: read row by row as it is downloaded, never whole on disk."""

    type: Literal["hub"]
    id: str
    config: str | None
    split: str
    revision: str | None
    streaming: bool = False


class MadeData(Strict):
    """Preference rows that the `pairs` job `job` of the same folder makes."""

    type: Literal["made"]
    job: str


class Messages(Strict):
    """A column of `{"role": ..., "content": ...}` lists; role, content: what those two are called in the data.

    roles: what the data calls a role, and what it is (`human: user`); others stay what they are.
    """

    type: Literal["messages"]
    column: str
    tools: str | None
    template_kwargs: str | None
    role: str = "role"
    content: str = "content"
    roles: dict[str, str] = Field(default_factory=dict)


class Spelling(Strict):
    """What a message's role and text are called in the data."""

    role: str
    content: str


class Sides(Strict):
    """Columns that hold a text, one message, or a list of messages. Dots reach into nested objects (`a.b`).

    system: the column with the row's system prompt. spellings: of messages; the first whose role a message has is the one
    that it is read in. roles: as in Messages.
    """

    system: str | None = None
    spellings: Annotated[tuple[Spelling, ...], Field(min_length=1)] = (
        Spelling(role="role", content="content"),
    )
    roles: dict[str, str] = Field(default_factory=dict)


class PromptCompletion(Sides):
    type: Literal["prompt_completion"]
    prompt: str
    completion: str


class Alpaca(Strict):
    """system: the column with the row's system prompt. history: the one with earlier turns, `[question, answer]` each."""

    type: Literal["alpaca"]
    instruction: str
    input: str | None
    output: str
    system: str | None = None
    history: str | None = None


class Preference(Sides):
    """`prompt` may be None: then chosen and rejected are whole conversations sharing a prefix."""

    type: Literal["preference"]
    prompt: str | None
    chosen: str
    rejected: str


class Unpaired(Sides):
    """KTO: an answer and whether it is a good one. `prompt` may be None: then completion is a whole conversation, and its
    last message the answer."""

    type: Literal["unpaired"]
    prompt: str | None
    completion: str
    label: str


class PlainText(Strict):
    type: Literal["text"]
    column: str


class Mapped(Strict):
    """Columns of any kind, put together by texts with `{column}` in them (`{{` is a brace): a document (text), a
    conversation of one turn (system, user, assistant), or one with a better and a worse answer (user, chosen,
    rejected)."""

    type: Literal["map"]
    text: str | None
    system: str | None
    user: str | None
    assistant: str | None
    chosen: str | None
    rejected: str | None


Format = Annotated[
    Messages | PromptCompletion | Alpaca | Preference | Unpaired | PlainText | Mapped,
    Field(discriminator="type"),
]

Scalar = str | int | float | bool


class Condition(Strict):
    """Keep a row only if `column operator value` holds; dots reach into nested objects."""

    column: str
    operator: Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in"]
    value: Scalar | tuple[Scalar, ...]


class Measured(Strict):
    """As Condition, of what is known once a row is rendered: its length in tokens (the longest sequence of a pair),
    how many of them are trained, its number of messages."""

    measure: Literal["length", "trained", "turns"]
    operator: Literal["==", "!=", "<", "<=", ">", ">="]
    value: int | float


class Every(Strict):
    all: tuple[Filter, ...]


class Either(Strict):
    any: tuple[Filter, ...]


class Not(Strict):
    not_: Filter = Field(alias="not")


Filter = Condition | Measured | Every | Either | Not


class All(Strict):
    """Every row, once; but no more than so many tokens or rows, if that is said."""

    type: Literal["all"]
    at_most_tokens: int | None = None
    at_most_rows: int | None = None


class Take(Strict):
    """Part of the source, seeded: a fraction of its rows, a number of rows, or of tokens."""

    type: Literal["take"]
    fraction: float | None
    rows: int | None
    tokens: int | None = None


class Share(Strict):
    """Part of the *mixture* in its basis (0..1); repeated at most `at_most_epochs` times, 1.0 unless said otherwise.

    at_most_tokens, at_most_rows: of the source, in the mixture, repetitions counted.
    """

    type: Literal["share"]
    share: float
    at_most_epochs: float
    at_most_tokens: int | None = None
    at_most_rows: int | None = None


Weight = Annotated[All | Take | Share, Field(discriminator="type")]


class SourceSpec(Strict):
    """One row of the mixture. `name` is what the report calls it (`smoltalk2/s1k_1.1_think`).

    bad_rows: part of the rows (0..1) that may be dropped because they are not what the format says; 0 is an error
    at the first.
    """

    name: str
    location: Annotated[FileData | HubData | MadeData, Field(discriminator="type")]
    format: Format
    where: Filter | None
    system: str | None
    weight: Weight
    bad_rows: float = 0.0

    @property
    def streamed(self) -> bool:
        """Whether rows come one after the other and cannot be drawn from: the first are taken."""
        return isinstance(self.location, HubData) and self.location.streaming

    @property
    def tolerance(self) -> str:
        """The key of the recipe that lets bad rows go."""
        return "bad_pairs" if isinstance(self.location, MadeData) else "bad_rows"


class TemplateSpec(Strict):
    """`file` is relative to the compiled folder; None means the tokenizer's own chat template.

    thinking: opening and closing tag of a chain of thought, if the template has one.
    kwargs: fixed variables given to the template. today: the date that it writes (`2025-06-30`), if it writes one.
    """

    file: str | None
    end_of_turn: str | None
    thinking: tuple[str, str] | None
    kwargs: dict[str, str | int | float | bool]
    today: str | None = None


class Holdout(Strict):
    """Rows kept out of training for the validation loss: a fraction or a number of rows, seeded, before mixing; or all of
    one of the sources."""

    fraction: float | None
    rows: int | None
    source: str | None = None


class Dedup(Strict):
    """Of rows that are the same but for case and spaces, or nearly the same, one is kept: the first.

    threshold: Jaccard similarity of their five-word shingles from which two are the same (near).
    """

    type: Literal["exact", "near"]
    threshold: float | None


class Decontaminate(Strict):
    """Rows that share `ngram` words in a row with what the recipe's evals ask or expect. against: their tasks, as in
    `evaluate.py`, which is made of this module's types."""

    ngram: int
    action: Literal["drop", "error"]
    against: tuple[dict[str, Any], ...]


class Fit(Strict):
    """The length that `quantile` of the rows fit into, rounded up to a multiple of 64; never above `at_most`."""

    quantile: float
    at_most: int


class PrepareJob(Job):
    """length: longest row in tokens. overlong: what happens to longer ones (all counted in stats.json).

    version: of what prepared data is; data of another version is prepared anew. loss_on `roles`: the turns of `roles`.
    thinking: whether what stands between the template's thinking tags is trained.
    """

    kind: Literal["prepare"]
    method: Method
    model: str
    template: TemplateSpec | None
    loss_on: LossOn
    roles: tuple[str, ...] = ()
    thinking: bool = True
    sources: tuple[SourceSpec, ...]
    basis: Literal["tokens", "trained", "examples"]
    budget_tokens: int | None
    holdout: Holdout | None
    dedup: Dedup | None = None
    decontaminate: Decontaminate | None = None
    length: int | Fit
    overlong: Overlong
    packing: Literal["none", "best_fit", "wrapped"]
    trust_remote_code: bool
    version: int = VERSION

    @property
    def held_source(self) -> str | None:
        """The source that is held out as a whole, if one is."""
        return None if self.holdout is None else self.holdout.source
