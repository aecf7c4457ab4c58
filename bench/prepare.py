"""Preparing chats: smolc against TRL's own preparation, and against bare tokenising.

    python bench/prepare.py ROWS.jsonl TOKENIZER_FOLDER [--runs 5] [--scales 1 4 16]

ROWS has a column `messages`. The same rows, template (with generation markers) and masks; packed by best fit into rows
of 4096. The three take turns, each run in a process of its own:

- smolc: the whole prepare job (reading, checking, rendering, tokenising, masking, mixing, packing, writing), from its
  start to its end; imports are not counted.
- trl: `SFTTrainer._prepare_dataset` (assistant_only_loss, packing "bfd") of rows that are read already, with one and
  with two processes; imports, model and reading are not counted.
- encode_batch: `tokenizers` alone, of the texts that smolc rendered.

--scales: time and memory of smolc at so many times the rows. Memory is the largest sum over all processes, of resident
pages (RSS, shared ones counted in each) and of proportional pages (PSS).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

LENGTH = 4096
TEMPLATE = Path(__file__).parents[1] / "templates" / "chat" / "chatml.jinja"
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def job(rows: Path) -> dict[str, Any]:
    source = {
        "name": "chats", "location": {"type": "files", "paths": [rows.name]}, "where": None, "system": None,
        "format": {"type": "messages", "column": "messages", "tools": None, "template_kwargs": None},
        "weight": {"type": "all"},
    }  # fmt: skip
    template = {"file": "templates/chat.jinja", "end_of_turn": "<|im_end|>", "thinking": None, "kwargs": {}}
    return {
        "kind": "prepare", "id": "data", "title": "data", "stage": "sft", "needs": ["base"], "seed": 1,
        "device": "cpu", "method": "sft", "model": "base", "template": template, "loss_on": "assistant",
        "sources": [source], "basis": "tokens", "budget_tokens": None, "holdout": None, "length": LENGTH,
        "overlong": "truncate", "packing": "best_fit", "trust_remote_code": False,
    }  # fmt: skip


class Clock:
    """Wall clock and processor time of this process and of those that it waited for."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._cpu = sum(os.times()[:4])

    def taken(self) -> dict[str, float]:
        return {"seconds": time.perf_counter() - self._start, "cpu": sum(os.times()[:4]) - self._cpu}


def smolc(rows: Path, tokenizer: Path, folder: Path) -> dict[str, Any]:
    """folder: where the tokens of an earlier run are found, if there was one."""
    from smolc.runtime.data.prepare import run
    from smolc.runtime.jobs.context import Context
    from smolc.runtime.jobs.manifest import Manifest
    from smolc.runtime.jobs.prepare import PrepareJob

    build = folder / "build"
    (build / "templates").mkdir(parents=True, exist_ok=True)
    shutil.copy(TEMPLATE, build / "templates" / "chat.jinja")
    (build / "out" / "base").mkdir(parents=True, exist_ok=True)
    shutil.copytree(tokenizer, build / "out" / "base" / "model", dirs_exist_ok=True)
    (build / "out" / "base" / "result.json").write_text(json.dumps({"model": {"out": "base/model"}}))
    if not (folder / rows.name).exists():
        os.link(rows, folder / rows.name) if rows.stat().st_dev == folder.stat().st_dev else shutil.copy(
            rows, folder
        )
    cluster = {"name": "local", "device": "cpu", "nodes": 1, "processes": 1, "parallel_jobs": 1}
    manifest = {
        "smolc": "0", "edition": 1, "recipe": "r", "about": "", "hash": "", "root": "..", "cluster": cluster, "jobs": [],
    }  # fmt: skip
    context = Context(build, Manifest.model_validate(manifest), PrepareJob.model_validate(job(rows)))
    clock = Clock()
    run(context)
    return {**clock.taken(), **json.loads((context.out / "result.json").read_text())}


def trl(rows: Path, tokenizer: Path, folder: Path, processes: int) -> dict[str, Any]:
    import datasets
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    datasets.disable_progress_bars()
    taken: list[dict[str, float]] = []

    class Timed(SFTTrainer):  # type: ignore[misc]
        def _prepare_dataset(self, *args: Any, **kwargs: Any) -> Any:
            clock = Clock()
            made = super()._prepare_dataset(*args, **kwargs)
            taken.append(clock.taken())
            return made

    loaded = AutoTokenizer.from_pretrained(tokenizer)
    loaded.chat_template = TEMPLATE.read_text()
    config = LlamaConfig(
        vocab_size=len(loaded), hidden_size=8, intermediate_size=8, num_hidden_layers=1,
        num_attention_heads=1, num_key_value_heads=1,
    )  # fmt: skip
    data = datasets.Dataset.from_list([json.loads(line) for line in rows.open(encoding="utf-8")])
    data = data.select_columns(["messages"])
    args = SFTConfig(
        output_dir=str(folder / "trl"), max_length=LENGTH, packing=True, assistant_only_loss=True,
        dataset_num_proc=processes, use_cpu=True, bf16=False, eos_token="<|im_end|>", pad_token="<|endoftext|>",
    )  # fmt: skip
    trainer = Timed(model=LlamaForCausalLM(config), args=args, train_dataset=data, processing_class=loaded)
    made = trainer.train_dataset
    tokens = sum(len(row) for row in made["input_ids"])
    return {**taken[0], "tokens": tokens, "bins": len(made)}


def encode_batch(rows: Path, tokenizer: Path, folder: Path) -> dict[str, Any]:
    from transformers import PreTrainedTokenizerFast

    from smolc.runtime.data.template import ChatTemplate, guarded

    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    backend = PreTrainedTokenizerFast.from_pretrained(str(tokenizer)).backend_tokenizer
    template = ChatTemplate("chatml", TEMPLATE.read_text(), {})
    start = time.perf_counter()
    with guarded():
        texts = [template.render(json.loads(line)["messages"])[0] for line in rows.open(encoding="utf-8")]
    rendering = time.perf_counter() - start
    clock = Clock()
    made = backend.encode_batch(texts, add_special_tokens=False)
    return {**clock.taken(), "tokens": sum(len(e) for e in made), "rendering": rendering}


WAYS = {
    "smolc": smolc,
    "trl, 1 process": lambda *a: trl(*a, 1),
    "trl, 2 processes": lambda *a: trl(*a, 2),
    "encode_batch": encode_batch,
}


def measure(way: str, rows: Path, tokenizer: Path, folder: Path, memory: bool = False) -> dict[str, Any]:
    command = [sys.executable, __file__, str(rows), str(tokenizer), "--one", way, "--folder", str(folder)]
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    most = {"rss": 0, "pss": 0}
    watcher = threading.Thread(target=watch, args=(process, most))
    if memory:
        watcher.start()
    out, err = process.communicate()
    if memory:
        watcher.join()
    if process.returncode:
        sys.exit(err[-3000:])
    result: dict[str, Any] = json.loads(out.splitlines()[-1])
    return {**result, "whole": time.perf_counter() - start, **most}


def watch(process: subprocess.Popen[str], most: dict[str, int]) -> None:
    import psutil

    try:
        parent = psutil.Process(process.pid)
        while process.poll() is None:
            sums = {"rss": 0, "pss": 0}
            for one in [parent, *parent.children(recursive=True)]:
                try:
                    info = one.memory_full_info()
                except psutil.Error:
                    continue
                sums["rss"] += info.rss
                sums["pss"] += info.pss
            for name, value in sums.items():
                most[name] = max(most[name], value)
            time.sleep(0.05)
    except psutil.Error:
        pass


def compare(rows: Path, tokenizer: Path, runs: int) -> None:
    taken: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(runs):
        for way in WAYS:
            with tempfile.TemporaryDirectory(dir=rows.parent) as folder:
                taken[way].append(measure(way, rows, tokenizer, Path(folder)))
    print(f"median of {runs}, interleaved; load average {os.getloadavg()[0]:.1f}; {os.cpu_count()} cores")
    print(f"{'':18} {'s':>7} {'cpu s':>7} {'tokens':>11} {'tokens/s':>10} {'whole process s':>16}")
    middle = {way: median(r["seconds"] for r in results) for way, results in taken.items()}
    for way, results in taken.items():
        tokens = results[0]["tokens"]
        whole, cpu = (median(r[key] for r in results) for key in ("whole", "cpu"))
        print(
            f"{way:18} {middle[way]:7.2f} {cpu:7.2f} {tokens:11,} {tokens / middle[way]:10,.0f} {whole:16.2f}"
        )
    best = min(middle[way] for way in middle if way.startswith("trl"))
    print(f"trl (the faster) / smolc: {best / middle['smolc']:.2f} (goal 3)")
    rates = {way: taken[way][0]["tokens"] / middle[way] for way in ("smolc", "encode_batch")}
    print(f"smolc's rate / encode_batch's: {rates['smolc'] / rates['encode_batch']:.2f} (goal 0.65)")


def scale(rows: Path, tokenizer: Path, scales: list[int]) -> None:
    print(f"{'rows':>5} {'MB':>7} {'s':>7} {'s per 1x':>9} {'again s':>8} {'RSS MiB':>8} {'PSS MiB':>8}")
    for times in scales:
        with tempfile.TemporaryDirectory(dir=rows.parent) as folder:
            many = Path(folder) / "many.jsonl"
            with many.open("wb") as file:
                for _ in range(times):
                    file.write(rows.read_bytes())
            first = measure("smolc", many, tokenizer, Path(folder), memory=True)
            again = measure("smolc", many, tokenizer, Path(folder))
            size = many.stat().st_size / 1e6
        print(
            f"{times:4}x {size:7.1f} {first['seconds']:7.2f} {first['seconds'] / times:9.2f} {again['seconds']:8.2f} "
            f"{first['rss'] / 2**20:8.0f} {first['pss'] / 2**20:8.0f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--scales", type=int, nargs="*", default=[])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(WAYS[given.one](given.rows, given.tokenizer, given.folder)))
        return
    if given.runs:
        compare(given.rows.resolve(), given.tokenizer.resolve(), given.runs)
    if given.scales:
        scale(given.rows.resolve(), given.tokenizer.resolve(), given.scales)


if __name__ == "__main__":
    main()
