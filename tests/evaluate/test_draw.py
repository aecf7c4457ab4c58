"""Drawing a subset: seeded, in order, each stratum with its share."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolc.runtime.evaluate.tasks.base import draw

ITEMS = [
    (name, i)
    for name, size in (("algebra", 60), ("geometry", 30), ("number", 9), ("rare", 1))
    for i in range(size)
]


def stratum(item: tuple[str, int]) -> str:
    return item[0]


@given(
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=60),
    st.integers(min_value=1, max_value=70),
    st.integers(min_value=0, max_value=9),
)
def test_size_order_and_shares(strata: list[str], size: int, seed: int) -> None:
    items = list(enumerate(strata))
    drawn = draw(items, size, lambda item: item[1], seed)
    assert len(drawn) == min(size, len(items))
    assert drawn == sorted(set(drawn))
    whole, part = Counter(strata), Counter(name for _, name in drawn)
    for name, count in whole.items():
        exact = size * count / len(items) if size < len(items) else count
        assert abs(part[name] - exact) < 1


@pytest.mark.parametrize("size", [None, 100, 1000])
def test_all_where_there_are_no_more(size: int | None) -> None:
    assert draw(ITEMS, size, stratum, 1) == ITEMS


def test_a_seed_draws_the_same_and_another_draws_others() -> None:
    first = draw(ITEMS, 20, stratum, 1)
    assert first == draw(ITEMS, 20, stratum, 1)
    assert first != draw(ITEMS, 20, stratum, 2)
    assert Counter(map(stratum, first)) == {"algebra": 12, "geometry": 6, "number": 2}


def test_another_stratum_does_not_change_what_one_draws() -> None:
    more = [*ITEMS, *(("zoo", i) for i in range(100))]
    first = [i for i in draw(ITEMS, 20, stratum, 1) if i[0] == "algebra"]
    second = [i for i in draw(more, 40, stratum, 1) if i[0] == "algebra"]
    assert first == second
