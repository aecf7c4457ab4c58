"""`publish`: where a trained model may be pushed to."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field

from smolc.compiler.model.base import Noun
from smolc.compiler.model.errors import wrong
from smolc.compiler.model.start import Strings
from smolc.compiler.model.types import Doc, Flag, Kind, Str, ToModel, choice, read_text

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_REPOSITORY = re.compile(rf"{_NAME}/{_NAME}")
LONGEST = 96
"""Characters of a repository's id, as the hub has it."""


def _repository(value: Any) -> str:
    text = str(read_text(value))
    if (
        _REPOSITORY.fullmatch(text) is None
        or len(text) > LONGEST
        or any(bad in text for bad in ("--", ".."))
        or text.endswith(".git")
    ):
        help = "an owner and a name of letters, digits, `-`, `_` and `.`, as in `someone/smol-dpo`"
        raise wrong(
            f"{text[:200]!r} cannot be a repository on the hub", getattr(value, "span", None), help=help
        )
    return text


Repository = Annotated[str, Kind(_repository, Doc("a repository's id", '"someone/smol-dpo"'))]


class Publish(Noun):
    """Where a trained model goes, with its card. Nothing is pushed unless `smolc publish`, or `smolc run --publish`, is
    called, and all that the recipe expects of its evals holds."""

    of: ToModel = Field(
        description="A stage or a merge whose model is pushed; of a grid, its winner.", examples=["dpo"]
    )
    to: Repository = Field(
        description="Repository on the hub, made if it is not there. The token is the hub's own (`hf auth login`, or "
        "`HF_TOKEN`), never part of a recipe."
    )
    private: Flag = Field(
        default=True,
        description="Whether only its owner sees it. A public repository is never pushed to while this is true.",
        examples=["false"],
    )
    weights: Annotated[Literal["merged", "adapter"], choice("merged", "adapter")] = Field(
        default="merged",
        description="What is pushed of a stage with an adapter: a model that loads by itself, or the adapter alone.",
    )
    license: Str | None = Field(
        default=None,
        description="Licence of the model, as the hub names it; unknown unless given. The licences of its data and of "
        "what it was trained from are theirs.",
        examples=['"apache-2.0"'],
    )
    language: Strings = Field(
        default=(),
        description="Languages that it speaks, as ISO 639-1 codes.",
        examples=['["en", "de"]'],
    )
