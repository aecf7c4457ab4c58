from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smolc.runtime.evaluate.metrics import clustered, holm, interval, pass_at, student, wilson
from smolc.runtime.evaluate.paired import RESAMPLES, paired

shares = st.lists(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=4), min_size=2, max_size=30
)
rights = st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=40)


def test_clustered_is_the_spread_of_the_problems_means() -> None:
    mean, stderr = clustered([[1, 1], [0, 0], [1, 0], [0, 1]])
    assert mean == 0.5
    assert stderr == pytest.approx(np.std([1, 0, 0.5, 0.5], ddof=1) / 2)
    assert clustered([[0.3, 0.5]]) == (0.4, None)


# Tables of Student's t, two-sided 5%.
@pytest.mark.parametrize(
    ("df", "quantile"),
    [(1, 12.7062), (2, 4.30265), (5, 2.57058), (30, 2.04227), (1000, 1.96234), (10**7, 1.95996)],
)
def test_student(df: int, quantile: float) -> None:
    assert student(df) == pytest.approx(quantile, abs=2e-4)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_published(right: int, n: int, low: float, high: float) -> None:
    """The last two are of Newcombe 1998, table I."""
    assert wilson(right, n) == pytest.approx((low, high), abs=1e-4)
    assert interval([[1.0]] * right + [[0.0]] * (n - right)) == wilson(right, n)


@given(shares)
def test_the_interval_holds_the_mean_and_stays_within_0_and_1(scores: list[list[float]]) -> None:
    low, high = interval(scores)
    assert low is not None
    assert high is not None
    assert 0 <= low <= clustered(scores)[0] + 1e-12
    assert clustered(scores)[0] - 1e-12 <= high <= 1


@given(rights)
def test_copies_of_samples_say_nothing_new(scores: list[float]) -> None:
    """Asked four times with the same end, a problem is one problem still; the interval is no narrower."""
    if len(scores) < 2:
        return
    once, often = interval([[s] for s in scores]), interval([[s] * 4 for s in scores])
    assert once[0] is not None
    assert often[0] is not None
    assert once[1] is not None
    assert often[1] is not None
    assert often[1] - often[0] >= once[1] - once[0] - 0.02


def test_all_right_or_all_wrong_is_not_certain() -> None:
    low, high = interval([[0.0] * 4] * 20)
    assert low == 0
    assert high is not None
    assert 0.1 < high < 0.25


@pytest.mark.parametrize("scores", [[[0.5]], [[0.0, 1.0]], [[7.0]]])
def test_one_problem_has_no_interval(scores: list[list[float]]) -> None:
    assert interval(scores) == (None, None)


def _binary(p: float, k: int, alike: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    """Problems that differ in how hard they are: beta-binomial; the larger `alike`, the less they differ."""
    return lambda random, n: random.binomial(1, random.beta(p * alike, (1 - p) * alike, (n, 1)), (n, k))


MADE = {
    "one sample": (0.3, 40, _binary(0.3, 1, 1e6)),
    "few right": (0.03, 60, _binary(0.03, 1, 1e6)),
    "nearly all right": (0.95, 30, _binary(0.95, 1, 1e6)),
    "four samples": (0.4, 40, _binary(0.4, 4, 1.0)),
    "four samples, few right": (0.05, 60, _binary(0.05, 4, 1.0)),
    "eight samples that hardly depend on the problem": (0.6, 30, _binary(0.6, 8, 100.0)),
    "shares": (0.75, 30, lambda random, n: random.beta(3, 1, (n, 1))),
    "grades": (5.5, 15, lambda random, n: random.uniform(1, 10, (n, 1))),
}


@pytest.mark.parametrize("name", MADE)
def test_95_of_100_intervals_hold_what_is_true(name: str) -> None:
    true, n, make = MADE[name]
    random = np.random.default_rng(5)
    held = 0
    for _ in range(1000):
        low, high = interval(make(random, n).astype(float).tolist())
        assert low is not None
        assert high is not None
        held += low <= true <= high
    assert 920 <= held <= 995


@pytest.mark.parametrize(("n", "right", "k"), [(5, 2, 1), (5, 2, 3), (6, 0, 4), (6, 6, 2), (4, 1, 4)])
def test_pass_at_k_is_the_share_of_all_draws_with_a_right_one(n: int, right: int, k: int) -> None:
    draws = list(itertools.combinations([True] * right + [False] * (n - right), k))
    assert pass_at(n, right, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_pass_at_k_as_published() -> None:
    """The product form of Chen et al. 2021."""
    for n, right, k in [(200, 3, 100), (100, 20, 10), (8, 5, 4)]:
        product = 1.0 - np.prod(1.0 - k / np.arange(n - right + 1, n + 1))
        assert pass_at(n, right, k) == pytest.approx(product)


def by_problem(scores: list[list[float]]) -> dict[str, list[float]]:
    return {str(i): samples for i, samples in enumerate(scores)}


def by_id(scores: list[float]) -> dict[str, list[float]]:
    return {str(i): [s] for i, s in enumerate(scores)}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.sampled_from([0.0, 0.5, 1.0])] * 2), min_size=2, max_size=30))
def test_what_a_difference_is(pairs: list[tuple[float, float]]) -> None:
    a, b = by_id([p[0] for p in pairs]), by_id([p[1] for p in pairs])
    there, back, again = paired(a, b), paired(b, a), paired(a, b)
    assert there is not None
    assert back is not None
    assert there == again
    assert there.n == len(pairs)
    assert there.difference == pytest.approx(np.mean([x - y for x, y in pairs]))
    assert there.difference == pytest.approx(-back.difference)
    assert 0 < there.p <= 1
    assert there.low is not None
    assert there.high is not None
    assert there.low <= there.difference + 1e-9
    assert there.difference - 1e-9 <= there.high
    if there.p < 0.05:
        assert there.low > 0 or there.high < 0


def test_identical_scores_do_not_differ() -> None:
    same = by_id([0.0, 1.0, 0.3])
    found = paired(same, same)
    assert found is not None
    assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_only_what_both_were_asked_counts() -> None:
    found = paired({"x": [1.0], "y": [1.0], "z": [0.0]}, {"z": [0.0], "y": [0.0], "w": [1.0]})
    assert found is not None
    assert (found.difference, found.n) == (0.5, 2)
    assert paired({"x": [1.0]}, {"y": [1.0]}) is None
    alone = paired({"x": [1.0]}, {"x": [0.0]})
    assert alone is not None
    assert (alone.difference, alone.low, alone.p) == (1.0, None, 1.0)


@pytest.mark.parametrize(("differing", "sure"), [(4, False), (5, False), (7, True), (30, True)])
def test_few_problems_that_differ_are_no_proof(differing: int, sure: bool) -> None:
    """Of 200 problems, the one model alone is right on a few; an exact test needs six of them."""
    a, b = by_id([1.0] * differing + [0.0] * (200 - differing)), by_id([0.0] * 200)
    found = paired(a, b)
    assert found is not None
    assert (found.p < 0.05) is sure
    exact = 2 * 0.5**differing
    assert found.p >= 0.7 * exact
    assert found.p >= 1 / (RESAMPLES + 1)


def test_pairs_see_what_two_intervals_do_not() -> None:
    """Both models find the same problems hard; one is right on a few more of them, everywhere."""
    random = np.random.default_rng(2)
    hard = random.random(300) < 0.5
    more = random.random(300) < 0.06
    a, b = by_id((hard | more).astype(float).tolist()), by_id(hard.astype(float).tolist())
    found = paired(a, b)
    assert found is not None
    assert found.p < 0.05
    (low, _), (_, high) = interval(list(a.values())), interval(list(b.values()))
    assert low is not None
    assert high is not None
    assert low < high


@pytest.mark.parametrize(("n", "k"), [(25, 1), (25, 4), (100, 1)])
def test_models_that_are_alike_are_called_different_one_time_in_twenty(n: int, k: int) -> None:
    random = np.random.default_rng(11)
    called = covered = 0
    for seed in range(200):
        chance = random.beta(1, 1, (n, 1))
        a, b = (random.binomial(1, chance, (n, k)).astype(float).tolist() for _ in range(2))
        found = paired(by_problem(a), by_problem(b), seed)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        called += found.p < 0.05
        covered += found.low <= 0 <= found.high
    assert called <= 200 * 0.09
    assert covered >= 200 * 0.91


def test_many_comparisons_as_holm_has_them() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.8, 0.9]) == [1.0, 1.0]
    assert math.isclose(holm([0.02])[0], 0.02)
