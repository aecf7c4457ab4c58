"""GSM8K-shaped prompts at 256 new tokens: `lm_eval --model hf --batch_size auto` against our engine, interleaved.

    python bench/evaluate.py MODEL_FOLDER ROWS.jsonl [--n 1000] [--runs 2] [--also plain] [--also paged]

ROWS has `question` and `answer` as GSM8K publishes them. Both get the same rendered prompts, stop texts, precision
(bf16 on a GPU) and lm-eval's scoring; both load the model first, which is timed apart. `--also`: `generate` of
transformers in batches of 256, and its continuous batching. Prints a table; `--out FOLDER` keeps the answers.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

import torch
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from smolc.runtime.evaluate.engines.base import Done, Sampling, Wanted, cut
from smolc.runtime.evaluate.engines.plain import generate_batch
from smolc.runtime.evaluate.engines.transformers import TransformersEngine
from smolc.runtime.evaluate.generate import ChatModel, Decoding

TASK = """
task: gsm8k_shaped
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{prompt}}}}"
doc_to_target: "{{{{answer.split('####')[-1].strip().replace(',', '')}}}}"
generation_kwargs: {{until: ["Question:", "</s>", "<|im_end|>"], do_sample: false, max_gen_toks: {new}}}
filter_list:
  - name: flexible-extract
    filter:
      - {{function: regex, group_select: -1, regex_pattern: "(-?[$0-9.,]{{2,}})|(-?[0-9]+)"}}
      - {{function: take_first}}
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
    ignore_case: true
    regexes_to_ignore: [",", "\\\\$", "(?s).*#### ", "\\\\.$"]
metadata: {{version: 1}}
"""


class PlainEngine:
    """`generate` of transformers, longest prompts first."""

    name, version = "plain", None

    def __init__(self, model: Any, tokenizer: Any, batch: int) -> None:
        self.model, self.tokenizer, self.batch = model, tokenizer, batch

    def generate(self, wanted: Any, sampling: Sampling, done: Done) -> None:
        order = sorted(range(len(wanted)), key=lambda i: -len(wanted[i].ids))
        for k in range(0, len(order), self.batch):
            generate_batch(self.model, self.tokenizer, wanted, order[k : k + self.batch], sampling, done)

    def free(self) -> None: ...

    def close(self) -> None: ...


class PagedEngine(PlainEngine):
    """Continuous batching of transformers, over pages."""

    name = "paged"

    def generate(self, wanted: Any, sampling: Sampling, done: Done) -> None:
        settings = GenerationConfig(
            max_new_tokens=max(w.room for w in wanted), eos_token_id=list(sampling.end_ids), do_sample=False,
            pad_token_id=0,
        )  # fmt: skip
        found = self.model.generate_batch(
            inputs=[list(w.ids) for w in wanted], generation_config=settings, progress_bar=False
        )
        want: Wanted
        for i, (want, out) in enumerate(zip(wanted, found.values(), strict=True)):
            done(i, cut(self.tokenizer, list(out.generated_tokens), want, sampling.end_ids))


def load(folder: str) -> tuple[Any, Any]:
    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    return model.to("cuda" if torch.cuda.is_available() else "cpu"), AutoTokenizer.from_pretrained(folder)


def prepared(kind: str, folder: str, new: int) -> Any:
    """A model of lm-eval."""
    if kind == "lm_eval":
        dtype = "bfloat16" if torch.cuda.is_available() else "float32"
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return HFLM(pretrained=folder, dtype=dtype, batch_size="auto", device=device)
    model, tokenizer = load(folder)
    engine: Any = {
        "smolc": lambda: TransformersEngine(model, tokenizer),
        "plain": lambda: PlainEngine(model, tokenizer, 256),
        "paged": lambda: PagedEngine(model, tokenizer, 0),
    }[kind]()
    lm = ChatModel(model, tokenizer, None, None, engine)
    ends = (tokenizer.eos_token_id,)
    lm.decoding = Decoding(0.0, 1.0, new, ends, None, None, 0, lambda _: None)
    return lm


def measure(kind: str, folder: str, manager: Any, new: int) -> dict[str, Any]:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    start = time.perf_counter()
    lm = prepared(kind, folder, new)
    loaded = time.perf_counter()
    found = simple_evaluate(model=lm, tasks=["gsm8k_shaped"], task_manager=manager, bootstrap_iters=0)
    ended = time.perf_counter()
    samples = sorted(found["samples"]["gsm8k_shaped"], key=lambda s: s["doc_id"])
    answers = [s["resps"][0][0] for s in samples]
    tokens = sum(len(lm.tokenizer(str(a), add_special_tokens=False).input_ids) for a in answers)
    score = found["results"]["gsm8k_shaped"]["exact_match,flexible-extract"]
    return {
        "engine": kind, "load": loaded - start, "seconds": ended - loaded, "score": score, "tokens": tokens,
        "answers": [str(a) for a in answers], "peak": _peak(),
    }  # fmt: skip


def _peak() -> float:
    """GiB since the last time."""
    if not torch.cuda.is_available():
        return 0.0
    peak = torch.cuda.max_memory_allocated() / 2**30
    torch.cuda.reset_peak_memory_stats()
    return peak


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("model")
    arguments.add_argument("rows")
    arguments.add_argument("--n", type=int, default=1000)
    arguments.add_argument("--new", type=int, default=256)
    arguments.add_argument("--runs", type=int, default=2)
    arguments.add_argument("--also", action="append", default=[])
    arguments.add_argument("--out")
    given = arguments.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    rows = [json.loads(line) for line in Path(given.rows).read_text().splitlines()[: given.n]]
    for row in rows:
        messages = [{"role": "user", "content": row["question"]}]
        row["prompt"] = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "rows.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        (Path(folder) / "task.yaml").write_text(TASK.format(rows=data, new=given.new))
        manager = TaskManager(include_path=folder, include_defaults=False)
        runs: list[dict[str, Any]] = []
        for round_ in range(given.runs):
            for kind in ["smolc", *(given.also if round_ == 0 else []), "lm_eval", "smolc"]:
                try:
                    run = measure(kind, given.model, manager, given.new)
                except Exception as error:
                    # One of the others may not work on this machine.
                    if kind not in given.also:
                        raise
                    print(f"{kind}: {type(error).__name__}: {error}", flush=True)
                    continue
                runs.append(run)
                print(
                    kind,
                    *(f"{run[k]:.4g}" for k in ("load", "seconds", "score", "tokens", "peak")),
                    flush=True,
                )
                if given.out:
                    name = f"{len(runs)}-{kind}.json"
                    (Path(given.out) / name).write_text(json.dumps(run, ensure_ascii=False))
    report(runs)


def report(runs: list[dict[str, Any]]) -> None:
    base = [r for r in runs if r["engine"] == "lm_eval"]
    slow = statistics.median(r["seconds"] for r in base)
    print(
        "| engine | load s | evaluate s | tokens/s | exact match | same answers | peak GiB | times faster |"
    )
    for kind in dict.fromkeys(r["engine"] for r in runs):
        mine = [r for r in runs if r["engine"] == kind]
        seconds = statistics.median(r["seconds"] for r in mine)
        same = statistics.mean(a == b for a, b in zip(mine[-1]["answers"], base[0]["answers"], strict=True))
        print(
            f"| {kind} | {statistics.median(r['load'] for r in mine):.1f} | {seconds:.2f} "
            f"| {mine[-1]['tokens'] / seconds:,.0f} | {mine[-1]['score']:.4f} | {same:.1%} "
            f"| {max(r['peak'] for r in mine):.1f} | {slow / seconds:.1f} |"
        )


if __name__ == "__main__":
    main()
