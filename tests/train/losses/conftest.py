"""Makes a training step quick enough for a hundred of them in each test."""

from collections.abc import Iterator
from functools import cache

import accelerate.utils.imports as installed
import pytest


@pytest.fixture(autouse=True, scope="session")
def looks_once() -> Iterator[None]:
    """accelerate reads the metadata of installed packages several times a step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(installed, "_is_package_available", cache(installed._is_package_available))
        yield
