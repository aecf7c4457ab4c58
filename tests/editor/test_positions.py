"""Places and numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolc.compiler.editor.numbers import in_full
from smolc.compiler.editor.positions import Positions

TEXT = "aé🙂b\n\nlast"


@pytest.mark.parametrize(
    ("unit", "places"),
    [
        ("utf-16", [(0, 0), (0, 1), (0, 2), (0, 4), (0, 5), (1, 0), (2, 0)]),
        ("utf-8", [(0, 0), (0, 1), (0, 3), (0, 7), (0, 8), (1, 0), (2, 0)]),
        ("utf-32", [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 0), (2, 0)]),
    ],
)
def test_places(unit: str, places: list[tuple[int, int]]) -> None:
    positions = Positions(TEXT, unit)
    assert [positions.place(offset) for offset in range(7)] == places
    assert [positions.offset(*place) for place in places] == list(range(7))


def test_places_that_are_not_there() -> None:
    positions = Positions(TEXT)
    assert positions.offset(0, 99) == 4
    assert positions.offset(0, 3) == 2  # between the halves of the smiley
    assert positions.offset(99, 0) == len(TEXT)
    assert Positions("").offset(3, 3) == 0


@given(st.text(alphabet="a🙂é\n", max_size=12), st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_there_and_back(text: str, unit: str) -> None:
    positions = Positions(text, unit)
    for offset in range(len(text) + 1):
        assert positions.offset(*positions.place(offset)) == offset


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("64Ki", "65,536"),
        ("4Mitok", "4,194,304 tokens"),
        ("1.5Mtok", "1,500,000 tokens"),
        ("128seq", "128 sequences"),
        ("10000step", "10,000 steps"),
        ("3%", "0.03 as a fraction"),
        ("0.5%", "0.005 as a fraction"),
        ("90min", "5,400 seconds"),
        ("80GiB", "85,899,345,920 bytes"),
        ("2e-5", "0.00002"),
        ("1e18", None),
        ("42", None),
        ("10K", None),
    ],
)
def test_numbers_in_full(text: str, full: str | None) -> None:
    assert in_full(text) == full
