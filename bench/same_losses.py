"""Whether one recipe gives one loss curve on GPUs, however it is spread, packed or checkpointed.

    python bench/same_losses.py --gpus 1 2 4 --precision bf16 fp32 [--model FOLDER] [--keep FOLDER] [--device cpu]

Compiles a small recipe (a Llama of 60 million random weights, or the model in FOLDER) for each way, starts its launch.sh,
and prints the largest relative difference of the first 20 losses from one GPU's. Ways that fit run side by side. Packed
rows are put together by hand, so that a step trains the same documents as unpacked. About 5 minutes on 4 H100s.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from side_by_side import Task, environment, run_all

STEPS, DOCUMENTS, SEED = 20, 16, 7
LENGTH = 512
WITHIN = {"bf16": 2e-3, "fp32": 1e-4}
SPREAD = {"DDP": "ddp", "FSDP2": "fsdp2", "ZeRO-2": "zero(stage = 2)", "ZeRO-3": "zero(stage = 3)"}
PATIENCE = 240
SCRATCH = """scratch   = llama(layers = 8, hidden = 768, heads = 12, kv_heads = 4, intermediate = 2048, context = 2048)
  tokenizer = bytes"""
RECIPE = """smolc 1

recipe same { about = "The same losses on any hardware."; seed = SEED }
model base {
  MODEL
}
dataset chats { path = "chats.jsonl" }
mixture talk { chats = all }
template chat { builtin = chatml }
stage sft {
  init      = base
  method    = sft(loss_on = assistant)
  data      = talk
  template  = chat
  packing   = none(length = LENGTH)
  batch     = DOCUMENTSseq
  length    = STEPSstep
  optim     = adamw(lr = 1e-3)
  schedule  = cosine(warmup = 5step)
  log_every = 1step
}
"""


@dataclass(frozen=True)
class Way:
    """One run: over how many devices and how, in which numbers, packed or not, checkpointed or not."""

    devices: int
    spread: str
    precision: str
    packed: bool = False
    checkpointed: bool = False

    @property
    def name(self) -> str:
        words = [f"{self.devices}", self.spread if self.devices > 1 else "one", self.precision]
        return "-".join(
            [*words, *(["packed"] * self.packed), *(["checkpointed"] * self.checkpointed)]
        ).lower()


def ways(devices: list[int], precisions: list[str], spreads: list[str]) -> list[Way]:
    """The references first. Packed and checkpointed alternate over the others, so that all meet in few runs."""
    made = [Way(1, "DDP", precision) for precision in precisions]
    made += [Way(1, "DDP", precision, packed=True) for precision in precisions]
    made += [Way(1, "DDP", precision, checkpointed=True) for precision in precisions]
    several = [n for n in devices if n > 1]
    for precision in precisions:
        # bf16 is what people train in: on each number of devices; fp32 on the largest.
        for number in several if precision == "bf16" else several[-1:]:
            for i, spread in enumerate(spreads):
                made.append(Way(number, spread, precision, packed=i % 2 == 0, checkpointed=i // 2 == 1))
    return made


def write_recipe(folder: Path, model: Path | None) -> Path:
    """A recipe and the documents that it trains on, of 20 to 450 characters."""
    draw = random.Random(SEED)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 8))) for _ in range(60)]
    with (folder / "chats.jsonl").open("w") as file:
        for _ in range(STEPS * DOCUMENTS):
            said = draw.choices(words, k=draw.randint(1, 30))
            messages = [
                {"role": "user", "content": " ".join(said[:8])},
                {"role": "assistant", "content": " ".join(sorted(said))},
            ]
            file.write(json.dumps({"messages": messages}) + "\n")
    start = SCRATCH if model is None else f"path = {json.dumps(os.path.relpath(model, folder))}"
    text = RECIPE.replace("MODEL", start)
    for name, value in (("LENGTH", LENGTH), ("DOCUMENTS", DOCUMENTS), ("STEPS", STEPS), ("SEED", SEED)):
        text = text.replace(name, str(value))
    recipe = folder / "same.recipe"
    recipe.write_text(text)
    return recipe


def build(recipe: Path, way: Way, device: str) -> Path:
    """The compiled folder of one way."""
    folder = recipe.parent / way.name
    packing = f"best_fit(length = {2 * LENGTH})" if way.packed else f"none(length = {LENGTH})"
    sets = {
        "precision": way.precision,
        "parallel": SPREAD[way.spread] if way.devices > 1 else "ddp",
        "packing": packing,
        "batch": f"{DOCUMENTS // 2 if way.packed else DOCUMENTS}seq",
        "micro_batch": "1" if way.packed else "2",
        "checkpointing": str(way.checkpointed).lower(),
    }
    cluster = (
        "cpu"
        if (way.devices, device) == (1, "cpu")
        else f"{way.devices}x{'cpu' if device == 'cpu' else 'h100'}"
    )
    words = [word for key, value in sets.items() for word in ("--set", f"stage.sft.{key}={value}")]
    command = [
        sys.executable,
        "-m",
        "smolc.compiler.cli",
        "build",
        str(recipe),
        "--on",
        cluster,
        "-o",
        str(folder),
    ]
    done = subprocess.run([*command, *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{way.name} does not compile:\n{done.stdout}{done.stderr}")
    return folder


def job_of(folder: Path, kind: str) -> str:
    jobs = json.loads((folder / "manifest.json").read_text())["jobs"]
    return str(next(job["id"] for job in jobs if job["kind"] == kind))


def prepare(folder: Path, kinds: tuple[str, ...] = ("model", "prepare")) -> None:
    for kind in kinds:
        run = subprocess.run(
            ["bash", f"jobs/{job_of(folder, kind)}/launch.sh"], cwd=folder, env=environment()
        )
        if run.returncode != 0:
            raise RuntimeError(f"the {kind} job of {folder.name} failed")


def put_together(unpacked: Path, folder: Path) -> None:
    """Packed rows of two documents each, in the place where the packed run trains the step that has both."""
    import datasets

    from smolc.runtime.train.steps import Length, row_order

    rows = datasets.load_from_disk(str(unpacked / "out" / job_of(unpacked, "prepare") / "train"))
    count = len(rows)
    if count != STEPS * DOCUMENTS:
        raise RuntimeError(f"{count} rows were prepared of {STEPS * DOCUMENTS} documents")
    pairs = row_order(Length(STEPS, count, DOCUMENTS), SEED).reshape(-1, 2)
    places = row_order(Length(STEPS, count // 2, DOCUMENTS // 2), SEED)
    made: list[dict[str, Any]] = [{}] * len(pairs)
    for place, pair in zip(places, pairs, strict=True):
        both = [rows[int(i)] for i in pair]
        joined: dict[str, Any] = {key: both[0][key] + both[1][key] for key in ("input_ids", "labels")}
        made[int(place)] = joined | {"seq_lengths": [len(row["input_ids"]) for row in both]}
    out = folder / "out" / job_of(folder, "prepare") / "train"
    shutil.rmtree(out)
    datasets.Dataset.from_list(made).save_to_disk(str(out))


def curve(folder: Path) -> list[float]:
    lines = (folder / "out" / job_of(folder, "train") / "metrics.jsonl").read_text().splitlines()
    return [row["loss"] for row in map(json.loads, lines) if "loss" in row]


def run_ways(folders: dict[Way, Path], total: int) -> dict[Way, float]:
    """Seconds of each that ended well."""
    tasks = [
        Task(
            way.name,
            way.devices,
            ["bash", f"jobs/{job_of(folder, 'train')}/launch.sh"],
            folder,
            folder / "log.txt",
            PATIENCE,
        )
        for way, folder in sorted(folders.items(), key=lambda pair: -pair[0].devices)
    ]
    seconds = run_all(tasks, total, told)
    return {way: seconds[way.name] for way in folders if way.name in seconds}


def told(task: Task, seconds: float | None) -> None:
    print(f"{task.name}: {'FAILED' if seconds is None else f'{seconds:.0f} s'}", flush=True)


def tell(folders: dict[Way, Path], seconds: dict[Way, float]) -> bool:
    """Prints the table. Returns whether all ran and agree."""
    references = {way.precision: way for way in folders if way == Way(1, "DDP", way.precision)}
    curves = {way: curve(folders[way]) for way in seconds}
    print(
        "\n| devices | spread | numbers | rows | checkpointed | first loss | largest difference | at step | s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    well = True
    for way in folders:
        cells = [str(way.devices), way.spread if way.devices > 1 else "one process", way.precision]
        cells += ["packed" if way.packed else "padded", "yes" if way.checkpointed else "no"]
        reference = curves.get(references[way.precision])
        if way not in curves or reference is None:
            print(
                "| "
                + " | ".join([*cells, "FAILED" if way not in curves else "no reference", "", "", ""])
                + " |"
            )
            well = False
            continue
        apart = [abs(a - b) / abs(b) for a, b in zip(curves[way], reference, strict=False)]
        well &= len(apart) == STEPS and max(apart) <= WITHIN[way.precision]
        said = f"{max(apart):.1e}" + ("" if max(apart) <= WITHIN[way.precision] else " TOO FAR")
        cells += [f"{curves[way][0]:.5f}", said, str(apart.index(max(apart)) + 1), f"{seconds[way]:.0f}"]
        print("| " + " | ".join(cells) + " |")
    print(f"\nwithin: {', '.join(f'{value:g} in {key}' for key, value in WITHIN.items())}")
    for way in folders:
        if way not in seconds:
            print(
                f"\n--- {way.name}\n" + "\n".join((folders[way] / "log.txt").read_text().splitlines()[-25:])
            )
    return well


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--precision", nargs="+", choices=list(WITHIN), default=list(WITHIN))
    parser.add_argument("--spread", nargs="+", choices=list(SPREAD), default=list(SPREAD))
    parser.add_argument("--model", type=Path)
    parser.add_argument("--keep", type=Path, help="an empty folder for all that is compiled and written")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    asked = parser.parse_args()
    place = asked.keep or Path(tempfile.mkdtemp(prefix="same-losses-"))
    place.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    try:
        recipe = write_recipe(place, asked.model.resolve() if asked.model else None)
        planned = ways(asked.gpus, asked.precision, asked.spread)
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            made = pool.map(lambda way: build(recipe, way, asked.device), planned)
            folders = dict(zip(planned, made, strict=True))
        first = next(folder for way, folder in folders.items() if not way.packed)
        prepare(first)
        packed = next((folder for way, folder in folders.items() if way.packed), None)
        if packed is not None:
            shutil.copytree(
                first / "out", packed / "out", ignore=shutil.ignore_patterns(job_of(first, "prepare"))
            )
            prepare(packed, ("prepare",))
            put_together(first, packed)
        for way, folder in folders.items():
            source = packed if way.packed else first
            if source is not None and folder != source:
                shutil.copytree(source / "out", folder / "out")
        seconds = run_ways(folders, max(asked.gpus))
        well = tell(folders, seconds)
    finally:
        if asked.keep is None:
            shutil.rmtree(place, ignore_errors=True)
    print(f"{time.monotonic() - began:.0f} s in all")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
