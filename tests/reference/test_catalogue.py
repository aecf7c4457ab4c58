"""The catalogue says what the compiler does: its examples, defaults, limits and units are tried out."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import BaseModel

from smolc.compiler.diagnostics import Diagnostic
from smolc.compiler.diagnostics.render import render_full
from smolc.compiler.model.build import build
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.types import Link
from smolc.compiler.reference.catalogue import Block, Key, Line, catalogue
from smolc.compiler.resolve import resolve
from smolc.compiler.syntax import tree
from smolc.compiler.syntax.units import COUNTS

BASE = Path(__file__).with_name("every_block.recipe")

TARGETS = {
    "recipe": "recipe", "model": "model.base", "dataset": "dataset.unused", "mixture": "mixture.practice",
    "template": "template.chat", "stage": "stage.sft", "stage.sweep": "stage.sft.sweep", "eval": "eval.final",
    "eval.task": "eval.final.task.words", "eval.vibe": "eval.final.vibe.taste",
    "eval.replicates": "eval.final.replicates.ifeval", "eval.task.pass_at": "eval.many.task.numbers",
    "cluster": "cluster.node", "merge": "merge.mean",
    "publish": "publish.hubbed_sft", "generate": "generate.answers", "pairs": "pairs.judged",
    "generate.decode": "generate.strong", "generate.checkpoint": "generate.strong",
    "generate.samples": "generate.spare", "pairs.run_code": "pairs.plain",
    # Keys that exclude one another, or that need another.
    "model.hub": "model.hubbed", "model.revision": "model.hubbed", "model.path": "model.local",
    "model.gguf": "model.local", "dataset.hub": "dataset.hubbed_rows", "dataset.config": "dataset.hubbed_rows",
    "dataset.split": "dataset.hubbed_rows", "dataset.streaming": "dataset.hubbed_rows",
    "dataset.revision": "dataset.hubbed_rows",
    "template.file": "template.filed", "template.text": "template.inline",
    "stage.method.cpt": "stage.cpt", "stage.method.dpo": "stage.dpo", "stage.method.orpo": "stage.dpo",
    "stage.method.cpo": "stage.dpo", "stage.method.simpo": "stage.dpo",
    "stage.method.kto": "stage.kto", "stage.packing.wrapped": "stage.cpt",
    "model.tokenizer": "model.hubbed", "model.tokenizer.bytes": "model.base",
    "eval.tasks": "eval.sampled", "eval.task.avg": "eval.sampled.task.numbers",
}  # fmt: skip

BESIDE = {
    "stage.method.dpo.weights": {"loss": "[sigmoid, sft]"},
    **{
        f"eval.tasks.{name}.pass_at": {"avg": "8"}
        for name in ("gpqa_diamond", "gsm8k_perturbed", "needle", "alpaca_eval")
    },
    "model.scratch.llama.heads": {"hidden": "64"},
    "dataset.format.map.system": {"user": '"{question}"', "assistant": '"{answer}"'},
    "dataset.format.map.user": {"assistant": '"{answer}"'},
    "dataset.format.map.assistant": {"user": '"{question}"'},
    "dataset.format.map.chosen": {"user": '"{question}"', "rejected": '"{worst}"'},
    "dataset.format.map.rejected": {"user": '"{question}"', "chosen": '"{best}"'},
}
"""Arguments that an example needs beside it."""


def keys() -> Iterator[tuple[str, Key]]:
    """All keys of all blocks, and the arguments of their constructors, by address."""

    def of(block: Block, at: str) -> Iterator[tuple[str, Key]]:
        values = [replace(line.value, name=ROW) for line in block.lines if line.value and at == "mixture"]
        for key in (*block.keys, *values):
            if key.name != ROW:
                yield f"{at}.{key.name}", key
            seen = []
            for variant in key.variants:
                if variant.arguments in seen:
                    continue  # the tasks of the suite, say
                seen.append(variant.arguments)
                for argument in variant.arguments:
                    yield f"{at}.{key.name}.{variant.word}.{argument.name}", argument
        for nested in block.blocks:
            yield from of(nested, f"{at}.{nested.kind}")

    for kind, block in catalogue().items():
        yield from of(block, kind)


ROW = "chats"
"""A row of a mixture is tried out as this one."""

KEYS = dict(keys())
OWNERS = {**KEYS, f"mixture.{ROW}": replace(catalogue()["mixture"].lines[0].value, name=ROW)}
EVERY_KEY = pytest.mark.parametrize("address", KEYS)


def setting(address: str, value: str | None) -> str:
    """What `--set` has to be given for the key at `address` to have a value; an argument without one is left out."""
    target = next(TARGETS[at] for at in _prefixes(address) if at in TARGETS)
    *above, word, name = address.split(".")
    owner = OWNERS.get(".".join(above))
    if owner is None:
        return f"{target}.{name}={value}"
    variant = owner.variant(word)
    assert variant is not None
    beside = BESIDE.get(address, {})
    given = {a.name: a.example for a in variant.arguments if a.required} | beside
    if value is not None:
        given[name] = value
    arguments = ", ".join(f"{key} = {text}" for key, text in given.items())
    return f"{target}.{owner.name}={word}({arguments})"


def _argument(address: str) -> bool:
    return address.rsplit(".", 2)[0] in OWNERS


def _prefixes(address: str) -> Iterator[str]:
    parts = address.split(".")
    for size in range(len(parts), 0, -1):
        yield ".".join(parts[:size])


def built(*overrides: str, path: Path = BASE) -> tuple[Recipe | None, list[Diagnostic]]:
    resolved, found = resolve(path, overrides)
    assert resolved is not None
    recipe, more = build(resolved)
    return recipe, [*found, *more]


def accepted(*overrides: str) -> Recipe:
    recipe, found = built(*overrides)
    assert recipe is not None and not found, render_full(found)
    return recipe


def test_the_catalogue_has_every_kind_of_block() -> None:
    assert list(catalogue()) == [
        "recipe", "model", "dataset", "mixture", "template", "stage", "merge", "generate", "pairs", "eval",
        "publish", "cluster",
    ]  # fmt: skip
    nested = {(kind, b.kind) for kind, block in catalogue().items() for b in block.blocks}
    assert nested == {
        ("dataset", "where"), ("mixture", "from"), ("stage", "sweep"), ("eval", "task"),
        ("eval", "vibe"), ("eval", "replicates"), ("eval", "expect"),
    }  # fmt: skip
    assert "name" not in {k.name for k in catalogue()["recipe"].keys}


@EVERY_KEY
def test_a_key_says_all_there_is_to_say(address: str) -> None:
    key = KEYS[address]
    assert key.type and key.example
    assert re.fullmatch(r"[A-Z0-9`].*[.]", key.description), key.description
    assert not (key.required and key.default)
    assert '"..."' not in key.example


@EVERY_KEY
def test_its_example_is_accepted(address: str) -> None:
    accepted(setting(address, KEYS[address].example))


@pytest.mark.parametrize("address", [a for a, key in KEYS.items() if key.default is not None])
def test_its_default_is_what_is_taken_unless_it_is_given(address: str) -> None:
    """Written down, it is accepted, and no value of the recipe changes."""
    default, example = KEYS[address].default, KEYS[address].example
    unless_given = accepted(setting(address, None)) if _argument(address) else accepted()
    assert said(accepted(setting(address, default))) == said(unless_given)
    assert said(accepted(setting(address, example))) != said(unless_given)


def said(value: object) -> object:
    """A model without the places where it was written."""
    match value:
        case BaseModel():
            return type(value).__name__, {n: said(getattr(value, n)) for n in type(value).model_fields}
        case Link() | tree.Path():
            return str(value)
        case tuple() | list():
            return [said(one) for one in value]
        case dict():
            return {key: said(one) for key, one in value.items()}
        case _ if hasattr(value, "span"):
            return value.span.text
    return value


@pytest.mark.parametrize("address", [a for a, key in KEYS.items() if key.units or key.limits])
def test_its_units_and_limits_are_those_of_the_compiler(address: str) -> None:
    key = KEYS[address]
    units = key.units or ("",)
    for unit in ("", *COUNTS, "%", "GiB", "min"):
        reports = refused(setting(address, f"1{unit}"))
        assert ("V003" in reports) == (unit not in units), unit
    for limit in filter(None, key.limits.split(", ")):
        match limit.split():
            case ["whole"]:
                assert "V002" in refused(setting(address, f"1.5{units[-1]}"))
            case ["above", low]:
                assert low == "0"
                assert "V004" in refused(setting(address, f"0{units[-1]}"))
            case ["at", "least", low]:
                assert "V004" in refused(setting(address, f"-1{units[-1]}"))
                assert "V004" not in refused(setting(address, f"{low}{units[-1]}"))
            case ["at", "most", high]:
                assert "V004" in refused(setting(address, str(int(high) + 1)))
                assert "V004" not in refused(setting(address, high))
            case [low, "to", high]:
                assert "V004" in refused(setting(address, str(int(low) - 1)))
                assert "V004" in refused(setting(address, str(int(high) + 1)))
                assert not {"V004"} & {*refused(setting(address, low)), *refused(setting(address, high))}
            case _:
                raise AssertionError(limit)


def refused(override: str) -> set[str]:
    return {d.code for d in built(override)[1]}


LINES = [
    pytest.param(kind, nested, line, id=f"{kind} {nested} {line.form}")
    for kind, block in catalogue().items()
    for nested, lines in [("", block.lines), *((b.kind, b.lines) for b in block.blocks)]
    for line in lines
]


@pytest.mark.parametrize(("kind", "nested", "line"), LINES)
def test_the_example_of_a_line_is_accepted(kind: str, nested: str, line: Line, tmp_path: Path) -> None:
    shutil.copy(BASE, tmp_path / "base.recipe")
    label = {"mixture": "fresh", "dataset": "unused", "stage": "cpt", "eval": "final"}[kind]
    pick = "pick = max(ifeval)" if nested == "sweep" else ""
    inside = (
        f"{nested} {'hubbed_rows ' * (nested == 'from')}{{\n{line.example}\n{pick}\n}}"
        if nested
        else line.example
    )
    child = tmp_path / "child.recipe"
    child.write_text(f'extends "base.recipe"\n{kind} {label} {{\n{inside}\n}}\n', encoding="utf-8")
    recipe, found = built(path=child)
    assert recipe is not None and not found, render_full(found)
    assert said(recipe) != said(accepted())
