"""What `pairs` jobs and the stages that learn from them have from each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from compiling import SMALL, job, planned

PAIRS = """
dataset more { path = "more.jsonl" }
pairs taste { by = strength(chosen = chats, rejected = more) }
mixture both { taste = all; pairs = all }
"""
SMALL = SMALL.replace("data = pairs", "data = both")


@pytest.mark.parametrize(
    ("bad", "part"), [("", 0.05), ("bad_pairs = error", 0.0), ("bad_pairs = drop(at_most = 3%)", 0.03)]
)
def test_pairs_are_tolerated_as_bad_pairs_says(bad: str, part: float, tmp_path: Path) -> None:
    plan = planned(tmp_path, SMALL + PAIRS.replace("more) }", f"more); {bad} }}"))
    assert [source["bad_rows"] for source in job(plan, "dpo-data").body["sources"]] == [part, 0.0]


TAGS = 'template chat { builtin = chatml; thinking = tags("<t>", "</t>") }'


@pytest.mark.parametrize("template", ["", "template = other"])
def test_thoughts_in_rows_have_the_tags_of_the_stage_that_learns(template: str, tmp_path: Path) -> None:
    text = SMALL.replace("template chat { builtin = chatml }", TAGS) + PAIRS
    text += 'template other { builtin = chatml; thinking = tags("<o>", "</o>") }'
    plan = planned(tmp_path, text.replace("data = both", f"data = both; {template}"))
    assert job(plan, "taste").body["thinking"] == (["<o>", "</o>"] if template else ["<t>", "</t>"])
