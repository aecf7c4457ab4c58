"""Kill training runs at random moments, run them again until they are done, and compare the loss curves.

    python bench/kill.py [--ways one,ddp,zero2,zero3] [--runs 5] [--kills 3] [--seed 0]

Each way trains a tiny model once without harm. Then a run is started again and again, with SIGKILL for its whole process
group at a random moment, `--kills` times, and let go at last. Its `metrics.jsonl` has to be the same to the last digit,
save for the clock, and so do the weights of its model. The processors do the work: no GPU is used.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/train"))

import compiled  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from smolc.runtime.train import start  # noqa: E402
from smolc.runtime.train.scratch import bytes_tokenizer  # noqa: E402

STEPS = 24
LAUNCH = HERE.parent / "tests/train/launch"
WAYS: dict[str, tuple[int, dict[str, Any], str | None, str | None]] = {
    "one": (1, {}, None, None),
    "ddp": (2, {}, "ddp_cpu.yaml", None),
    "zero2": (
        2,
        {"parallel": {"type": "zero", "stage": 2, "offload": "none"}},
        "zero_cpu.yaml",
        "zero2.json",
    ),
    "zero3": (
        2,
        {"parallel": {"type": "zero", "stage": 3, "offload": "none"}},
        "zero_cpu.yaml",
        "zero3.json",
    ),
}
CLOCK = ("seconds",)


def job(way: str, steps: int, **said: Any) -> dict[str, Any]:
    processes, parallel, _, _ = WAYS[way]
    batch = {"global_sequences": 4, "micro": 1, "accumulation": 4 // processes, "data_parallel": processes}
    return {
        **compiled.TRAIN,
        **parallel,
        "batch": batch,
        "duration": {"epochs": None, "steps": steps, "tokens": None},
        "save_every": {"steps": 3, "fraction": None},
        "evaluate_every": {"steps": 5, "fraction": None},
        "keep": 2,
        **said,
    }


def prepare(folder: Path, way: str, steps: int = STEPS, **said: Any) -> list[str]:
    """A compiled folder with the job `sft`. Returns the command that runs it."""
    _, _, config, deepspeed = WAYS[way]
    tokenizer = bytes_tokenizer(compiled.SPECIAL, 128)
    compiled.write_folder(folder, compiled.MODEL, job(way, steps, **said))
    start.run(compiled.context_of(folder, "base"))
    rows = compiled.chat_rows(tokenizer, 61)
    compiled.write_rows(folder, tokenizer, rows[:50], rows[50:])
    compiled.finished(folder, "base")
    compiled.finished(folder, "data")
    place = folder / "jobs/sft"
    module = ["-m", "smolc.runtime", "jobs/sft/job.yaml"]
    if config is None:
        return [sys.executable, *module]
    text = (LAUNCH / config).read_text().replace("deepspeed.json", "jobs/sft/deepspeed.json")
    (place / "accelerate.yaml").write_text(text)
    if deepspeed is not None:
        shutil.copy(LAUNCH / deepspeed, place / "deepspeed.json")
    launcher = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--config_file",
        "jobs/sft/accelerate.yaml",
    ]
    return [*launcher, *module]


def begin(folder: Path, command: list[str]) -> subprocess.Popen[bytes]:
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            command, cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def wait(process: subprocess.Popen[bytes], metrics: Path, step: int) -> None:
    """Until a run that was begun just now has logged a step, counted from where it goes on; the run before left lines."""
    last, new = None, 0
    while process.poll() is None and new < step:
        size = metrics.stat().st_size if metrics.is_file() else 0
        new += last is not None and size > last
        last = size
        time.sleep(0.005)


def kill(process: subprocess.Popen[bytes]) -> None:
    """All of its processes at once, as when a machine goes down; torchrun's children are sessions of their own."""
    pids = [process.pid, *children_of(process.pid)]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    while any(Path(f"/proc/{pid}").exists() and not is_dead(pid) for pid in pids):
        time.sleep(0.01)


def is_dead(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def children_of(pid: int) -> list[int]:
    found = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *children_of(int(child))]
    except OSError:
        pass
    return found


def curve(folder: Path) -> list[dict[str, Any]]:
    rows = compiled.read_metrics(folder, "sft")
    return [{key: value for key, value in row.items() if key not in CLOCK} for row in rows]


def weights(folder: Path) -> dict[str, Any]:
    return {k: v.tolist() for k, v in load_file(folder / "out/sft/model/model.safetensors").items()}


def moment(out: Path) -> str:
    """Where a run was, for a person."""
    written = sorted(out.glob("checkpoints/checkpoint-*"), key=lambda p: int(p.name.rpartition("-")[2]))
    half = [p.name for p in written if not (p / "complete").exists()]
    rows = compiled.read_metrics(out.parent.parent, "sft") if (out / "metrics.jsonl").is_file() else []
    at = f"step {rows[-1]['step']}" if rows else "before step 1"
    return (
        at
        + (f", {half[-1]} half written" if half else "")
        + (", model begun" if (out / "model").exists() else "")
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ways", default="one,ddp,zero2,zero3")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance, wrong = random.Random(options.seed), 0
    for way in options.ways.split(","):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            command = prepare(folder, way)
            began = time.monotonic()
            if begin(folder, command).wait() != 0:
                print((folder / "log.txt").read_text()[-3000:])
                return 1
            whole, model, seconds = curve(folder), weights(folder), time.monotonic() - began
            print(f"{way}: {len(whole)} lines in {seconds:.1f} s without harm", flush=True)
            for run in range(options.runs):
                shutil.rmtree(folder / "out/sft")
                told = []
                for _ in range(options.kills):
                    process = begin(folder, command)
                    wait(process, folder / "out/sft/metrics.jsonl", chance.randint(0, STEPS))
                    time.sleep(chance.uniform(0, 1.0 if chance.random() < 0.3 else 0.1))
                    if process.poll() is not None:
                        break
                    kill(process)
                    told.append(moment(folder / "out/sft"))
                code = begin(folder, command).wait()
                same = code == 0 and curve(folder) == whole and weights(folder) == model
                wrong += not same
                print(
                    f"  {run + 1}: killed at {'; '.join(told)}: {'the same' if same else 'DIFFERENT'}",
                    flush=True,
                )
                if not same:
                    print((folder / "log.txt").read_text()[-2000:], json.dumps(curve(folder)[-3:]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
