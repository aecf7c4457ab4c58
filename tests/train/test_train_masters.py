"""fp32 masters of bf16 weights, and the loss that keeps no logits."""

import copy

import pytest
import torch

from smolc.runtime.train import linear_loss
from smolc.runtime.train.hold import clip
from smolc.runtime.train.linear_loss import linear_cross_entropy
from smolc.runtime.train.masters import Masters


def small() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 4))


def backward(model: torch.nn.Module, seed: int, dtype: torch.dtype) -> None:
    x = torch.randn(32, 8, generator=torch.Generator().manual_seed(seed)).to(dtype)
    model(x).float().square().mean().backward()


def optimizer_of(model: torch.nn.Module, lr: float) -> torch.optim.AdamW:
    return torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.0)


def test_updates_too_small_for_bf16_are_kept() -> None:
    """1e-6 a step is far below what bf16 resolves near 0.3; a hundred of them are not lost."""
    model = small()
    before = copy.deepcopy(model).state_dict()
    masters = Masters(model, lambda: True)
    optimizer = optimizer_of(model, 1e-6)
    masters.drive(optimizer)
    for step in range(100):
        backward(model, step % 3, torch.bfloat16)
        optimizer.step()
    moved = [
        (w - before[name]).abs().mean().item()
        for (name, _), w in zip(model.named_parameters(), masters.weights, strict=True)
    ]
    assert all(5e-6 < m < 2e-4 for m in moved)
    for held, weight in zip(model.parameters(), masters.weights, strict=True):
        assert held.dtype is torch.bfloat16
        assert torch.equal(held.detach(), weight.detach().to(torch.bfloat16))


@pytest.mark.parametrize("recorded", [False, True])
def test_micro_batches_are_summed_in_fp32(recorded: bool) -> None:
    model = small()
    alone = []
    for seed in range(4):
        one = copy.deepcopy(model).to(torch.bfloat16)
        backward(one, seed, torch.bfloat16)
        alone.append([p.grad.float() for p in one.parameters() if p.grad is not None])
    masters = Masters(model, lambda: True)
    if recorded:
        masters.record()
    for _ in range(2):  # what is left of a step does not reach the next
        for seed in range(4):
            backward(model, seed, torch.bfloat16)
        masters.finish()
        for index, weight in enumerate(masters.weights):
            assert weight.grad is not None
            torch.testing.assert_close(weight.grad, sum(g[index] for g in alone), rtol=1e-6, atol=1e-9)
        masters.clear()


def test_weights_without_a_gradient_have_none_left_from_before() -> None:
    model = small()
    masters = Masters(model, lambda: True)
    backward(model, 0, torch.bfloat16)
    masters.finish()
    masters.clear()
    model[2](torch.ones(1, 16, dtype=torch.bfloat16)).sum().backward()
    masters.finish()
    assert float(masters.weights[0].grad.abs().sum()) == 0  # type: ignore[union-attr]
    assert float(masters.weights[2].grad.abs().sum()) > 0  # type: ignore[union-attr]


def test_a_run_goes_on_to_the_last_bit() -> None:
    def start() -> tuple[torch.nn.Module, Masters, torch.optim.AdamW]:
        model = small()
        masters = Masters(model, lambda: True)
        optimizer = optimizer_of(model, 1e-3)
        masters.drive(optimizer)
        return model, masters, optimizer

    model, masters, optimizer = start()
    for step in range(3):
        backward(model, step, torch.bfloat16)
        optimizer.step()
    kept = copy.deepcopy(optimizer.state_dict())
    again, copied, other = start()
    other.load_state_dict(kept)
    for one, two in ((model, optimizer), (again, other)):
        backward(one, 7, torch.bfloat16)
        two.step()
    assert all(torch.equal(a, b) for a, b in zip(masters.weights, copied.weights, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_gradients_are_clipped_by_their_norm() -> None:
    weights = [torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(4))]
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    optimizer = torch.optim.AdamW(weights)
    assert float(clip(optimizer, weights, 0.5)) == pytest.approx(7**0.5)
    assert sum(float(w.grad.square().sum()) for w in weights if w.grad is not None) == pytest.approx(
        0.25, rel=1e-4
    )


@pytest.mark.parametrize("rows", [3, 64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dft", [False, True])
def test_the_loss_and_its_gradients_are_cross_entropys(
    rows: int, dtype: torch.dtype, dft: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear_loss, "PLAIN", rows * 50)
    random = torch.Generator().manual_seed(rows)
    hidden = torch.randn(37, 16, generator=random).to(dtype).requires_grad_()
    weight = torch.randn(50, 16, generator=random).to(dtype).requires_grad_()
    labels = torch.randint(0, 50, (37,), generator=random)
    labels[::3] = -100
    scale = torch.tensor(0.25)
    loss, right = linear_cross_entropy(hidden, weight, labels, scale, dft)
    (3 * loss).backward()
    exact = [x.detach().float().requires_grad_() for x in (hidden, weight)]
    logits = exact[0] @ exact[1].t()
    each = torch.nn.functional.cross_entropy(logits, labels, reduction="none", ignore_index=-100)
    known = (each * torch.exp(-each).detach() if dft else each).sum() * scale
    (3 * known).backward()
    near = {"rtol": 1e-5, "atol": 1e-6} if dtype is torch.float32 else {"rtol": 2e-2, "atol": 2e-2}
    torch.testing.assert_close(loss, known, rtol=near["rtol"], atol=near["atol"])
    for got, wanted in zip((hidden, weight), exact, strict=True):
        torch.testing.assert_close(got.grad.float(), wanted.grad, **near)  # type: ignore[union-attr]
    assert int(right) == int((logits.argmax(-1) == labels).sum())


def test_no_trained_token_is_no_gradient() -> None:
    hidden, weight = torch.randn(5, 4, requires_grad=True), torch.randn(7, 4, requires_grad=True)
    loss, right = linear_cross_entropy(hidden, weight, torch.full((5,), -100), torch.tensor(1.0))
    loss.backward()
    assert float(loss.detach()) == 0 and int(right) == 0
    assert float(hidden.grad.abs().sum()) == 0  # type: ignore[union-attr]
