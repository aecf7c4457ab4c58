"""Extraction, chains of thought and means, as tables."""

from __future__ import annotations

import math

import pytest

from smolc.runtime.evaluate.answers import extract, without_thinking
from smolc.runtime.evaluate.metrics import clustered
from smolc.runtime.jobs.evaluate import Extract

WHOLE = Extract(type="whole", marker=None)
AFTER = Extract(type="after", marker="####")
LAST = Extract(type="last_number", marker=None)


@pytest.mark.parametrize(
    ("how", "text", "answer"),
    [
        (WHOLE, "  olleh\n", "olleh"),
        (WHOLE, " \n", None),
        (AFTER, "2 + 2 = 4\n#### 4", "4"),
        (AFTER, "#### $1,234.50\nand more", "1234.5"),
        (AFTER, "#### 12.", "12"),
        (AFTER, "#### 50%", "50"),
        (AFTER, "#### -7", "-7"),
        (AFTER, "#### -0", "0"),
        (AFTER, "#### the red one ", "the red one"),
        (AFTER, "#### 3 apples", "3 apples"),
        (AFTER, "first #### 1\nthen #### 2", "2"),
        (AFTER, "####\n4", None),
        (AFTER, "4", None),
        (LAST, "it costs $1,234.00.", "1234"),
        (LAST, "3,5 and 7,9", "9"),
        (LAST, "from 10-20", "20"),
        (LAST, "it is -5 degrees", "-5"),
        (LAST, "it is −5 degrees", "-5"),
        (LAST, "x = .50", "0.5"),
        (LAST, "lr 2e-5", "0.00002"),
        (LAST, "1e999999999", "999999999"),
        (LAST, "12,345,678", "12345678"),
        (LAST, "100", "100"),
        (LAST, "none at all", None),
        (LAST, "", None),
    ],
)
def test_extraction(how: Extract, text: str, answer: str | None) -> None:
    assert extract(text, how) == answer


@pytest.mark.parametrize(
    ("text", "opened", "left", "unterminated"),
    [
        ("<t>hm</t>42", False, "42", False),
        ("so <t>a</t>4<t>b</t>2", False, "so 42", False),
        ("hm</t>42", True, "42", False),
        ("hm</t>42", False, "42", False),
        ("hm</t><t>again</t>42", True, "42", False),
        ("a</t>b</t>42", False, "42", False),
        ("<t>a<t>b</t>42", False, "42", False),
        ("42", False, "42", False),
        ("hm 42", True, "", True),
        ("<t>hm 42", False, "", True),
        ("<t>a</t>1<t>b 42", False, "1", True),
    ],
)
def test_chain_of_thought(text: str, opened: bool, left: str, unterminated: bool) -> None:
    assert without_thinking(text, ("<t>", "</t>"), opened) == (left, unterminated)


def test_standard_error_is_over_problems_not_samples() -> None:
    value, stderr = clustered([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
    assert value == pytest.approx(0.5)
    assert stderr == pytest.approx(math.sqrt(0.25 / 3))
    # The same problems asked twice as often: no more certain.
    assert clustered([[1, 0] * 4, [1] * 8, [0] * 8]) == (value, stderr)
    assert clustered([[1, 0]]) == (0.5, None)
