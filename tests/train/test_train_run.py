"""Real runs of a tiny model, one process."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from compiled import (
    DPO,
    KTO,
    LORA,
    SPECIAL,
    TRAIN,
    chat_rows,
    context_of,
    launch,
    losses,
    pair_rows,
    read_metrics,
    unpaired_rows,
)
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.train import run
from smolc.runtime.train.scratch import bytes_tokenizer

pytestmark = pytest.mark.slow

TOKENIZER = bytes_tokenizer(SPECIAL, 128)
ORPO = {"type": "orpo", "beta": 0.1}
CPO = {"type": "cpo", "loss": "sigmoid", "beta": 0.1, "alpha": 1.0, "label_smoothing": 0.0}
SIMPO = {"type": "simpo", "beta": 2.0, "gamma": 1.0}


def result(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "out/sft/result.json").read_text()))


def steps(count: int) -> dict[str, Any]:
    return {"duration": {"epochs": None, "steps": count, "tokens": None}}


@pytest.mark.parametrize("packed", [False, True])
def test_a_full_run_learns_and_says_so(train: Callable[..., Path], packed: bool) -> None:
    every = {"steps": 5, "fraction": None}
    folder = train(
        packed=packed, **steps(20), evaluate_every=every, optimizer=TRAIN["optimizer"] | {"lr": 1e-2}
    )
    seen = losses(folder, "sft")
    said = result(folder)
    assert len(seen) == 20 and seen[-1] < seen[0] - 1
    assert said["first_loss"] == seen[0] and said["train_loss"] == seen[-1]
    evaluations = [row for row in read_metrics(folder, "sft") if "eval_loss" in row]
    assert [row["step"] for row in evaluations] == [5, 10, 15, 20]
    assert said["eval_loss"] == evaluations[-1]["eval_loss"]
    assert said["model"] == {"out": "sft/model"} and said["steps"] == 20 and said["world_size"] == 1
    assert said["tokens"] == read_metrics(folder, "sft")[-1]["tokens"] > said["trained_tokens"] > 0
    assert said["attention"] == "sdpa" and said["dtype"] == "float32"
    progress = (folder / "out/sft/progress.jsonl").read_text().splitlines()
    assert json.loads(progress[-1])["done"] == 20 and json.loads(progress[-1])["note"].startswith("loss ")


def test_the_loss_of_a_run_is_that_of_its_rows(train: Callable[..., Path]) -> None:
    """Step 1 is before any update: its loss is the start model's mean over four rows' trained tokens."""
    from smolc.runtime.train.rows import Collator
    from smolc.runtime.train.steps import Length, row_order

    folder = train(**steps(1))
    rows = chat_rows(TOKENIZER, 30)
    order = row_order(Length(1, 30, 4), TRAIN["seed"])
    batch = Collator(TOKENIZER.pad_token_id, flat=False)([rows[i] for i in order])
    lm = AutoModelForCausalLM.from_pretrained(folder / "out/base/model")
    with torch.no_grad():
        logits = lm(batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"][:, 1:].flatten())
    assert losses(folder, "sft")[0] == pytest.approx(float(loss), abs=1e-5)


def test_the_split_of_a_batch_does_not_matter(train: Callable[..., Path]) -> None:
    """Accumulation and padding change nothing: the loss is per trained token of the whole step."""
    first = losses(train(), "sft")
    for micro, accumulation in ((1, 4), (4, 1)):
        batch = {"global_sequences": 4, "micro": micro, "accumulation": accumulation, "data_parallel": 1}
        assert losses(train(batch=batch), "sft") == pytest.approx(first, abs=2e-5)


def test_the_saved_model_stops(train: Callable[..., Path]) -> None:
    folder = train(**steps(150), optimizer=TRAIN["optimizer"] | {"lr": 1e-2}, log_every=50)
    saved = folder / "out/sft/model"
    tokenizer, lm = AutoTokenizer.from_pretrained(saved), AutoModelForCausalLM.from_pretrained(saved)
    assert lm.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids("<|im_end|>")
    prompt = "<|im_start|>user\nalpha0<|im_end|>\n<|im_start|>assistant\n"
    out = lm.generate(**tokenizer(prompt, return_tensors="pt"), max_new_tokens=40, do_sample=False)
    assert out.shape[1] < len(tokenizer.encode(prompt)) + 40 and out[0, -1] == tokenizer.eos_token_id
    assert lm.config.use_cache


def test_lora_saves_an_adapter_and_the_merged_model(train: Callable[..., Path]) -> None:
    from peft import PeftModel

    folder = train(adapter=LORA, **steps(12), checkpointing=True, optimizer=TRAIN["optimizer"] | {"lr": 2e-2})
    out = folder / "out/sft"
    config = json.loads((out / "adapter/adapter_config.json").read_text())
    assert config["use_rslora"] and config["r"] == 4 and "lm_head" not in config["target_modules"]
    ids = torch.tensor([TOKENIZER.encode("<|im_start|>user\nalpha0")])
    base = AutoModelForCausalLM.from_pretrained(folder / "out/base/model")
    merged = AutoModelForCausalLM.from_pretrained(out / "model")
    with torch.no_grad():
        before = base(ids).logits
        adapted = PeftModel.from_pretrained(base, out / "adapter").eval()(ids).logits
        assert torch.allclose(merged(ids).logits, adapted, atol=1e-4)
    assert not torch.allclose(before, adapted, atol=1e-2)
    said = result(folder)
    assert 0 < said["trainable_parameters"] < said["parameters"] / 4


@pytest.mark.parametrize("precision", ["bf16", "bf16_pure"])
def test_bf16_saves_bf16(train: Callable[..., Path], precision: str) -> None:
    folder = train(precision=precision)
    assert result(folder)["dtype"] == "bfloat16"
    assert AutoModelForCausalLM.from_pretrained(folder / "out/sft/model").dtype == torch.bfloat16


@pytest.mark.parametrize("adapter", [{"type": "full"}, LORA])
def test_dpo_starts_at_its_reference_and_moves_away(
    train: Callable[..., Path], adapter: dict[str, Any]
) -> None:
    folder = train(pair_rows, method="dpo", loss=DPO, adapter=adapter, **steps(12))
    rows = [row for row in read_metrics(folder, "sft") if "loss" in row]
    assert rows[0]["loss"] == pytest.approx(0.693147, abs=1e-5)
    assert rows[0]["rewards/margins"] == pytest.approx(0, abs=1e-5)
    assert rows[-1]["rewards/margins"] > 0.02 and rows[-1]["loss"] < rows[0]["loss"]
    assert result(folder)["eval_loss"] < 0.69


def test_dpo_with_mixed_losses_that_trl_refuses(train: Callable[..., Path]) -> None:
    with pytest.raises(JobError, match="Label smoothing must be greater than 0"):
        train(pair_rows, method="dpo", loss=DPO | {"loss": ["exo_pair"]})


def test_orpo_learns(train: Callable[..., Path]) -> None:
    folder = train(pair_rows, method="orpo", loss=ORPO, **steps(12))
    rows = [row for row in read_metrics(folder, "sft") if "loss" in row]
    assert rows[-1]["nll_loss"] < rows[0]["nll_loss"] and rows[-1]["rewards/accuracies"] > 0.5


@pytest.mark.parametrize("loss", [CPO, SIMPO], ids=lambda loss: loss["type"])
def test_cpo_and_simpo_learn(train: Callable[..., Path], loss: dict[str, Any]) -> None:
    folder = train(pair_rows, method=loss["type"], loss=loss, precision="bf16", **steps(12))
    rows = [row for row in read_metrics(folder, "sft") if "loss" in row]
    assert rows[-1]["rewards/margins"] > rows[0]["rewards/margins"] + 0.02
    assert rows[-1]["loss"] < rows[0]["loss"] and rows[-1]["rewards/accuracies"] > 0.5
    assert ("nll_loss" in rows[0]) == (loss is CPO)
    said = torch.tensor(rows[0]["logps/chosen"])
    assert said.bfloat16().item() != pytest.approx(said.item(), rel=1e-6), "rounded to bf16"
    assert result(folder)["eval_loss"] < rows[0]["loss"]


def test_orpos_likelihoods_are_not_rounded_to_bf16(train: Callable[..., Path], tmp_path: Path) -> None:
    """Of answers, as the sum of their tokens': in bf16 none would have more than eight bits."""
    folder = train(pair_rows, method="orpo", loss=ORPO, precision="bf16", **steps(1))
    (row, *_) = (row for row in read_metrics(folder, "sft") if "logps/chosen" in row)
    assert torch.tensor(row["logps/chosen"]).bfloat16().item() != pytest.approx(row["logps/chosen"], rel=1e-6)


@pytest.mark.parametrize("method", ["dpo", "orpo", "cpo", "kto"])
def test_trl_reads_our_ids_and_no_others(train: Callable[..., Path], method: str) -> None:
    """No token is added, lost or doubled on the way through TRL."""
    from importlib import import_module

    from smolc.runtime.train import common, rows, settings
    from smolc.runtime.train import model as models
    from smolc.runtime.train.steps import Length, row_order

    made = unpaired_rows if method == "kto" else pair_rows
    loss = {"dpo": DPO, "orpo": ORPO, "cpo": CPO, "kto": KTO}[method]
    batch = {"global_sequences": 4, "micro": 4, "accumulation": 1, "data_parallel": 1}
    folder = train(made, go=False, method=method, loss=loss, batch=batch, **steps(2))
    context = context_of(folder, "sft")
    job, length = context.job, Length(2, 30, 4)
    module = import_module(f"smolc.runtime.train.{method}")
    args = module.arguments(
        job,
        settings.trainer_settings(
            job, length, context.out / "c", on_cuda=False, liger=False, validation=False
        ),
    )
    lm = models.load_model(context.model_of("base"), job, "sdpa")
    order = row_order(length, job.seed)
    train_rows = rows.load_rows(folder / "out/data/train", method)
    if method == "kto":
        train_rows = module.laid_out(job, train_rows, order)
    parts = common.Parts(
        model=lm,
        tokenizer=TOKENIZER,
        train=train_rows,
        validation=None,
        order=order,
        adapter=None,
        reference=None
        if method in ("orpo", "cpo")
        else models.load_model(context.model_of("base"), job, "sdpa"),
        flat=False,
        callbacks=[],
    )
    batches = list(module.trainer(job, args, parts).get_train_dataloader())
    assert len(batches) == 2
    source = made(TOKENIZER, 30)
    ours = [source[i] for i in order[:4]]
    got = batches[0]
    if method == "kto":
        ids, mask, want = (
            got["input_ids"],
            got["attention_mask"],
            [r["prompt_ids"] + r["completion_ids"] for r in ours],
        )
        answers = [ours[-1], *ours[:-1]]
        kl = [r["prompt_ids"] + a["completion_ids"] for r, a in zip(ours, answers, strict=True)]
        assert [
            i[m.bool()].tolist() for i, m in zip(got["KL_input_ids"], got["KL_attention_mask"], strict=True)
        ] == kl
    elif method == "dpo":
        ids, mask = got["input_ids"], got["attention_mask"]
        want = [r["prompt_ids"] + r[f"{name}_ids"] for name in ("chosen", "rejected") for r in ours]
        trained = [i[m.bool()].tolist() for i, m in zip(ids, got["completion_mask"], strict=True)]
        assert trained == [r[f"{name}_ids"] for name in ("chosen", "rejected") for r in ours]
    else:
        ids, mask = got["chosen_input_ids"], got["chosen_attention_mask"]
        want = [r["prompt_ids"] + r["chosen_ids"] for r in ours]
        assert [x[x != -100].tolist() for x in got["rejected_labels"]] == [r["rejected_ids"] for r in ours]
    assert [i[m.bool()].tolist() for i, m in zip(ids, mask, strict=True)] == want


def test_kto_needs_company(train: Callable[..., Path]) -> None:
    batch = {"global_sequences": 4, "micro": 1, "accumulation": 4, "data_parallel": 1}
    with pytest.raises(JobError, match="at least 2 sequences"):
        train(unpaired_rows, method="kto", loss=KTO, batch=batch)


def test_kto_separates_good_from_bad(train: Callable[..., Path]) -> None:
    folder = train(unpaired_rows, method="kto", loss=KTO, **steps(12))
    rows = [row for row in read_metrics(folder, "sft") if "loss" in row]
    assert rows[-1]["loss"] < rows[0]["loss"] == pytest.approx(0.5)


@pytest.fixture
def blown_up(train: Callable[..., Path]) -> Path:
    """A run that is ready, whose first step is too much for fp32: its head is far too large."""
    optimizer = {"type": "sgd", "lr": 1.0, "weight_decay": 0.0, "clip": 1e30}
    said = {"optimizer": optimizer, "schedule": TRAIN["schedule"] | {"warmup": 0}, "log_every": 10}
    folder = train(go=False, **said, **steps(40))
    weights = folder / "out/base/model/model.safetensors"
    tensors = load_file(weights)
    save_file(
        {name: w * 1e15 if "embed" in name else w for name, w in tensors.items()}, weights, {"format": "pt"}
    )
    return folder


def test_a_loss_that_blows_up_stops_the_run(blown_up: Path) -> None:
    with pytest.raises(JobError, match=r"became (nan|inf) (at|by) step \d+ of 40") as caught:
        run.run(context_of(blown_up, "sft"))
    assert "learning rate" in str(caught.value.help)


def test_a_run_of_a_grid_that_diverges_has_lost_and_the_others_go_on(blown_up: Path) -> None:
    folder = blown_up
    manifest = json.loads((folder / "manifest.json").read_text())
    picks = {"id": "sft-best", "kind": "pick", "title": "", "stage": None, "needs": ["sft"], "hash": "0"}
    manifest["jobs"].append(picks)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    run.run(context_of(folder, "sft"))
    assert result(folder)["diverged"] is True
    assert "became" in result(folder)["why"]


def test_unknown_target_modules(train: Callable[..., Path]) -> None:
    with pytest.raises(JobError, match="LlamaForCausalLM has no layers named nothing_of_the_kind"):
        train(adapter=LORA | {"targets": ["nothing_of_the_kind"]})


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"device": "cuda"}, "wants a GPU"),
        ({"kernels": "liger"}, "no GPU"),
        ({"precision": "fp16"}, "needs a GPU"),
        ({"adapter": LORA | {"type": "qlora"}}, "qlora needs"),
        (
            {"precision": "bf16_pure", "parallel": {"type": "zero", "stage": 2, "offload": "none"}},
            "fp32 master",
        ),
        ({"parallel": {"type": "fsdp2", "reshard": True}}, "was built"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU can do these")
def test_what_this_machine_cannot_do(train: Callable[..., Path], said: dict[str, Any], why: str) -> None:
    with pytest.raises(JobError, match=why):
        train(**said)


def test_a_tokenizer_larger_than_the_model(train: Callable[..., Path]) -> None:
    folder = train(go=False)
    bytes_tokenizer((*SPECIAL, "<more>"), 128).save_pretrained(folder / "out/data/tokenizer")
    with pytest.raises(
        JobError,
        match=r"ids go up to 259, the model has embeddings for 259 tokens; without one: <more> \(259\)",
    ):
        run.run(context_of(folder, "sft"))


SAVING = {**steps(30), "save_every": {"steps": 5, "fraction": None}, "keep": 2}


def test_a_killed_run_continues_where_it_was(train: Callable[..., Path], tmp_path: Path) -> None:
    whole = losses(train(**SAVING), "sft")
    shutil.rmtree(tmp_path / "out/sft")
    command = [sys.executable, "-m", "smolc.runtime", "jobs/sft/job.yaml"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(
        (tmp_path / "out/sft/checkpoints").glob("checkpoint-*/complete")
    ):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out/sft/done.json").exists()
    done = launch(tmp_path, command)
    assert done.returncode == 0, done.stderr
    assert "continuing from checkpoint-" in done.stdout
    said = result(tmp_path)
    assert said["resumed_from_step"] >= 5 and said["first_loss"] == pytest.approx(whole[0], abs=1e-6)
    assert losses(tmp_path, "sft") == pytest.approx(whole, abs=1e-6)
    assert len(list((tmp_path / "out/sft/checkpoints").glob("checkpoint-*"))) == 1, "the last is the model"


def test_a_changed_job_starts_afresh(train: Callable[..., Path]) -> None:
    folder = train(**SAVING)
    half_written = folder / "out/sft/checkpoints/checkpoint-99"
    half_written.mkdir()
    train(**SAVING)
    assert result(folder)["resumed_from_step"] == 30 and not half_written.exists()
    train(**SAVING | {"seed": 4})
    assert result(folder)["resumed_from_step"] is None


def test_a_run_says_what_is_wrong_without_a_traceback(train: Callable[..., Path]) -> None:
    folder = train(go=False, kernels="liger")
    done = launch(folder, [sys.executable, "-m", "smolc.runtime", "jobs/sft/job.yaml"])
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "error: kernels = liger: there is no GPU\nhelp: write kernels = auto" in done.stderr
