"""Which rows are kept out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolc.runtime.data.formats import Chat, Pair, Text
from smolc.runtime.data.holdout import hold_out, key_of
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import Holdout


def held_of(keys: list[list[bytes]], rows: int | None, fraction: float | None = None) -> list[list[bool]]:
    return hold_out(keys, [str(i) for i in range(len(keys))], Holdout(fraction=fraction, rows=rows), 3)


@given(
    st.lists(st.lists(st.integers(0, 300), min_size=20, max_size=80), min_size=1, max_size=3),
    st.integers(1, 15),
)
def test_equal_rows_are_on_one_side_and_no_more_are_held_out_than_asked(
    parts: list[list[int]], rows: int
) -> None:
    keys = [[str(number).encode() for number in part] for part in parts]
    try:
        held = held_of(keys, rows)
    except JobError:
        # Nothing fits: no row is unique within a source's part of the holdout.
        return
    sides: dict[bytes, bool] = {}
    for part, flags in zip(keys, held, strict=True):
        for key, flag in zip(part, flags, strict=True):
            assert sides.setdefault(key, flag) is flag
    assert 0 < sum(map(sum, held)) <= rows + len(parts)


def test_unique_rows_are_held_out_in_proportion() -> None:
    keys = [[f"{source}{row}".encode() for row in range(size)] for source, size in enumerate((100, 300))]
    assert [sum(flags) for flags in held_of(keys, 20)] == [5, 15]
    assert [sum(flags) for flags in held_of(keys, None, 0.1)] == [10, 30]
    assert held_of(keys, 20) == held_of(keys, 20)


def test_a_holdout_of_everything_or_nothing_is_an_error() -> None:
    with pytest.raises(JobError, match="leaves nothing to train on"):
        held_of([[b"a", b"b"]], 2)
    with pytest.raises(JobError, match="is empty"):
        held_of([[b"a", b"a", b"b", b"b"]], 1)


def test_keys_ignore_case_and_spaces() -> None:
    def said(text: str) -> Chat:
        messages = [{"role": "user", "content": text}, {"role": "assistant", "content": "ok"}]
        return Chat(messages, 1, None, {})

    assert key_of(said("Hello  World\n")) == key_of(said("hello world"))
    assert key_of(said("hello world")) != key_of(said("hello worlds"))
    assert key_of(Text("a B")) == key_of(Text("A  b"))


def test_pairs_are_told_apart_by_their_prompts() -> None:
    prompt = [{"role": "user", "content": "q"}]
    answers = [[{"role": "assistant", "content": text}] for text in "abc"]
    assert key_of(Pair(prompt, answers[0], answers[1])) == key_of(Pair(prompt, answers[0], answers[2]))
