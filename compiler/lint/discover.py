"""Finds the rules: every module in a folder of `rules/`. There is no list of them."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pathlib import Path

from smolc.compiler.lint import rules
from smolc.compiler.lint.rule import Loaded


@lru_cache(maxsize=1)
def all_rules() -> tuple[Loaded, ...]:
    """All rules, ordered by code."""
    loaded = []
    for path in Path(rules.__path__[0]).glob("*/*.py"):
        if path.stem == "__init__":
            continue
        module = import_module(f"{rules.__name__}.{path.parent.name}.{path.stem}")
        loaded.append(Loaded(module.RULE, module.check, module.__doc__ or "", module.__name__))
    return tuple(sorted(loaded, key=lambda one: one.rule.code))


def find(name: str) -> Loaded | None:
    """The rule with this name or code."""
    wanted = name.lower()
    return next((one for one in all_rules() if wanted in (one.rule.name, one.rule.code.lower())), None)
