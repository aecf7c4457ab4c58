"""Whole runs on GSM8K's training problems: smolc against a plain TRL script, full and LoRA, several seeds.

    python bench/gsm8k/compare.py WORK MODEL train.jsonl held_out.jsonl [--seeds 0 1 2] [--kinds full lora] [--gpus 4]

MODEL: SmolLM2-135M-Instruct as a folder (bench/smollm2.py makes one). Seconds are of the training alone, without loading,
preparing and saving; tokens an update are about equal (32 problems). The held-out loss is the mean over the tokens of the
answers to the held-out problems, of both models by the same code. Each run has a GPU to itself; where there are several,
as many run at once. With CUDA_VISIBLE_DEVICES=0 and --gpus 3, three share one, and the seconds mean little. Started again
with the same WORK, it goes on with the runs that have no held-out loss.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from side_by_side import Task, environment, run_all  # noqa: E402

KINDS = ("full", "lora")
WHO = ("TRL", "smolc")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("work", "model", "train", "held_out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--gpus", type=int, default=1)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--score", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.score is not None:
        score(options)
        return
    work = options.work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    text = (HERE / "speed.recipe").read_text(encoding="utf-8")
    (work / "speed.recipe").write_text(text.replace("3epoch", f"{options.epochs:g}epoch"), encoding="utf-8")
    shutil.copyfile(options.train, work / "train.jsonl")
    (work / "model").unlink(missing_ok=True)
    (work / "model").symlink_to(options.model.resolve())
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(lambda seed: prepare(work, seed, options.kinds), options.seeds):
            pass
    print("rows are prepared", flush=True)

    # The slow ones first, so that no GPU waits in the end.
    runs = [(kind, seed, who) for who in WHO for seed in options.seeds for kind in options.kinds]
    left = [run for run in runs if not (place_of(work, *run) / "model" / "held_out.json").is_file()]
    run_all([task(options, *run) for run in left], options.gpus, told)
    tell(work, runs)


def prepare(work: Path, seed: int, kinds: list[str]) -> None:
    """One compiled folder a seed, with the start model and the rows."""
    folder = folder_of(work, seed)
    build = [sys.executable, "-m", "smolc.compiler.cli", "build", str(work / "speed.recipe"), "-o"]
    call([*build, str(folder), "--set", f"recipe.seed={seed}"], work)
    for job in ("base", *(f"{kind}-data" for kind in kinds)):
        call(["bash", f"jobs/{job}/launch.sh"], folder)


def task(options: argparse.Namespace, kind: str, seed: int, who: str) -> Task:
    """Training, and then the held-out loss of what it left."""
    work, out = options.work, place_of(options.work, kind, seed, who)
    if who == "smolc":
        folder, train = folder_of(work, seed), ["bash", f"jobs/{kind}/launch.sh"]
    else:
        folder = work
        out.mkdir(exist_ok=True)
        train = [sys.executable, str(HERE.resolve() / "trl_sft.py"), "model", "train.jsonl", str(out)]
        train += ["--seed", str(seed), "--epochs", str(options.epochs)]
        train += ["--lora"] * (kind == "lora") + ["--cpu"] * (options.device == "cpu")
    score = [sys.executable, str(Path(__file__).resolve()), "-", str(options.model.resolve()), "-"]
    score += [str(options.held_out.resolve()), "--score", str(out / "model"), "--device", options.device]
    name = f"{kind} seed {seed} {who}"
    command = ["bash", "-c", f"{shlex.join(train)} && {shlex.join(score)}"]
    return Task(name, 1, command, folder, work / f"{name.replace(' ', '-')}.txt", 900)


def folder_of(work: Path, seed: int) -> Path:
    return work / f"seed-{seed}"


def place_of(work: Path, kind: str, seed: int, who: str) -> Path:
    """Where `model` and `result.json` are."""
    return folder_of(work, seed) / "out" / kind if who == "smolc" else work / f"trl-{kind}-{seed}"


def call(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{said}")


def told(task: Task, seconds: float | None) -> None:
    lines = task.log.read_text(errors="replace").splitlines()
    if seconds is None:
        print(f"{task.name} failed\n" + "\n".join(lines[-15:]), flush=True)
    else:
        print(f"{task.name}: {lines[-1]}, {seconds:.0f} s in all", flush=True)


def tell(work: Path, runs: list[tuple[str, int, str]]) -> None:
    print("\n| trained | by | held-out loss | of each seed | seconds | updates |\n|---|---|---|---|---|---|")
    for kind in KINDS:
        for who in WHO:
            places = [place_of(work, kind, seed, who) for k, seed, w in runs if (k, w) == (kind, who)]
            places = [place for place in places if (place / "model" / "held_out.json").is_file()]
            if not places:
                continue
            losses = [json.loads((place / "model" / "held_out.json").read_text())["loss"] for place in places]
            results = [json.loads((place / "result.json").read_text()) for place in places]
            spread = f" ± {stdev(losses):.4f}" if len(losses) > 1 else ""
            each = ", ".join(f"{loss:.4f}" for loss in losses)
            seconds = mean(result["seconds"] for result in results)
            print(
                f"| {kind} | {who} | {mean(losses):.4f}{spread} | {each} | {seconds:.1f} | {results[0]['steps']} |"
            )


@torch.no_grad()
def score(options: argparse.Namespace) -> None:
    """The held-out loss of one model, with the start model's tokenizer and template."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model: Any = AutoModelForCausalLM.from_pretrained(options.score, dtype=torch.bfloat16)
    model = model.to(options.device).eval()
    rows = []
    for line in options.held_out.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        user = {"role": "user", "content": row["question"]}
        prompt = tokenizer.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
        before = len(tokenizer(prompt).input_ids)
        whole = torch.tensor(tokenizer(prompt + row["answer"] + "<|im_end|>").input_ids)
        rows.append((whole, torch.where(torch.arange(len(whole)) < before, -100, whole)))
    rows.sort(key=lambda row: len(row[0]))
    total, count = 0.0, 0
    for start in range(0, len(rows), 16):
        # Padded on the right, which no token of a causal model sees.
        ids, labels = (
            torch.nn.utils.rnn.pad_sequence(each, batch_first=True, padding_value=pad).to(options.device)
            for each, pad in zip(zip(*rows[start : start + 16], strict=True), (0, -100), strict=True)
        )
        logits = model(ids).logits[:, :-1].float()
        total += float(
            torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels[:, 1:], reduction="sum")
        )
        count += int((labels[:, 1:] != -100).sum())
    print(f"held-out loss {total / count:.4f}")
    (options.score / "held_out.json").write_text(json.dumps({"loss": total / count, "tokens": count}))


if __name__ == "__main__":
    main()
