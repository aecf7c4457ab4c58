"""Drawn tokens have the distribution that temperature and top_p ask for."""

from __future__ import annotations

import pytest
import torch

from smolc.runtime.evaluate.engines.sampling import choose, gumbel, nucleus

LOGITS = torch.tensor([2.0, 1.5, 1.0, 0.0, -0.5, -3.0, 1.5])
DRAWS = 40_000


def nucleus_by_hand(p: list[float], top_p: float) -> list[float]:
    """Likeliest first, until they hold enough."""
    kept, mass = set(), 0.0
    for i in sorted(range(len(p)), key=lambda i: (-p[i], i)):
        if mass >= top_p:
            break
        kept.add(i)
        mass += p[i]
    return [x / mass if i in kept else 0.0 for i, x in enumerate(p)]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
@pytest.mark.parametrize("top_p", [1.0, 0.9, 0.5, 0.01])
@pytest.mark.parametrize("along", ["seeds", "steps"])
def test_frequencies(temperature: float, top_p: float, along: str) -> None:
    """Over seeds at one step, and over the steps of one seed: each frequency within five standard deviations."""
    many, one = torch.arange(DRAWS), torch.full((DRAWS,), 7)
    seeds, steps = (many, one) if along == "seeds" else (one, many)
    drawn = choose(LOGITS.expand(DRAWS, -1), temperature, top_p, seeds, steps)
    found = torch.bincount(drawn, minlength=7) / DRAWS
    for p, frequency in zip(
        nucleus_by_hand((LOGITS / temperature).softmax(0).tolist(), top_p), found.tolist(), strict=True
    ):
        assert abs(frequency - p) <= 5 * (p * (1 - p) / DRAWS) ** 0.5


def test_pairs_of_steps_and_tokens_are_independent() -> None:
    """Chi-squared of two neighbouring steps' draws, 5 tokens each: 16 degrees of freedom, 99.99% below 46."""
    flat, seeds = torch.zeros(DRAWS, 5), torch.arange(DRAWS)
    first = choose(flat, 1.0, 1.0, seeds, torch.zeros(DRAWS, dtype=torch.long))
    second = choose(flat, 1.0, 1.0, seeds, torch.ones(DRAWS, dtype=torch.long))
    counts = torch.bincount(first * 5 + second, minlength=25).double()
    assert float(((counts - DRAWS / 25) ** 2 / (DRAWS / 25)).sum()) < 60


def test_noise_is_gumbel_over_a_large_vocabulary() -> None:
    noise = gumbel(torch.tensor([5, 6]), torch.tensor([0, 0]), 500_000).double()
    assert torch.isfinite(noise).all()
    for row in noise:
        assert float(row.mean()) == pytest.approx(0.57722, abs=0.01)
        assert float(row.var()) == pytest.approx(1.64493, abs=0.03)
        # The tail, which decides: P(noise > 10) is 4.54e-5, so 22.7 of them.
        assert 5 <= int((row > 10).sum()) <= 45
    assert abs(float(torch.corrcoef(noise)[0, 1])) < 0.01


def test_a_row_is_drawn_alike_in_any_batch_and_precision() -> None:
    torch.manual_seed(0)
    logits = torch.randn(9, 300) * 3
    seeds, steps = torch.arange(9) * 77, torch.arange(9)
    whole = choose(logits, 0.8, 0.9, seeds, steps)
    for i in range(9):
        assert choose(logits[i : i + 1], 0.8, 0.9, seeds[i : i + 1], steps[i : i + 1]) == whole[i]
    assert (choose(logits, 0.0, 0.9, seeds, steps) == logits.argmax(-1)).all()


def test_nucleus_keeps_one_of_equal_tokens_where_one_is_enough() -> None:
    assert torch.isfinite(nucleus(torch.zeros(1, 4), 0.25)).sum() == 1
    assert torch.isfinite(nucleus(torch.zeros(1, 4), 0.26)).sum() == 2
    assert torch.isfinite(nucleus(torch.zeros(1, 4), 1e-9)).sum() == 1
