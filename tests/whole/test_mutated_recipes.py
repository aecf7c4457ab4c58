"""A few of what `bench/fuzz.py` makes by the hundred thousand: whatever stands in a recipe, nothing is raised."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz", REPO / "bench/fuzz.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_raised(fuzz: ModuleType, seed: int) -> None:
    random = Random(seed)
    texts = fuzz.seeds()
    path = (REPO / "tests/lint/base/fuzz.recipe").resolve()
    for _ in range(15):
        text = fuzz.mutated(random, texts)
        try:
            fuzz.through(text, path)
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}\n{text}") from error
