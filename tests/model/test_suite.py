from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from smolc.compiler.model.start import SHIPPED
from smolc.compiler.model.suite import SUITE
from smolc.compiler.plan import templates
from smolc.compiler.plan.defaults import END_OF_TURN


def test_each_eval_is_a_task_of_lm_eval() -> None:
    found = importlib.util.find_spec("lm_eval")
    if found is None or found.origin is None:
        pytest.skip("lm-eval is not installed")
    wanted = {entry.task for entry in SUITE.values()}
    folder = Path(found.origin).parent / "tasks"
    for path in folder.rglob("*.y*ml"):
        match = re.search(r"^(?:task|group): *[\"']?([\w-]+)", path.read_text(encoding="utf-8"), flags=re.M)
        wanted.discard(match[1] if match else "")
    assert not wanted


def test_shipped_templates_are_those_in_the_folder_and_end_their_turns() -> None:
    assert {p.stem for p in templates.SHIPPED.glob("*.jinja")} == set(SHIPPED) == set(END_OF_TURN)
    for name, token in END_OF_TURN.items():
        text = (templates.SHIPPED / f"{name}.jinja").read_text(encoding="utf-8")
        assert token in text and "generation %}" in text
