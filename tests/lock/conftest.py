"""The folder that the tests of locks work in."""

from pathlib import Path

import pytest
from locking import Folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return Folder(tmp_path, monkeypatch)
