"""One method of training as a page of markdown: what is written by hand, then what the model says of its arguments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from smolc.compiler.model.base import Variant
from smolc.compiler.model.data_checks import FITTING, MAPS
from smolc.compiler.model.methods import Adamw, Full, Lora, Method
from smolc.compiler.model.stage import Stage
from smolc.compiler.plan import defaults
from smolc.compiler.reference.catalogue import catalogue
from smolc.compiler.reference.page_of_block import arguments_of

PROSE = Path(__file__).with_name("prose")


def methods() -> dict[str, type[Variant]]:
    """By their words."""
    return {kind.word: kind for kind in get_args(get_args(Method)[0])}


def page_of_method(word: str) -> str:
    kind = methods()[word]
    key = catalogue()["stage"].key("method")
    variant = key.variant(word) if key is not None else None
    assert variant is not None
    written = PROSE.joinpath(f"method_{word}.md").read_text(encoding="utf-8").strip()
    parts = [f"# {word}", f"`method = {variant.example}` in a [stage](stage.md). {variant.docs}", written]
    parts += ["## Arguments", *(arguments_of(variant) if variant.arguments else ["It has none."])]
    parts += [
        "## What holds unless the stage says otherwise",
        "\n".join(f"- {line}" for line in _given(kind)),
    ]
    return "\n\n".join(parts)


def _given(kind: type[Variant]) -> Iterator[str]:
    rates = [defaults.learning_rate(_stage(kind, adapter)) for adapter in (Full, Lora)]
    full, adapter = (f"{rate:g}".replace("e-0", "e-") for rate in rates)
    yield f"learning rate: {full}, with an adapter {adapter}"
    size = defaults.batch(_stage(kind, Full))
    yield f"batch: {int(size.value)}{size.unit}" + (" (pairs)" if kind in defaults.PAIRED else "")
    formats = [f"`{form.word}`" for form in FITTING[kind]]
    if kind in MAPS:
        formats.append(f"`map` with {', '.join(f'`{text}`' for text in sorted(MAPS[kind]))}")
    yield f"it learns from the [formats](dataset.md) {', '.join(formats)}"


def _stage(kind: type[Variant], adapter: type[Variant]) -> Stage:
    said: dict[str, Any] = {
        "method": kind.unwritten(),
        "adapter": adapter.unwritten(),
        "optim": Adamw.unwritten(),
        "batch": None,
    }
    return Stage.model_construct(None, **said)
