"""A compiled folder as it looks after a run, without the run: every file that jobs write, with plausible
numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from eval_folder import DECODE, own_task, results, rows_of, said
from fake_jobs import LRS, OPTIMIZER, TEMPLATE, TRAIN, FakeFolder

WORDS = ["river", "stone", "window", "garden", "silver", "orange", "market", "pencil", "candle", "forest"]


def fake_folder(path: Path, about: str = "", words: list[str] | None = None) -> FakeFolder:
    """Base -> SFT over three learning rates (one diverges) -> DPO -> eval with two expectations -> report."""
    folder = FakeFolder(path, about, words or WORDS)
    own = {"type": "bytes", "special": ["<|im_start|>", "<|im_end|>"]}
    shape = {"layers": 3, "hidden": 128, "heads": 4, "kv_heads": 4, "intermediate": 384, "context": 256}
    source = {"type": "scratch", "architecture": "llama", **shape}
    folder.job(
        "base",
        "A new model, random weights",
        None,
        (),
        kind="model",
        source=source,
        tokenizer=own,
        dtype="fp32",
        trust_remote_code=False,
    )
    folder.out("base", "result.json", {"model": {"out": "base/model"}, "parameters": 812_416})
    _prepare(folder)
    runs = [_sft(folder, lr) for lr in LRS]
    _pick(folder, runs)
    _dpo(folder)
    _evaluate(folder)
    checks = [
        {"text": "sft.reverse >= 90%", "left": "sft.reverse", "operator": ">=", "terms": [[1, 0.9]]},
        {
            "text": "dpo.reverse >= sft.reverse - 2%",
            "left": "dpo.reverse",
            "operator": ">=",
            "terms": [[1, "sft.reverse"], [-1, 0.02]],
        },
    ]
    folder.job(
        "final.expect",
        "What final has to show",
        "final",
        ("final",),
        kind="gate",
        scores="final",
        checks=checks,
    )
    held = [{"text": c["text"], "holds": True, "left": 0.97, "right": 0.9, "missing": []} for c in checks]
    folder.out("final.expect", "result.json", {"checks": held, "holds": True})
    folder.job("report", "The report", None, ("final.expect",), kind="report")
    folder.write()
    return folder


HITS = {
    "ngram": 13,
    "evals": {
        "words": {
            "rows": 4,
            "shown": [{"row": "data.jsonl:3", "eval": "test.jsonl:9", "words": "reverse the <i>word</i>"}],
        }
    },
}


def _prepare(folder: FakeFolder) -> None:
    names = (
        ("reverse", 0.6),
        ("copy", 0.3),
        ("small talk, long names in the hub id/and a configuration", 0.1),
    )
    sources, stats = [], []
    for (name, share), tokens, rows in zip(names, (61_400, 30_300, 8_300), (2400, 1400, 60), strict=True):
        weight = {"type": "share", "share": share, "at_most_epochs": 4.0}
        location = {"type": "files", "paths": ["data.jsonl"]}
        shape = {"type": "prompt_completion", "prompt": "prompt", "completion": "answer"}
        sources.append(
            {
                "name": name,
                "location": location,
                "format": shape,
                "where": None,
                "system": None,
                "weight": weight,
            }
        )
        stats.append(
            {
                "name": name,
                "weight": "share",
                "declared_share": share,
                "realised_share": tokens / 100_000,
                "epochs": 1.4,
                "rows": rows,
                "tokens": tokens,
                "trained_tokens": tokens // 4,
                "rows_read": rows + 10,
                "rows_filtered": 0,
                "holdout_rows": 64,
                "overlong": 3 if share < 0.2 else 0,
                "dropped": 3 if share < 0.2 else 0,
                "cut_at_turn": 0,
                "cut_within_turn": 0,
                "untrained": 0,
                "rows_bad": 2 if share < 0.2 else 0,
                "bad_shown": ["data.jsonl:7: expected <b>messages</b>"] if share < 0.2 else [],
                "repeated": 12 if share > 0.5 else 0,
            }
        )
    folder.job(
        "sft.data",
        "Mix, render, mask and pack",
        "sft",
        ("base",),
        kind="prepare",
        method="sft",
        model="base",
        template=TEMPLATE,
        loss_on="assistant",
        sources=sources,
        basis="tokens",
        budget_tokens=None,
        holdout={"fraction": None, "rows": 64},
        length=64,
        overlong="drop",
        packing="best_fit",
        trust_remote_code=False,
    )
    edges = [*range(8, 16), *range(16, 32, 2), *range(32, 64, 4), 64, 72]
    counts = [round(900 * math.exp(-((i - 12) ** 2) / 14)) for i in range(len(edges) - 2)] + [11]
    lengths = {
        "p50": 26,
        "p90": 37,
        "p99": 52,
        "p100": 70,
        "counts": counts,
        "edges": edges,
    }
    whole = {
        "rows": 3860,
        "bins": 1600,
        "tokens": 100_000,
        "trained_tokens": 25_000,
        "validation_rows": 64,
        "mean_length": 25.9,
        "fill": 0.977,
    }
    folder.out(
        "sft.data",
        "stats.json",
        {**whole, "length": 64, "sources": stats, "lengths": lengths, "notes": [], "contamination": HITS},
    )
    folder.out("sft.data", "result.json", whole)
    folder.out("sft.data", "preview.json", [_preview(folder, n) for n in range(3)])


def _preview(folder: FakeFolder, number: int) -> dict[str, Any]:
    word = folder.words[number % len(folder.words)]
    prompt = [
        "<|im_start|>",
        "user",
        "\n",
        "Reverse this word: ",
        word,
        "<|im_end|>",
        "\n<|im_start|>assistant\n",
    ]
    tokens = (
        [[t, False] for t in prompt] + [[c, True] for c in word[::-1]] + [["<|im_end|>", True], ["\n", False]]
    )
    return {"source": "reverse", "where": f"data.jsonl:{number + 1}", "tokens": tokens, "cut": False}


def _curve(folder: FakeFolder, start: float, end: float, speed: float, steps: int) -> list[dict[str, Any]]:
    rows = []
    for step in range(5, steps + 1, 5):
        loss = end + (start - end) * math.exp(-step * speed) * folder.random.uniform(0.9, 1.1)
        rows.append(
            {
                "step": step,
                "epoch": step / 60,
                "loss": loss,
                "lr": 1e-3,
                "grad_norm": 0.8,
                "tokens": step * 800,
            }
        )
        if step % 60 == 0:
            rows.append({"step": step, "eval_loss": loss * 1.08})
    return rows


def _train_result(rows: list[dict[str, Any]], id: str) -> dict[str, Any]:
    losses = [r["loss"] for r in rows if "loss" in r]
    return {
        "model": {"out": f"{id}/model"},
        "train_loss": losses[-1],
        "first_loss": losses[0],
        "eval_loss": losses[-1] * 1.06,
        "steps": rows[-1]["step"],
        "tokens": 192_000,
        "trained_tokens": 48_000,
        "seconds": 22.4,
        "tokens_per_second": 8571.4,
        "peak_memory_gib": 0.81,
        "world_size": 1,
        "distributed": {"processes": "2", "distribution": "ddp"},
        "attention": "sdpa",
        "kernels": "liger",
        "graph": True,
        "batch": {"global_sequences": 32, "micro": 16, "accumulation": 2, "data_parallel": 1},
        "probe": [{"micro": n, "checkpointing": 0.0, "rate": 1.0 * n, "gib": 1.0} for n in (4, 8, 16)],
        "dtype": "float32",
        "adapter": {"type": "full"},
        "parameters": 812_416,
        "trainable_parameters": 812_416,
    }


def _sft(folder: FakeFolder, lr: float) -> dict[str, Any]:
    id = f"sft.lr={lr:g}"
    folder.job(
        id,
        f"SFT at {lr:g}",
        "sft",
        ("base", "sft.data"),
        **TRAIN,
        method="sft",
        data="sft.data",
        optimizer={**OPTIMIZER, "lr": lr},
    )
    rows = _curve(folder, 5.6, 0.9 if lr < 1e-3 else 0.11, 0.03 if lr < 1e-3 else 0.05, 240)
    diverged = lr > 1e-3
    if diverged:
        rows = [*rows[:8], {"step": 55, "loss": 9.5}, {"step": 60, "loss": None}]
        result = {**_train_result(rows[:8], id), "eval_loss": None, "diverged": True}
    else:
        result = _train_result(rows, id)
    folder.out(id, "metrics.jsonl", rows)
    folder.out(id, "result.json", result)
    score = None if diverged else result["eval_loss"]
    return {
        "job": id,
        "values": {"optim.lr": lr},
        "score": score,
        "why": "diverged" if diverged else None,
        "train_loss": result["train_loss"],
        "eval_loss": score,
        "tokens_per_second": 8571.4,
        "diverged": diverged,
    }


def _pick(folder: FakeFolder, runs: list[dict[str, Any]]) -> None:
    candidates = [{"job": r["job"], "values": r["values"]} for r in runs]
    folder.job(
        "sft.pick",
        "The best of the grid",
        "sft",
        tuple(r["job"] for r in runs),
        kind="pick",
        metric="eval_loss",
        goal="min",
        candidates=candidates,
        scores=[],
    )
    best = runs[1]
    note = "the best optim.lr (1e-3) is the largest that did not diverge"
    folder.out(
        "sft.pick",
        "result.json",
        {
            "winner": best["job"],
            "values": best["values"],
            "model": {"out": f"{best['job']}/model"},
            "metric": "eval_loss",
            "goal": "min",
            "table": runs,
            "notes": [note],
        },
    )


def _dpo(folder: FakeFolder) -> None:
    loss = {
        "type": "dpo",
        "loss": ["apo_zero"],
        "weights": None,
        "beta": 0.1,
        "label_smoothing": 0.0,
        "reference": "sft.pick",
    }
    folder.job(
        "dpo",
        "Prefer the concise answer",
        "dpo",
        ("sft.pick", "sft.data"),
        **{
            **TRAIN,
            "method": "dpo",
            "data": "sft.data",
            "loss": loss,
            "optimizer": {**OPTIMIZER, "lr": 5e-5},
            "init": "sft.pick",
            "packing": "none",
        },
    )
    rows = _curve(folder, 1.0, 0.35, 0.05, 60)
    for row in rows:
        done = row["step"] / 60
        if "loss" in row:
            row["rewards/margins"] = 2.4 * done * folder.random.uniform(0.9, 1.1)
            row["rewards/accuracies"] = min(1.0, 0.5 + 0.55 * done)
        else:
            row["eval_rewards/margins"], row["eval_rewards/accuracies"] = 2.1, 0.94
    folder.out("dpo", "metrics.jsonl", rows)
    folder.out("dpo", "result.json", _train_result(rows, "dpo"))


def _evaluate(folder: FakeFolder) -> None:
    jobs = {"base": "base", "sft": "sft.pick", "dpo": "dpo"}
    subjects = [{"name": n, "job": j, "template": TEMPLATE, "tokenizer": None} for n, j in jobs.items()]
    folder.job(
        "final",
        "Exact match on held-out words",
        "final",
        ("base", "sft.pick", "dpo"),
        kind="evaluate",
        role="test",
        subjects=subjects,
        checkpoints=False,
        tasks=[own_task("reverse"), own_task("copy")],
        decode=DECODE,
        strip_thinking=None,
        strip=True,
        run_code=False,
        judge=None,
        engine="auto",
        batch=32,
        processes=1,
        precision="fp32",
        trust_remote_code=False,
    )
    right = {"reverse": (0, 38, 39), "copy": (1, 37, 36)}
    samples = []
    for task, numbers in right.items():
        for model, many in zip(jobs, numbers, strict=True):
            scores = [1.0] * many + [0.0] * (40 - many)
            folder.random.shuffle(scores)
            for number, sample in enumerate(said(model, task, scores)):
                word = folder.words[number % len(folder.words)]
                prompt = f"<|im_start|>user\n{task} this word: {word}<|im_end|>\n"
                gold = word[::-1] if task == "reverse" else word
                answer = gold if sample["score"] else "".join(folder.random.sample(word, len(word)))
                samples.append({**sample, "prompt": prompt, "answer": answer, "gold": gold})
    folder.out("final", "results.json", results(rows_of(samples), role="test"))
    folder.out("final", "samples.jsonl", samples)
