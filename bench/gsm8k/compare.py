"""Whole runs on GSM8K's training problems: smolc against a plain TRL script, full and LoRA, several seeds, taking turns.

    python bench/gsm8k/compare.py WORK MODEL train.jsonl held_out.jsonl [--seeds 0 1 2] [--kinds full lora]

MODEL: SmolLM2-135M-Instruct as a folder (bench/smollm2.py makes one). Seconds are of the training alone, without loading,
preparing and saving; tokens an update are about equal (32 problems). The held-out loss is the mean over the tokens of the
answers to the held-out problems, of both models by the same code.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("work", "model", "train", "held_out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kinds", nargs="+", choices=("full", "lora"), default=["full", "lora"])
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    work: Path = options.work
    work.mkdir(parents=True)
    shutil.copyfile(HERE / "speed.recipe", work / "speed.recipe")
    shutil.copyfile(options.train, work / "train.jsonl")
    (work / "model").symlink_to(options.model.resolve())
    smolc = Smolc(work, options.seeds)
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for kind in options.kinds:
        for seed in options.seeds:
            for who in ("TRL", "smolc"):
                model, told = trl(work, kind, seed) if who == "TRL" else smolc.train(kind, seed)
                told["loss"] = held_out_loss(model, options.held_out, options.device)
                found.setdefault((kind, who), []).append(told)
                print(f"{kind} seed {seed} {who}: {told}", flush=True)
    for (kind, who), runs in found.items():
        losses, seconds = [r["loss"] for r in runs], [r["seconds"] for r in runs]
        spread = stdev(losses) if len(losses) > 1 else float("nan")
        print(
            f"| {kind} | {who} | {mean(losses):.4f} ± {spread:.4f} | {mean(seconds):.1f} | {runs[0]['steps']:.0f} |"
        )


class Smolc:
    """One compiled folder a seed; start model and rows are made once."""

    def __init__(self, work: Path, seeds: list[int]) -> None:
        self.folders = {seed: work / f"seed-{seed}" for seed in seeds}
        for seed, folder in self.folders.items():
            command = [sys.executable, "-m", "smolc.compiler.cli", "build", str(work / "speed.recipe")]
            run([*command, "-o", str(folder), "--set", f"recipe.seed={seed}"], work)

    def train(self, kind: str, seed: int) -> tuple[Path, dict[str, float]]:
        folder = self.folders[seed]
        for job in ("base", f"{kind}-data", kind):
            run(["bash", f"jobs/{job}/launch.sh"], folder)
        told = json.loads((folder / "out" / kind / "result.json").read_text())
        return folder / "out" / kind / "model", {"seconds": told["seconds"], "steps": told["steps"]}


def trl(work: Path, kind: str, seed: int) -> tuple[Path, dict[str, float]]:
    out = work / f"trl-{kind}-{seed}"
    command = [
        sys.executable,
        str(HERE / "trl_sft.py"),
        "model",
        "train.jsonl",
        str(out),
        "--seed",
        str(seed),
    ]
    run([*command, *(["--lora"] if kind == "lora" else [])], work)
    return out / "model", json.loads((out / "result.json").read_text())


def run(command: list[str], folder: Path) -> None:
    env = {**os.environ, "SMOLC_PYTHON": sys.executable}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(
            f"{' '.join(command)} ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )


@torch.no_grad()
def held_out_loss(folder: Path, rows: Path, device: str) -> float:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        folder.parent.parent / "model" if not has_tokenizer(folder) else folder
    )
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).to(device).eval()
    total, count = 0.0, 0
    for line in rows.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        user = {"role": "user", "content": row["question"]}
        prompt = tokenizer.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
        answer = row["answer"] + "<|im_end|>"
        before = len(tokenizer(prompt).input_ids)
        ids = torch.tensor([tokenizer(prompt + answer).input_ids], device=device)
        logits = model(ids).logits[0, before - 1 : -1].float()
        total += float(torch.nn.functional.cross_entropy(logits, ids[0, before:], reduction="sum"))
        count += ids.shape[1] - before
    return total / count


def has_tokenizer(folder: Path) -> bool:
    return (folder / "tokenizer.json").is_file()


if __name__ == "__main__":
    main()
