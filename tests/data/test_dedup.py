"""Rows that repeat an earlier one."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolc.runtime.data import dedup
from smolc.runtime.data.formats import Chat, Example, Judged, Pair, Text
from smolc.runtime.data.tokens import Array


def said(*turns: str) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[i % 2], "content": turn} for i, turn in enumerate(turns)]


def answer(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


@given(st.lists(st.integers(0, 30), max_size=60))
def test_exact_is_the_first_row_with_the_same_key(numbers: list[int]) -> None:
    # Keys that differ in one byte only, in either half.
    rows = [
        number.to_bytes(1, "big").rjust(16 if number % 2 else 8, b"\0").ljust(16, b"\0") for number in numbers
    ]
    keys = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(-1, 16)
    assert dedup.exact(keys).tolist() == [rows.index(row) for row in rows]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Text("A  b"), Text("a B\n"), True),
        (Text("a b"), Text("a c"), False),
        (Chat(said("Hi", "Yes"), 1, None, {}), Chat(said("hi", "yes "), 1, None, {}), True),
        (Chat(said("hi", "yes"), 1, None, {}), Chat(said("hi", "no"), 1, None, {}), False),
        (Pair(said("q"), answer("a"), answer("b")), Pair(said("Q"), answer("A"), answer("B")), True),
        (Pair(said("q"), answer("a"), answer("b")), Pair(said("q"), answer("b"), answer("a")), False),
        (Pair(said("q"), answer("a"), answer("b")), Pair(said("q"), answer("a"), answer("c")), False),
        (Judged(said("q"), answer("a"), True), Judged(said("q"), answer("a"), False), False),
        (Judged(said("q"), answer("a"), True), Judged(said("q"), answer("b"), True), False),
        (Judged(said("q"), answer("a"), True), Judged(said("q"), answer(" A"), True), True),
    ],
)
def test_keys_tell_all_of_a_row_apart(one: Example, other: Example, same: bool) -> None:
    assert (dedup.key(one) == dedup.key(other)) is same


def test_text_is_all_that_is_said() -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [{"name": "add", "arguments": {"x": 1}}]}
    assert dedup.text_of(Chat([*said("hi"), call], 1, None, {})) == (
        'hi\n\n[{"arguments": {"x": 1}, "name": "add"}]'
    )
    assert dedup.text_of(Pair(said("q"), answer("good"), answer("bad"))) == "q\ngood\nbad"
    assert dedup.text_of(Judged(said("q"), answer("a"), False)) == "q\na"


def shingles(text: str) -> set[tuple[bytes, ...]]:
    words = dedup.words(text)
    return {tuple(words[i : i + 5]) for i in range(max(1, len(words) - 4))}


def jaccard(one: str, other: str) -> float:
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b)


def signatures(texts: list[str]) -> Array:
    return np.stack([dedup.signature(text) for text in texts])


def corpus(seed: int, groups: int = 100) -> list[str]:
    """Texts of 20 to 200 words, each with a few copies in which some words are others."""
    chance = random.Random(seed)
    texts = []
    for group in range(groups):
        words = [f"w{chance.randrange(3000)}" for _ in range(chance.randrange(20, 200))]
        texts.append(" ".join(words))
        for _ in range(chance.randrange(4)):
            copy = list(words)
            for _ in range(chance.randrange(1 + len(words) // 12)):
                copy[chance.randrange(len(copy))] = f"x{group}"
            texts.append(" ".join(copy))
    chance.shuffle(texts)
    return texts


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
def test_near_finds_what_exact_similarity_finds(threshold: float) -> None:
    """Against all pairs: of rows at least 0.1 above the threshold to an earlier kept one all but 1% are dropped, and
    none is dropped for one that is 0.15 or more below it."""
    above = missed = dropped = wrong = 0
    for seed in range(2):
        texts = corpus(seed)
        first = dedup.near([signatures(texts)], threshold).tolist()
        sets = [shingles(text) for text in texts]
        for row, other in enumerate(first):
            if other != row:
                assert other < row and first[other] == other
                dropped += 1
                wrong += len(sets[row] & sets[other]) / len(sets[row] | sets[other]) < threshold - 0.15
            kept = (k for k in range(row) if first[k] == k and not sets[row].isdisjoint(sets[k]))
            best = max((len(sets[row] & sets[k]) / len(sets[row] | sets[k]) for k in kept), default=0.0)
            if other != row:
                above += 1
            elif best >= threshold + 0.1 or best == 1:
                above += 1
                missed += 1
    assert dropped > 30
    assert wrong == 0
    assert missed <= 0.01 * above


def test_the_estimate_is_unbiased() -> None:
    texts = corpus(7)
    chance = random.Random(1)
    errors = []
    for text in texts:
        words = text.split()
        for _ in range(chance.randrange(6)):
            words[chance.randrange(len(words))] = "other"
        changed = " ".join(words)
        estimate = (dedup.signature(text) == dedup.signature(changed)).mean()
        errors.append(float(estimate) - jaccard(text, changed))
    assert abs(np.mean(errors)) < 0.005
    assert np.sqrt(np.mean(np.square(errors))) < 0.045


def test_how_rows_are_parted_into_blocks_changes_nothing() -> None:
    made = signatures(corpus(3))
    whole = dedup.near([made], 0.7).tolist()
    assert len(set(whole)) < len(whole)
    for cuts in ([1, 2, 50], [120], [0, 99, 99]):
        assert dedup.near(np.split(made, cuts), 0.7).tolist() == whole


def test_similarity_is_no_chain() -> None:
    # Each is like the next one, the ends are not alike: the third stands for itself.
    words = [f"w{i}" for i in range(100)]
    texts = [" ".join(words[at : at + 60]) for at in (0, 10, 20)]
    assert jaccard(texts[0], texts[1]) > 0.65 > 0.5 > jaccard(texts[0], texts[2])
    assert dedup.near([signatures(texts)], 0.6).tolist() == [0, 0, 2]


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        ([], []),
        (["a b", "A  B", "a c"], [0, 0, 2]),  # fewer than five words: as a whole
        (["", " ", "a"], [0, 0, 2]),
        (["今日は天気がいいですね", "今日は天気がいいですね!", "明日も仕事がありますよ"], [0, 0, 2]),
        (["Is 3 < 5 or is it not so?", "Is 3 > 5 or is it not so?"], [0, 1]),
    ],
)
def test_near_of_odd_texts(texts: list[str], first: list[int]) -> None:
    made = signatures(texts) if texts else np.zeros((0, dedup.HASHES), dtype=np.uint16)
    assert dedup.near([made], 0.8).tolist() == first


def test_many_of_the_same_are_one() -> None:
    text = " ".join(f"w{i}" for i in range(40))
    one, other = dedup.signature(text), dedup.signature("something else that is said at length")
    assert dedup.near([np.stack([one, other] * 3000)], 0.8).tolist() == [0, 1] * 3000


def test_a_good_and_a_bad_answer_are_never_alike() -> None:
    prompt = said(" ".join(f"w{i}" for i in range(100)))
    rows = [Judged(prompt, answer("yes"), True), Judged(prompt, answer("no"), False)]
    rows += [Judged(prompt, answer("perhaps"), True), Judged(prompt, answer("never"), False)]
    made = np.stack([dedup.signature_of(row) for row in rows])
    assert dedup.near([made], 0.8).tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 0.8, 0.95, 1.0])
def test_bands_find_pairs_at_the_threshold(threshold: float) -> None:
    bands, width = dedup.bands_for(threshold)
    assert bands * width <= dedup.HASHES
    assert 1 - (1 - threshold**width) ** bands >= 0.99


def test_signatures_do_not_depend_on_the_process() -> None:
    """They are kept on disk: another run must make the same."""
    assert dedup.signature("one two three four five six").tolist()[:4] == [28286, 61804, 2796, 41566]
