"""Properties of mixtures."""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from smolc.runtime.data.mixing import Supply, mix
from smolc.runtime.data.shuffle import permutation
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import All, Share, Take, Weight

ALL = All(type="all")


def supply(name: str, tokens: Any, share: float | None = None, at_most: float = 1.0) -> Supply:
    weight = ALL if share is None else Share(type="share", share=share, at_most_epochs=at_most)
    sizes = np.asarray(tokens)
    return Supply(name, sizes, np.maximum(sizes // 2, 1), weight)


def amounts(supplies: list[Supply], draws: Any, basis: str) -> list[int]:
    if basis == "examples":
        return [len(d.rows) for d in draws]
    if basis == "trained":
        return [int(s.trained[d.rows].sum()) for s, d in zip(supplies, draws, strict=True)]
    return [int(s.tokens[d.rows].sum()) for s, d in zip(supplies, draws, strict=True)]


rows = st.builds(
    lambda seed, size: np.random.default_rng(seed).integers(1, 30, size, endpoint=True),
    st.integers(0, 1000),
    st.integers(400, 600),
)


@given(
    st.lists(st.tuples(rows, st.integers(1, 20), st.sampled_from([1.0, 1.5, 4.0])), min_size=2, max_size=4),
    st.sampled_from(["tokens", "trained", "examples"]),
    st.integers(0, 5),
)
def test_shares_alone(
    parts: list[tuple[Any, int, float]], basis: Literal["tokens", "trained", "examples"], seed: int
) -> None:
    whole = sum(weight for _, weight, _ in parts)
    supplies = [supply(str(i), r, w / whole, most) for i, (r, w, most) in enumerate(parts)]
    draws = mix(supplies, basis, None, seed)
    realised = amounts(supplies, draws, basis)
    for part, draw, amount, source in zip(parts, draws, realised, supplies, strict=True):
        assert abs(amount / sum(realised) - part[1] / whole) <= max(0.005, 30 / sum(realised))
        assert draw.share == pytest.approx(amount / sum(realised))
        # Each row is there as often as any other, or once more.
        counts = np.bincount(draw.rows, minlength=len(source.tokens))
        assert counts.max() - counts.min() <= 1
        assert counts.max() <= np.ceil(part[2])
    # It is the largest such mixture: some source is used up.
    assert any(d.epochs > part[2] * 0.97 for d, part in zip(draws, parts, strict=True))


@given(rows, rows, st.floats(0.05, 0.6), st.sampled_from(["tokens", "trained", "examples"]))
def test_a_share_is_of_the_whole_mixture(
    fixed: Any, other: Any, share: float, basis: Literal["tokens", "trained", "examples"]
) -> None:
    supplies = [supply("fixed", fixed), supply("other", other, share, 8.0)]
    draws = mix(supplies, basis, None, 1)
    kept, added = amounts(supplies, draws, basis)
    whole = {"tokens": sum(fixed), "trained": sum(np.maximum(fixed // 2, 1)), "examples": len(fixed)}
    assert kept == whole[basis]
    assert abs(added / (kept + added) - share) <= 0.005


@given(rows, rows, st.floats(0.1, 0.9), st.sampled_from(["tokens", "trained", "examples"]))
def test_a_budget_scales_the_mixture(
    fixed: Any, other: Any, factor: float, basis: Literal["tokens", "trained", "examples"]
) -> None:
    supplies = [supply("fixed", fixed), supply("other", other, 0.3, 4.0)]
    full = sum(amounts(supplies, mix(supplies, basis, None, 1), "tokens"))
    budget = int(full * factor)
    assume(budget > 1000)
    try:
        draws = mix(supplies, basis, budget, 1)
    except JobError as error:
        # One row of a hundred is more than half a percent.
        assert "too long for so small a mixture" in error.message
        assert budget < 8000
        return
    tokens = amounts(supplies, draws, "tokens")
    # By examples, the tokens are only as near as the sample's mean is to the source's.
    assert abs(sum(tokens) - budget) <= (60 if basis == "tokens" else 0.25 * budget)
    added = amounts(supplies, draws, basis)
    assert abs(added[1] / sum(added) - 0.3) <= max(0.005, 30 / sum(added))


def test_the_same_seed_gives_the_same_rows_and_another_gives_others() -> None:
    supplies = [supply("a", [1] * 100, 0.5), supply("b", [1] * 900, 0.5)]
    first, again, other = (mix(supplies, "tokens", None, seed)[1].rows.tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert first != list(range(100))


def test_a_source_that_runs_out_is_named_with_what_it_has() -> None:
    supplies = [supply("chat", [10] * 90), supply("math", [10] * 5, 0.1)]
    with pytest.raises(JobError) as caught:
        mix(supplies, "tokens", None, 0)
    assert "math: a share of 10.00% needs 100 tokens, but it has 50" in caught.value.message
    assert "largest possible share is 5.26%" in str(caught.value.help)
    largest = mix([supply("chat", [10] * 90), supply("math", [10] * 5, 50 / 950)], "tokens", None, 0)
    assert len(largest[1].rows) == 5


@pytest.mark.parametrize(
    ("supplies", "budget", "message"),
    [
        ([supply("a", [1, 1], 0.5), supply("b", [1], 0.3)], None, "the shares add up to 80.00%, not 100%"),
        ([supply("a", [1, 1]), supply("b", [1], 1.0)], None, "leaves nothing for the sources"),
        ([supply("a", [])], None, "a: no rows are left"),
        ([supply("a", [5] * 10)], 100, "a: a mixture of 100 tokens needs 100 tokens of it, but it has 50"),
        ([supply("a", [50, 50])], 1, "the mixture is empty"),
    ],
)
def test_mixtures_that_cannot_be(supplies: list[Supply], budget: int | None, message: str) -> None:
    with pytest.raises(JobError, match=re.escape(message)):
        mix(supplies, "tokens", budget, 0)


def test_rows_too_long_for_the_share_are_an_error() -> None:
    # Each of the twenty gets one row where it should have one and a half.
    supplies = [supply("half", [10] * 30, 0.5)] + [supply(str(i), [10] * 3, 0.025) for i in range(20)]
    with pytest.raises(
        JobError, match=r"half: is 60\.00% of the mixture, not 50\.00%: the rows are too long"
    ):
        mix(supplies, "tokens", 600, 0)


@pytest.mark.parametrize(
    ("weight", "tokens"),
    [
        (All(type="all", at_most_tokens=300), 300),
        (All(type="all", at_most_rows=20), 200),
        (All(type="all", at_most_rows=5000), 1000),
        (All(type="all", at_most_rows=20, at_most_tokens=150), 150),
        (Take(type="take", fraction=None, rows=None, tokens=420), 420),
    ],
)
def test_fixed_amounts_have_caps(weight: Weight, tokens: int) -> None:
    sizes = np.full(100, 10)
    (draw,) = mix([Supply("a", sizes, sizes, weight)], "tokens", None, 1)
    assert sizes[draw.rows].sum() == tokens
    assert len(set(draw.rows.tolist())) == len(draw.rows)


@pytest.mark.parametrize("basis", ["tokens", "trained", "examples"])
@given(rows, st.integers(200, 3000), st.integers(0, 3))
def test_caps_and_takes_are_drawn_in_their_own_unit(basis: Any, sizes: Any, cap: int, seed: int) -> None:
    trained = np.maximum(sizes // 3, 1)
    for weight in (
        All(type="all", at_most_tokens=cap),
        Take(type="take", fraction=None, rows=None, tokens=cap),
    ):
        (draw,) = mix([Supply("a", sizes, trained, weight)], basis, None, seed)
        assert cap - 30 < sizes[draw.rows].sum() <= cap
        assert len(set(draw.rows.tolist())) == len(draw.rows)
    capped = Share(type="share", share=0.5, at_most_epochs=1.0, at_most_tokens=cap)
    other = supply("b", [1] * 4000, 0.5)
    both = mix([Supply("a", sizes, trained, capped), other], basis, None, seed)
    assert sizes[both[0].rows].sum() <= cap


def test_a_share_has_caps_in_tokens_and_rows() -> None:
    chat = supply("chat", [10] * 100, 0.5)
    for capped in (
        Share(type="share", share=0.5, at_most_epochs=4, at_most_tokens=200),
        Share(type="share", share=0.5, at_most_epochs=4, at_most_rows=20),
    ):
        sizes = np.full(50, 10)
        one, other = mix([chat, Supply("math", sizes, sizes, capped)], "tokens", None, 1)
        assert (len(one.rows), len(other.rows)) == (20, 20)
        fixed = supply("chat", [10] * 100)
        with pytest.raises(JobError, match=r"math: a share of 50.00% needs 1,000 tokens, but it has 200"):
            mix([fixed, Supply("math", sizes, sizes, capped)], "tokens", None, 1)


def test_a_take_of_more_tokens_than_there_are_is_an_error() -> None:
    take = Take(type="take", fraction=None, rows=None, tokens=1001)
    with pytest.raises(JobError, match="a: take asks for 1,001 tokens, but there are 1,000"):
        mix([Supply("a", np.full(100, 10), np.full(100, 5), take)], "tokens", None, 1)


def test_rows_of_many_lengths_meet_their_shares_within_the_tolerance() -> None:
    rng = np.random.default_rng(0)
    for seed in range(30):
        a, b = (rng.lognormal(5, 1, 300).astype(int) + 1 for _ in range(2))
        draws = mix([supply("a", a, 0.3, 2.0), supply("b", b, 0.7, 2.0)], "tokens", None, seed)
        assert abs(draws[0].share - 0.3) <= 0.002


def test_permutations_do_not_depend_on_the_version_or_the_machine() -> None:
    assert permutation(8, 42, "draw", "chat").tolist() == [3, 7, 2, 5, 1, 6, 4, 0]
    assert sorted(permutation(1000, 1).tolist()) == list(range(1000))
    assert permutation(50, 1, "a").tolist() != permutation(50, 1, "b").tolist()
    assert permutation(0, 1).tolist() == []
