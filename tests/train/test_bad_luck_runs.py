"""What goes wrong in the middle of real runs of a tiny model, in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from compiled import (
    LORA,
    SPECIAL,
    TRAIN,
    context_of,
    losses,
)

from smolc.runtime.execute.outcome import in_short
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.train import run
from smolc.runtime.train.scratch import bytes_tokenizer

pytestmark = pytest.mark.slow

TOKENIZER = bytes_tokenizer(SPECIAL, 128)
FULL = (
    "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.11 GiB of which 1.10 GiB is free. "
    "Including non-PyTorch memory, this process has 78.01 GiB memory in use."
)
SAVING = {
    "duration": {"epochs": None, "steps": 12, "tokens": None},
    "save_every": {"steps": 4, "fraction": None},
    "keep": 2,
}


def full(*_: Any, **__: Any) -> Any:
    raise torch.OutOfMemoryError(FULL)


PLACES = [
    ("transformers.modeling_utils.PreTrainedModel.from_pretrained", "while the model was loaded"),
    ("torch.Tensor.backward", "in the backward pass"),
    ("torch.optim.Adam._init_group", "in the optimiser's step"),
    ("smolc.runtime.train.sft.Trainer.prediction_step", "in an evaluation"),
]


@pytest.mark.parametrize(("place", "when"), PLACES)
def test_a_full_gpu_is_said_wherever_it_is(
    train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, place: str, when: str
) -> None:
    folder = train(go=False)
    monkeypatch.setattr(place, full)
    with pytest.raises(JobError) as caught:
        run.run(context_of(folder, "sft"))
    assert f"memory is full {when}: 20 MiB more was asked for, and 1.1 GiB was free" in caught.value.message
    assert "of which this process has 78.0 GiB" in caught.value.message
    assert "what would fit" in str(caught.value.help)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize("broken", ["model.safetensors", "optimizer.pt"])
def test_from_the_checkpoint_before_the_curve_is_the_same(
    train: Callable[..., Path], capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    folder = train(**SAVING)
    whole = losses(folder, "sft")
    cut(folder / "out/sft/checkpoints/checkpoint-12" / broken)
    train(**SAVING)
    said = capsys.readouterr().out
    assert f"checkpoint-12 is damaged and not used: {broken} has" in said
    assert "continuing from checkpoint-8" in said
    assert losses(folder, "sft") == whole
    entry = next(e for e in context_of(folder, "sft").manifest.jobs if e.id == "sft")
    assert in_short(folder, entry).endswith("continued from checkpoint-8, since checkpoint-12 is damaged")


def test_what_cannot_be_loaded_is_set_aside(
    train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damage that no check sees: as if `seal.check` saw nothing at all."""
    folder = train(**SAVING)
    whole = losses(folder, "sft")
    cut(folder / "out/sft/checkpoints/checkpoint-12/optimizer.pt")
    with monkeypatch.context() as blind:
        blind.setattr("smolc.runtime.train.resume.check", lambda _: None)
        with pytest.raises(JobError, match="checkpoint-12 cannot be loaded: "):
            train(**SAVING)
    train(**SAVING)
    assert "continuing from checkpoint-8" in capsys.readouterr().out
    assert losses(folder, "sft") == whole


def test_a_changed_learning_rate_is_refused_until_the_run_is_over(
    train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = SAVING | {"optimizer": TRAIN["optimizer"] | {"lr": 1e-3}}
    with monkeypatch.context() as early:
        early.setattr("transformers.Trainer.evaluate", full)
        with pytest.raises(JobError, match="memory is full"):
            train(**SAVING)
    with pytest.raises(JobError, match=r"optimizer.lr: 0.003 -> 0.001"):
        train(**other)
    train(**SAVING)
    folder = train(**other)
    assert losses(folder, "sft")[-1] > 0


@pytest.mark.parametrize(
    ("adapter", "why"),
    [
        (LORA | {"targets": ["query"]}, "query"),
        (LORA | {"targets": ["q_proj", "nothing"]}, "nothing"),
    ],
)
def test_targets_that_are_not_there(train: Callable[..., Path], adapter: dict[str, Any], why: str) -> None:
    with pytest.raises(JobError) as caught:
        train(adapter=adapter)
    assert f"LlamaForCausalLM has no layers named {why}, " in caught.value.message
    assert "q_proj" in str(caught.value.help)
