from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolc.compiler.model.types import Quantity
from smolc.compiler.plan.batch import Indivisible, sequences, split


@given(st.integers(1, 512), st.integers(1, 64), st.integers(1, 64))
def test_the_global_batch_is_what_was_asked_for_on_any_cluster(batch: int, devices: int, most: int) -> None:
    try:
        made = split(batch, devices, None, most)
    except Indivisible:
        assert batch % devices
    else:
        assert made.micro * made.accumulation * made.data_parallel == batch == made.global_sequences
        assert 1 <= made.micro <= most
        larger = [m for m in range(made.micro + 1, most + 1) if (batch // devices) % m == 0]
        assert not larger, "a larger micro batch would have fitted"


@given(st.integers(1, 512), st.integers(1, 64))
def test_the_sizes_that_are_offered_can_be_divided(batch: int, devices: int) -> None:
    try:
        split(batch, devices, None, 8)
    except Indivisible as error:
        offered = [
            int(word.removesuffix("seq")) for word in error.help.split(";")[0].split() if word.endswith("seq")
        ]
        assert offered and all(split(size, devices, None, 8) for size in offered)
        fewer = int(error.help.split("run on ")[1].split()[0])
        assert split(batch, fewer, None, 8)


def test_a_micro_batch_that_does_not_divide_names_the_nearest_that_do() -> None:
    with pytest.raises(
        Indivisible, match="32 sequences per device cannot be divided into micro batches of 5"
    ) as caught:
        split(64, 2, 5, 8)
    assert caught.value.help == "the nearest that fit: 4 and 8"


def test_tokens_are_whole_packed_rows() -> None:
    assert sequences(Quantity(65536, "tok"), 4096, packed=True) == 16
    assert sequences(Quantity(7, "seq"), 4096, packed=False) == 7


def test_tokens_that_are_no_whole_rows_offer_the_nearest() -> None:
    with pytest.raises(Indivisible, match="10,000 tokens is not a whole number of rows of 4,096") as caught:
        sequences(Quantity(10_000, "tok"), 4096, packed=True)
    assert caught.value.help == "the nearest that are: 8192tok and 12288tok"


def test_tokens_need_packed_rows() -> None:
    with pytest.raises(Indivisible, match="needs packed rows"):
        sequences(Quantity(65536, "tok"), 4096, packed=False)
