"""Tokens per second of training: ours in several forms and TRL's, each run in processes of its own.

    python bench/train_speed.py WORK --shape 3b --variants trl_4 pure masters lora
    python bench/train_speed.py WORK --shape 135m --variants trl_unpacked_32 small --rounds 2
    python bench/train_speed.py WORK --shape 3b --gpus 4 --variants masters ddp@2 fsdp2@2 fsdp2@4 zero3@4

`@4`: spread over four GPUs. With `--gpus`, runs that fit beside each other run at the same time, each on its own GPUs.

A model of the shape with random weights and synthetic rows (log-normal lengths) are made in WORK. Ours is the job as
`smolc run` runs it, apart from the saving of the weights at its end. Real tokens of each GPU, without padding, over the
steps after the warm-up; peak is what torch allocated.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
import yaml
from side_by_side import Task, run_all

SHAPES: dict[str, dict[str, int]] = {
    "3b": {"vocab_size": 128256, "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36}
    | {"num_attention_heads": 16, "num_key_value_heads": 4, "max_position_embeddings": 65536},
    "135m": {"vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30}
    | {"num_attention_heads": 9, "num_key_value_heads": 3, "max_position_embeddings": 8192},
    "tiny": {"vocab_size": 512, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    | {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 8192},
}
DOCUMENTS = {"3b": (4096, 680, 0.8), "135m": (2048, 200, 0.35), "tiny": (256, 40, 0.35)}
"""Length of a row, mean and sigma of a document's tokens."""
LORA = {"type": "lora", "rank": 16, "alpha": 32.0, "dropout": 0.0, "targets": "all_linear"}
LORA |= {"scaling": "rank", "dora": False}

VARIANTS: dict[str, dict[str, Any]] = {
    # 3B shape, pure bf16
    "pure": {"precision": "bf16_pure", "kernels": "compiled", "micro": 3},
    "pure_2": {"precision": "bf16_pure", "kernels": "compiled", "micro": 2},
    "pure_4": {"precision": "bf16_pure", "kernels": "compiled", "micro": 4, "checkpointing": 0.25},
    "pure_acc": {"precision": "bf16_pure", "kernels": "compiled", "micro": 3, "accumulation": 4},
    "pure_liger": {"precision": "bf16_pure", "kernels": "liger", "micro": 3},
    # fp32 masters
    "masters": {"precision": "bf16", "kernels": "compiled", "micro": 1, "accumulation": 4},
    "masters_2": {
        "precision": "bf16",
        "kernels": "compiled",
        "micro": 2,
        "accumulation": 2,
        "checkpointing": 0.5,
    },
    "masters_4": {"precision": "bf16", "kernels": "compiled", "micro": 4, "checkpointing": 1.0},
    "masters_whole_4": {"precision": "bf16", "kernels": "compiled", "micro": 4},  # more than 80 GB
    "lora": {"precision": "bf16", "kernels": "compiled", "micro": 4, "adapter": LORA},
    "lora_liger": {"precision": "bf16", "kernels": "liger", "micro": 4, "adapter": LORA},
    # 3B shape, fp32 masters, spread over several GPUs: 16,384 tokens an update on each
    "ddp": {"precision": "bf16", "kernels": "compiled", "micro": 1, "accumulation": 4},
    "ddp_4": {"precision": "bf16", "kernels": "compiled", "micro": 4},  # more than 80 GB
    "fsdp2": {"precision": "bf16", "kernels": "compiled", "micro": 2, "accumulation": 2}
    | {"parallel": {"type": "fsdp2", "reshard": True, "offload": "none"}},
    "fsdp2_4": {"precision": "bf16", "kernels": "compiled", "micro": 4}
    | {"parallel": {"type": "fsdp2", "reshard": True, "offload": "none"}},
    "zero2": {"precision": "bf16", "kernels": "compiled", "micro": 2, "accumulation": 2}
    | {"parallel": {"type": "zero", "stage": 2, "offload": "none"}},
    "zero3": {"precision": "bf16", "kernels": "compiled", "micro": 2, "accumulation": 2}
    | {"parallel": {"type": "zero", "stage": 3, "offload": "none"}},
    "zero3_4": {"precision": "bf16", "kernels": "compiled", "micro": 4}
    | {"parallel": {"type": "zero", "stage": 3, "offload": "none"}},
    "zero3_liger": {"precision": "bf16", "kernels": "liger", "micro": 2, "accumulation": 2}
    | {"parallel": {"type": "zero", "stage": 3, "offload": "none"}},
    # 135M shape, 8192 tokens an update
    "small": {"precision": "bf16", "kernels": "auto", "micro": 4},
    "small_plain": {"precision": "bf16", "kernels": "none", "micro": 4},
    "small_compiled": {"precision": "bf16", "kernels": "compiled", "micro": 4},
}


def make_model(shape: str, folder: Path) -> None:
    from tokenizers import Tokenizer, models
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    config = LlamaConfig(**SHAPES[shape], tie_word_embeddings=True, dtype="bfloat16")
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    vocabulary = {f"t{i}": i for i in range(config.vocab_size)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="t0"))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="t0", eos_token="t1").save_pretrained(
        folder
    )


def documents(shape: str, tokens: int) -> list[list[int]]:
    length, mean, sigma = DOCUMENTS[shape]
    random = np.random.default_rng(0)
    made: list[list[int]] = []
    while tokens > 0:
        size = int(np.clip(random.lognormal(np.log(mean) - sigma**2 / 2, sigma), 16, length))
        made.append(random.integers(2, SHAPES[shape]["vocab_size"], size).tolist())
        tokens -= size
    return made


def packed(made: list[list[int]], length: int) -> datasets.Dataset:
    from smolc.runtime.data.packing import best_fit

    bins = best_fit(np.array([len(d) for d in made]), length)
    rows = []
    for start, end in zip(bins.bounds[:-1], bins.bounds[1:], strict=True):
        some = [made[i] for i in bins.rows[start:end]]
        ids = [token for document in some for token in document]
        rows.append({"input_ids": ids, "labels": ids, "seq_lengths": [len(d) for d in some]})
    return datasets.Dataset.from_list(rows)


def job_of(shape: str, steps: int, variant: dict[str, Any], gpus: int) -> dict[str, Any]:
    micro, accumulation = variant["micro"], variant.get("accumulation", 1)
    return {
        "kind": "train", "id": "sft", "title": "", "stage": "sft", "needs": ["base", "data"], "seed": 0,
        "device": "auto", "method": "cpt", "init": "base", "data": "data",
        "loss": {"type": "cross_entropy", "neftune": None},
        "adapter": variant.get("adapter", {"type": "full"}),
        "length": DOCUMENTS[shape][0], "packing": "best_fit",
        "batch": {"global_sequences": micro * accumulation * gpus, "micro": micro, "accumulation": accumulation,
                  "data_parallel": gpus},
        "duration": {"epochs": None, "steps": steps, "tokens": None},
        "optimizer": {"type": "adamw", "lr": 1e-5, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0,
                      "clip": 1.0},
        "schedule": {"type": "constant", "warmup": 0.0, "floor": 1.0, "decay": None},
        "precision": variant["precision"], "parallel": variant.get("parallel", {"type": "ddp"}), "attention": "auto",
        "kernels": variant["kernels"], "checkpointing": float(variant.get("checkpointing", 0.0)),
        "log_every": 1, "evaluate_every": None, "save_every": None, "keep": 1, "trust_remote_code": False,
    }  # fmt: skip


def write_folder(work: Path, name: str, job: dict[str, Any], gpus: int) -> Path:
    """A compiled folder with the one job, and its launch files as `smolc build` renders them."""
    from smolc.compiler.plan.types import Cluster, Job
    from smolc.compiler.render.accelerate import accelerate_yaml, deepspeed_json

    folder = work / name
    place = folder / "jobs" / "sft"
    place.mkdir(parents=True, exist_ok=True)
    (place / "job.yaml").write_text(yaml.safe_dump(job))
    (folder / "out").mkdir(exist_ok=True)
    for made in ("base", "data"):
        if not (folder / "out" / made).exists():
            (folder / "out" / made).symlink_to(work / "out" / made)
    if not (folder / "model").exists():
        (folder / "model").symlink_to(work / "model")
    entries = [
        {"id": id, "kind": kind, "title": "", "stage": None, "needs": [], "hash": id}
        for id, kind in (("base", "model"), ("data", "prepare"), ("sft", "train"))
    ]
    entries[2]["needs"] = ["base", "data"]
    cluster = {"name": "here", "device": "auto", "nodes": 1, "processes": gpus, "parallel_jobs": 1}
    manifest = {
        "smolc": "0",
        "edition": 1,
        "recipe": "r",
        "about": "",
        "hash": "0",
        "root": ".",
        "cluster": cluster,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest | {"jobs": entries}))
    if gpus > 1:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        made_of = Job("sft", "train", "", "sft", (), job, "", Cluster("here", device, processes=gpus))
        (place / "accelerate.yaml").write_text(accelerate_yaml(made_of))
        if job["parallel"]["type"] == "zero":
            (place / "deepspeed.json").write_text(deepspeed_json(made_of))
    return folder


def ours(folder: Path) -> dict[str, Any]:
    """Run by each process."""
    from smolc.runtime.jobs.context import Context
    from smolc.runtime.jobs.manifest import read_job, read_manifest
    from smolc.runtime.train import run, save

    shutil.rmtree(folder / "out" / "sft", ignore_errors=True)
    save.save_trained = lambda *_: None
    run.run(Context(folder, read_manifest(folder), read_job(folder, "sft")))
    if os.environ.get("RANK", "0") != "0":
        return {}
    rows = [json.loads(x) for x in (folder / "out/sft/metrics.jsonl").read_text().splitlines()]
    result = json.loads((folder / "out/sft/result.json").read_text())
    return {
        "points": [(r["tokens"], r["seconds"]) for r in rows],
        "loss": [r["loss"] for r in rows if "loss" in r],
    } | {key: result.get(key) for key in ("peak_memory_gib", "attention", "kernels", "graph", "world_size")}


def trl(work: Path, shape: str, steps: int, *, packing: bool, batch: int) -> dict[str, Any]:
    """A plain script, as TRL's documentation has it: bf16 autocast, checkpointing by default, packing if asked for."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    points: list[tuple[float, float]] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            points.append((state.num_input_tokens_seen, time.monotonic()))

    folder = work / "model"
    config = SFTConfig(
        output_dir=str(work / "trl"), max_length=DOCUMENTS[shape][0], packing=packing, bf16=True, max_steps=steps,
        per_device_train_batch_size=batch, logging_steps=1, save_strategy="no", report_to="none",
        include_num_input_tokens_seen="non_padding", learning_rate=1e-5,
    )  # fmt: skip
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder, attn_implementation="sdpa"),
        args=config,
        processing_class=AutoTokenizer.from_pretrained(folder),
        train_dataset=datasets.load_from_disk(str(work / "documents")),
        callbacks=[Clock()],
    )
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    return {"points": points, "loss": losses, "peak_memory_gib": torch.cuda.max_memory_allocated() / 2**30}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--shape", choices=SHAPES, default="3b")
    parser.add_argument("--variants", nargs="+", required=True)
    parser.add_argument("--steps", type=int, default=14)
    parser.add_argument("--warm", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--gpus", type=int, default=1)
    parser.add_argument("--patience", type=float, default=240.0, help="seconds after which a run is ended")
    parser.add_argument("--kernels", help="instead of a variant's own")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.work = options.work.resolve()
    if options.one:
        one(options)
        return
    options.work.mkdir(parents=True, exist_ok=True)
    prepare(options)
    tasks = [
        task_of(options, variant, round) for round in range(options.rounds) for variant in options.variants
    ]
    run_all(tasks, options.gpus, told)


def task_of(options: argparse.Namespace, variant: str, round: int) -> Task:
    name, _, number = variant.partition("@")
    gpus = int(number or 1)
    command = [sys.executable]
    if not name.startswith("trl"):
        said = VARIANTS[name] | ({"kernels": options.kernels} if options.kernels else {})
        folder = write_folder(options.work, variant, job_of(options.shape, options.steps, said, gpus), gpus)
        if gpus > 1:
            config = folder / "jobs" / "sft" / "accelerate.yaml"
            command += [
                "-m",
                "accelerate.commands.launch",
                "--config_file",
                str(config),
                "--main_process_port",
                "0",
            ]
    command += [str(Path(__file__).resolve()), str(options.work), "--variants", variant, "--one"]
    command += [f"--{key}={getattr(options, key)}" for key in ("shape", "steps", "warm")]
    place = options.work / variant
    place.mkdir(exist_ok=True)
    return Task(variant, gpus, command, place, options.work / f"{variant}-{round}.txt", options.patience)


def told(task: Task, seconds: float | None) -> None:
    lines = task.log.read_text(errors="replace").splitlines()
    if seconds is None:
        print(f"{task.name:16} failed, see {task.log}\n" + "\n".join(lines[-15:]), flush=True)
        return
    said = next((line for line in reversed(lines) if line.startswith(f"{task.name} ")), "said nothing")
    print(f"{said}  {seconds:.0f} s in all", flush=True)


def prepare(options: argparse.Namespace) -> None:
    work, shape = options.work, options.shape
    if (work / "out" / "base" / "result.json").is_file():
        return
    make_model(shape, work / "model")
    length = DOCUMENTS[shape][0]
    made = documents(shape, options.steps * 4 * options.gpus * length)
    out = work / "out"
    packed(made, length).save_to_disk(str(out / "data" / "train"))
    datasets.Dataset.from_list([{"input_ids": d} for d in made]).save_to_disk(str(work / "documents"))
    shutil.copytree(
        work / "model", out / "data" / "tokenizer", ignore=shutil.ignore_patterns("*.safetensors")
    )
    (out / "data" / "result.json").write_text("{}")
    (out / "base").mkdir(parents=True)
    result = {"model": {"root": "model"}, "parameters": count(shape)}
    (out / "base" / "result.json").write_text(json.dumps(result))
    print(f"{count(shape):,} parameters", flush=True)


def one(options: argparse.Namespace) -> None:
    work, shape, (variant,) = options.work, options.shape, options.variants
    name, _, number = variant.partition("@")
    if name.startswith("trl"):
        batch = int(name.rpartition("_")[2])
        found = trl(work, shape, options.steps, packing="unpacked" not in name, batch=batch)
    else:
        found = ours(work / variant)
    if not found:
        return
    points = found.pop("points")
    losses = [round(x, 4) for x in found.pop("loss")]
    warm = min(options.warm, len(points) - 2)
    (tokens, began), (more, ended) = points[warm], points[-1]
    speed, step = (more - tokens) / (ended - began), (ended - began) / (len(points) - 1 - warm)
    speed /= int(number or 1)
    print(
        f"{variant:16} {speed:9,.0f} tok/s  MFU {6 * count(shape) * speed / 989e12:5.1%}  {step * 1000:6.0f} ms a step  "
        f"{found}  losses {losses[:4]} .. {losses[-1]}",
        flush=True,
    )


def count(shape: str) -> int:
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(**SHAPES[shape], tie_word_embeddings=True))
    return sum(p.numel() for p in model.parameters())


if __name__ == "__main__":
    main()
