"""One tensor of all inputs -> one tensor, against formulas and against plain numbers."""

import math

import pytest
import torch

from smolc.runtime.merge import arithmetic
from smolc.runtime.merge.arithmetic import arc_weights, mean, weighted

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def drawn(seed: int, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("weights", [(0.9, 0.1), (1 / 3, 1 / 3, 1 / 3), (1.7, -0.7), (1 / 7,) * 7])
def test_identical_tensors_stay_as_they_are(weights: tuple[float, ...], dtype: torch.dtype) -> None:
    one = drawn(1, 33, 7, dtype=dtype)
    assert torch.equal(weighted([one] * len(weights), weights, dtype), one)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_sum_is_rounded_once(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "BLOCK", 10)  # blocks that do not divide the tensor
    inputs, weights = [drawn(seed, 9, 7, dtype=dtype) for seed in range(3)], (0.5, 0.3, 0.2)
    exact = sum(w * t.double() for t, w in zip(inputs, weights, strict=True))
    assert isinstance(exact, torch.Tensor)
    assert torch.equal(weighted(inputs, weights, dtype), exact.to(dtype))


def test_an_input_of_weight_nothing_is_not_looked_at() -> None:
    one = drawn(1, 5)
    assert torch.equal(weighted([one, torch.full((5,), math.nan)], (1.0, 0.0), torch.float32), one)


def test_the_order_shows_in_halves_of_the_last_digit_at_most() -> None:
    inputs, weights = [drawn(seed, 1000) for seed in range(4)], (0.4, 0.3, 0.2, 0.1)
    made = weighted(inputs, weights, torch.float32)
    turned = weighted(inputs[::-1], weights[::-1], torch.float32)
    torch.testing.assert_close(made, turned, rtol=2**-23, atol=0)
    assert (made == turned).float().mean() > 0.95


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_mean_is_exact_and_without_order(dtype: torch.dtype) -> None:
    inputs = [drawn(seed, 500, dtype=dtype) for seed in range(3)]
    exact = (inputs[0].double() + inputs[1].double() + inputs[2].double()) / 3
    assert torch.equal(mean(inputs, dtype), exact.to(dtype))
    assert torch.equal(mean(inputs[::-1], dtype), mean(inputs, dtype))
    assert torch.equal(mean([inputs[0]] * 7, dtype), inputs[0])


def test_shapes_without_dimensions_or_numbers() -> None:
    assert weighted([torch.tensor(2.0), torch.tensor(4.0)], (0.5, 0.5), torch.float32) == 3.0
    assert weighted([torch.empty(0, 3)] * 2, (0.5, 0.5), torch.float32).shape == (0, 3)


def test_an_arc_between_two_right_angled_vectors() -> None:
    one, other = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
    weights = arc_weights(one, other, 1 / 3)
    assert weights is not None
    assert weighted([one, other], weights, torch.float64).tolist() == pytest.approx([math.sqrt(3), 1.0])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_the_arc_divides_the_angle(seed: int, at: float) -> None:
    one, other = drawn(seed, 40, 3), drawn(seed + 100, 40, 3)
    other *= one.norm() / other.norm()
    weights = arc_weights(one, other, at)
    assert weights is not None
    between = weighted([one, other], weights, torch.float64)

    def angle(x: torch.Tensor, y: torch.Tensor) -> float:
        x, y = x.double().flatten(), y.double().flatten()
        return math.acos(float(x @ y / (x.norm() * y.norm())))

    assert float(between.norm()) == pytest.approx(float(one.norm()), rel=1e-6)
    assert angle(one, between) == pytest.approx(at * angle(one, other), rel=1e-6)


@pytest.mark.parametrize("at", [0.0, 1.0])
def test_the_ends_of_an_arc(at: float) -> None:
    one, other = drawn(1, 50), drawn(2, 50)
    weights = arc_weights(one, other, at)
    assert weights is not None
    assert torch.equal(weighted([one, other], weights, torch.float32), other if at else one)


@pytest.mark.parametrize("at", [0.2, 0.7])
def test_an_arc_both_ways(at: float) -> None:
    one, other = drawn(1, 50), drawn(2, 50)
    there, back = arc_weights(one, other, at), arc_weights(other, one, 1 - at)
    assert there == pytest.approx(back[::-1] if back else None)


@pytest.mark.parametrize(
    "other",
    [torch.ones(8), 3 * torch.ones(8), -torch.ones(8), torch.zeros(8), torch.full((8,), math.inf)],
    ids=["the same", "longer", "opposite", "zero", "infinite"],
)
def test_no_arc_where_there_is_none(other: torch.Tensor) -> None:
    assert arc_weights(torch.ones(8), other, 0.5) is None


def test_a_short_arc_is_close_to_its_chord() -> None:
    """Models that were trained from one start differ by little: there an arc is nearly the line, without a jump."""
    one = drawn(1, 500)
    for size in (1e-2, 1e-3, 1e-4):
        weights = arc_weights(one, one + size * drawn(2, 500), 0.3)
        assert weights is not None
        assert weights == pytest.approx((0.7, 0.3), rel=size**2)
