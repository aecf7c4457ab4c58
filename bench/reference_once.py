"""Pairs per second of DPO: ours with kept reference log-probabilities, ours with the reference in every step, and TRL's.

    python bench/reference_once.py WORK --shape 3b --micro 2
    python bench/reference_once.py WORK --shape 135m --micro 16 --adapter lora --rounds 2

A model of the shape with random weights and synthetic pairs (log-normal lengths) are made in WORK. Each run is a process of
its own. Pairs per second are over the steps after the warm-up; `pass` is what the one pass over all pairs took, with the
loading of the reference, which a grid pays once. TRL's is a plain script: its defaults, the same rows and batch size, in
another order.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from side_by_side import Task, run_all
from train_speed import DOCUMENTS, LORA, SHAPES, count, job_of, make_model, ours, told, write_folder

VARIANTS = ("trl", "in_step", "kept")


def pairs(shape: str, number: int) -> datasets.Dataset:
    """Prompts of a third of a document's tokens, answers of two thirds."""
    length, mean, sigma = DOCUMENTS[shape]
    random = np.random.default_rng(0)

    def tokens(share: float) -> list[int]:
        size = random.lognormal(np.log(mean * share) - sigma**2 / 2, sigma)
        return random.integers(2, SHAPES[shape]["vocab_size"], int(np.clip(size, 8, length * share))).tolist()  # type: ignore[no-any-return]

    shares = {"prompt_ids": 1 / 3, "chosen_ids": 2 / 3, "rejected_ids": 2 / 3}
    return datasets.Dataset.from_list(
        [{name: tokens(share) for name, share in shares.items()} for _ in range(number)]
    )


def prepare(options: argparse.Namespace) -> None:
    out = options.work / "out"
    if (out / "base" / "result.json").is_file():
        return
    make_model(options.shape, options.work / "model")
    pairs(options.shape, options.steps * options.micro).save_to_disk(str(out / "data" / "train"))
    (out / "data" / "tokenizer").mkdir()
    for file in (options.work / "model").glob("token*.json"):
        (out / "data" / "tokenizer" / file.name).write_bytes(file.read_bytes())
    (out / "data" / "result.json").write_text("{}")
    (out / "base").mkdir()
    (out / "base" / "result.json").write_text(
        f'{{"model": {{"root": "model"}}, "parameters": {count(options.shape)}}}'
    )


def of_ours(options: argparse.Namespace, variant: str) -> dict[str, Any]:
    from smolc.runtime.train import reference, reference_pass

    said = {"micro": options.micro, "precision": options.precision, "kernels": options.kernels}
    if options.adapter == "lora":
        said["adapter"] = LORA
    loss = {"type": "dpo", "loss": ["sigmoid"], "weights": None, "beta": 0.1, "label_smoothing": 0.0}
    job = job_of(options.shape, options.steps, said, 1) | {
        "method": "dpo",
        "packing": "none",
        "loss": loss | {"reference": "base"},
        "checkpointing": float(options.checkpointing),
    }
    took = [0.0]
    scored = reference_pass.scored

    def timed(*given: Any, **more: Any) -> Any:
        began = time.monotonic()
        found = scored(*given, **more)
        took[0] = time.monotonic() - began
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        return found

    reference_pass.scored = timed
    if variant == "in_step":
        reference.why_not = lambda *_, **__: "it is measured"
    folder = write_folder(options.work, f"{variant}-{options.round}", job, 1)
    shutil.rmtree(folder / "out" / ".reference", ignore_errors=True)
    found = ours(folder)
    return found | {"points": [seconds for _, seconds in found["points"]], "pass": round(took[0], 1)}


def of_trl(options: argparse.Namespace) -> dict[str, Any]:
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import DPOConfig, DPOTrainer

    points: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            points.append(time.monotonic())

    class Tokenised(DPOTrainer):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

    folder = options.work / "model"
    half = options.precision != "fp32"
    config = DPOConfig(
        output_dir=str(options.work / "trl"), max_length=None, bf16=half, max_steps=options.steps,
        per_device_train_batch_size=options.micro, logging_steps=1, save_strategy="no", report_to="none",
        learning_rate=1e-5, lr_scheduler_type="constant", beta=0.1, gradient_checkpointing=bool(options.checkpointing),
    )  # fmt: skip
    adapter = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    dtype = torch.bfloat16 if options.precision == "bf16_pure" or options.adapter == "lora" else torch.float32
    trainer = Tokenised(
        model=AutoModelForCausalLM.from_pretrained(folder, attn_implementation="sdpa", dtype=dtype),
        args=config,
        processing_class=AutoTokenizer.from_pretrained(folder),
        train_dataset=datasets.load_from_disk(str(options.work / "out" / "data" / "train")),
        peft_config=adapter if options.adapter == "lora" else None,
        callbacks=[Clock()],
    )
    trainer.train()
    peak = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else None
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    return {"points": points, "loss": losses, "peak_memory_gib": peak}


def one(options: argparse.Namespace) -> None:
    found = of_trl(options) if options.one == "trl" else of_ours(options, options.one)
    points, losses = found.pop("points"), [round(x, 4) for x in found.pop("loss")]
    warm = min(options.warm, len(points) - 2)
    rate = options.micro * (len(points) - 1 - warm) / (points[-1] - points[warm])
    print(
        f"{options.one:8} {rate:8.2f} pairs/s  {found}  losses {losses[:3]} .. {losses[-3:]}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--shape", choices=SHAPES, default="135m")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--micro", type=int, default=4)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--warm", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--precision", choices=("bf16", "bf16_pure", "fp32"), default="bf16")
    parser.add_argument("--adapter", choices=("full", "lora"), default="full")
    parser.add_argument("--kernels", default="auto")
    parser.add_argument(
        "--checkpointing", type=int, choices=(0, 1), default=1, help="of all runs; TRL's default is 1"
    )
    parser.add_argument("--patience", type=float, default=280.0, help="seconds after which a run is ended")
    parser.add_argument("--one", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--round", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.work = options.work.resolve()
    if options.one:
        one(options)
        return
    options.work.mkdir(parents=True, exist_ok=True)
    prepare(options)
    run_all(
        [task_of(options, v, round) for round in range(options.rounds) for v in options.variants], 1, told
    )


def task_of(options: argparse.Namespace, variant: str, round: int) -> Task:
    command = [sys.executable, str(Path(__file__).resolve()), *sys.argv[1:], "--one", variant]
    command += ["--round", str(round)]
    log = options.work / f"{variant}-{round}.txt"
    return Task(variant, 1, command, Path.cwd(), log, options.patience)


if __name__ == "__main__":
    main()
