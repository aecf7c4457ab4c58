"""KTO's estimate of the KL is of answers to other prompts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolc.runtime.train.kto import mismatched


@pytest.mark.parametrize(
    ("prompts", "size", "expected"),
    [
        pytest.param([1, 2, 3, 4, 5, 6], 3, [2, 0, 1, 5, 3, 4], id="moved by one"),
        pytest.param([1, 1, 2, 2], 4, [2, 3, 0, 1], id="pairs, side by side"),
        pytest.param([1, 2, 3, 4, 5], 2, [1, 0, 3, 2, 3], id="a last batch of one row"),
        pytest.param([1, 1, 2, 3], 2, [3, 3, 3, 2], id="a batch of one prompt"),
        pytest.param([1, 1, 1], 3, [2, 0, 1], id="no other prompt"),
        pytest.param([1], 4, [0], id="one row"),
    ],
)
def test_an_answer_to_another_prompt(prompts: list[int], size: int, expected: list[int]) -> None:
    assert mismatched(np.array(prompts), size).tolist() == expected


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(1, 9))
def test_never_its_own_where_there_is_another(prompts: list[int], size: int) -> None:
    codes = np.array(prompts)
    others = mismatched(codes, size)
    assert len(set(prompts)) == 1 or (codes[others] != codes).all()
    if len(set(prompts)) == len(prompts) > 1 and len(prompts) % size == 0 and size > 1:
        # Those of a batch are its own, in another order.
        assert (
            np.sort(others.reshape(-1, size), axis=1) // size
            == np.arange(len(prompts)).reshape(-1, size) // size
        ).all()
