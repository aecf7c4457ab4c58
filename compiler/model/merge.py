"""`merge`: one model made of the weights of several; and what a name goes back to, through merges and stages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from smolc.compiler.model.base import Noun, Variant
from smolc.compiler.model.types import Doc, Fraction, Kind, Link, MergeWeight, ToModel, choice, listed
from smolc.compiler.model.variants import OneOf

if TYPE_CHECKING:
    from smolc.compiler.model.recipe import Recipe


class Soup(Variant):
    """The mean of all inputs, each with the same weight (a uniform soup)."""

    word: ClassVar[str] = "soup"


class Linear(Variant):
    """The sum of the inputs, each times its weight. The weights are taken as they are written, and should add up to 1."""

    word: ClassVar[str] = "linear"
    positional: ClassVar[tuple[str, ...]] = ("weights",)
    weights: Annotated[
        tuple[MergeWeight, ...], Kind(listed, Doc("a weight for each input", "[90%, 10%]"))
    ] = Field(
        description="One for each name in `of`, in its order; below 0 takes away.", examples=["[0.9, 0.1]"]
    )


class Slerp(Variant):
    """Of two inputs, the point between them on the arc from the first to the second (spherical linear interpolation),
    tensor by tensor. Two tensors that point the same way are interpolated on the straight line."""

    word: ClassVar[str] = "slerp"
    positional: ClassVar[tuple[str, ...]] = ("at",)
    at: Fraction = Field(
        description="How far along: 0% is the first input, 100% the second.", examples=["50%", "0.3"]
    )


class Merge(Noun):
    """One model made of the weights of several that have one architecture. It stands wherever a stage may: in `init`,
    as a reference, in an eval, in another merge. Nothing is trained, and no GPU is needed."""

    of: Annotated[
        tuple[ToModel, ...], Kind(listed, Doc("names of models, stages and merges", "[sft, dpo]"))
    ] = Field(description="The models, stages and other merges whose weights it is made of.")
    method: Annotated[Linear | Slerp | Soup, OneOf(Linear, Slerp, Soup)] = Field(
        default=Soup.unwritten(),
        description="How the weights are put together.",
        examples=["linear(weights = [90%, 10%])", "slerp(at = 50%)"],
    )
    checkpoints: Annotated[Literal["none", "all"], choice("none", "all")] = Field(
        default="none",
        description="Whether the checkpoints that the stages in `of` keep go into it, too; for `soup`.",
    )
    like: ToModel | None = Field(
        default=None,
        description="The input whose tokenizer, chat template, generation config and number format it has; the first of "
        "`of` unless given.",
    )

    @property
    def pattern(self) -> Link | None:
        """What it is like; None only of one with mistakes."""
        return self.like or next(iter(self.of), None)


def behind(name: str, recipe: Recipe) -> str:
    """Of a merge the stage or model whose tokenizer and template it has, through merges of merges; else the name itself."""
    seen: set[str] = set()
    while name in recipe.merges and name not in seen:
        seen.add(name)
        pattern = recipe.merges[name].pattern
        name = pattern.name if pattern is not None else name
    return name


def upstream(name: str, recipe: Recipe) -> Iterator[str]:
    """The name itself, then all models, stages and merges that its weights go back to; each once."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop(0)
        if one in seen:
            continue
        seen.add(one)
        yield one
        if one in recipe.merges:
            waiting += [link.name for link in recipe.merges[one].of]
        elif one in recipe.stages:
            waiting.append(recipe.stages[one].init.name)
