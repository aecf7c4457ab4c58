"""Typed constructors: `optim = adamw(lr = 2e-5)`.

The variant is picked by its word first, so that every error after that speaks of that variant only. A bare word is a
constructor without arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from smolc.compiler.diagnostics import Span
from smolc.compiler.diagnostics.suggest import closest
from smolc.compiler.model.base import Args, Origin, Reading, Variant
from smolc.compiler.model.errors import wrong
from smolc.compiler.model.types import describe
from smolc.compiler.syntax import tree


class OneOf:
    """Metadata of an `Annotated` type: one of several variants, by its word.

    `default` is the variant that an override such as `optim.lr = 1e-5` means where no constructor was written.
    """

    def __init__(self, *variants: type[Variant], default: type[Variant] | None = None) -> None:
        self.variants: Mapping[str, type[Variant]] = {v.word: v for v in variants}
        self.default = default

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = {word: handler.generate_schema(variant) for word, variant in self.variants.items()}
        tagged = core_schema.tagged_union_schema(choices, discriminator=_word_of)
        return core_schema.no_info_before_validator_function(self._read, tagged)

    def _read(self, value: Any) -> Any:
        if isinstance(value, Variant):
            return value
        if isinstance(value, tree.Ref) and len(value.path.parts) == 1:
            value = tree.Call(value.path.parts[0], (), value.span)
        if not isinstance(value, tree.Call):
            words = ", ".join(self.variants)
            raise wrong(
                f"expected one of {words}, found {describe(value)}",
                getattr(value, "span", None),
                help=f"write it as {' or '.join(f'`{form}`' for form in self._forms(value))}",
                name="wrong-type",
            )
        return self._picked(value)

    def _forms(self, value: Any) -> list[str]:
        """The constructors that take a number or a text alone, around it; the first one where none does."""
        if isinstance(value, tree.Text) and value.value in self.variants:
            return [value.value]
        forms = []
        for word, variant in self.variants.items():
            if not isinstance(value, tree.Number | tree.Text) or not variant.positional:
                continue
            argument = tree.Argument(None, value, value.span)
            call = tree.Call(tree.Ident(word, value.span), (argument,), value.span)
            try:
                variant.model_validate(arguments(call, variant), context=Reading())
            except ValidationError:
                continue
            key = variant.positional[0]
            name = "" if variant.model_fields[key].is_required() else f"{key} = "
            forms.append(f"{word}({name}{value.span.text})")
        return forms or [next(iter(self.variants))]

    def _picked(self, value: tree.Call) -> VariantArgs:
        word = value.name.text
        if not word and self.default is not None:
            word = self.default.word
        if word not in self.variants:
            near = closest(word, list(self.variants))
            raise wrong(
                f"`{word}` is not one of {', '.join(self.variants)}" if word else "say which one first",
                value.name.span,
                help=f"did you mean `{near}`?" if near else f"one of {', '.join(self.variants)}",
                name="unknown-variant",
            )
        return arguments(value, self.variants[word])


def _word_of(value: Any) -> str | None:
    if isinstance(value, VariantArgs):
        return value.word
    return value.word if isinstance(value, Variant) else None


class VariantArgs(Args):
    """The arguments of a constructor that has been picked."""

    word: str


def arguments(call: tree.Call, variant: type[Variant]) -> VariantArgs:
    """Arguments by name. Raises pydantic errors for too many positional ones and for names given twice."""
    keys: dict[str, Span] = {}
    values: dict[str, Any] = {}
    spans: dict[str, Span] = {}
    position = 0
    for argument in call.arguments:
        if argument.name is None:
            if position >= len(variant.positional):
                limit = len(variant.positional)
                raise wrong(
                    f"`{variant.word}` takes {limit or 'no'} unnamed argument{'s' if limit != 1 else ''}",
                    argument.span,
                    help="name it: one of " + ", ".join(f"`{n}`" for n in variant.model_fields),
                    name="unnamed-argument",
                )
            key = variant.positional[position]
            position += 1
            key_span = argument.span
        else:
            key, key_span = argument.name.text, argument.name.span
        if key in values and spans[key].source is key_span.source:
            raise wrong(f"`{key}` is given twice in `{variant.word}`", key_span, name="duplicate-argument")
        keys[key], values[key], spans[key] = key_span, argument.value, argument.value.span
    made = VariantArgs(Origin(call.span, keys, spans), f"`{variant.word}`", values)
    made.word = variant.word
    return made
