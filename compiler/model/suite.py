"""The evals that have a name: what is asked, how it is scored, where the problems lie, and what an answer costs.

Sizes as the Smol Training Playbook and the data's own pages give them. MixEval is left out: lm-eval has no task for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Type = Literal["suite", "code", "tools", "instructions", "needle", "fresh", "judged"]


@dataclass(frozen=True)
class Entry:
    """type: of the job's task; `suite` is a task of lm-eval, called `task` there and scored by its `metric`.

    problems: size of the set. k: samples per problem that the playbook takes for a stable score. tokens: of a typical
    answer; problems x k x tokens is what a model has to generate. licence: of the data. hub, config, split: where the
    data lies, for tasks that are not lm-eval's. strata: column that a subset is stratified by. needs: what else it takes.
    """

    about: str
    family: str
    problems: int
    licence: str
    tokens: int
    type: Type = "suite"
    task: str = ""
    metric: str = ""
    k: int = 1
    hub: str = ""
    config: str | None = None
    split: str = "test"
    strata: str | None = None
    dialect: str | None = None
    style: str | None = None
    variant: str | None = None
    needs: str = ""


LANGUAGES = {"fr": "French", "de": "German", "es": "Spanish", "it": "Italian", "pt": "Portuguese"}
"""SmolLM3's, beside English."""

SUITE: dict[str, Entry] = {
    "gpqa_diamond": Entry(
        "Graduate science questions, 198 problems.",
        "knowledge", 198, "CC-BY-4.0", 700,
        task="gpqa_diamond_cot_zeroshot", metric="exact_match,flexible-extract", k=8, needs="a hub token: the data is gated",
    ),
    "mmlu_pro": Entry(
        "Knowledge and reasoning, ten choices.",
        "knowledge", 12032, "MIT", 400,
        task="mmlu_pro", metric="exact_match", strata="category",
    ),
    **{
        f"global_mmlu_{language}": Entry(
            f"MMLU in another language: {name}.",
            "multilingual", 14042, "Apache-2.0", 0,
            task=f"global_mmlu_full_{language}", metric="acc", strata="subject",
        )
        for language, name in LANGUAGES.items()
    },
    "gsm8k": Entry(
        "Grade-school maths, 1,319 test problems.",
        "math", 1319, "MIT", 200,
        task="gsm8k_cot_zeroshot", metric="exact_match,flexible-extract", k=4,
    ),
    "gsm_plus": Entry(
        "GSM8K's problems, perturbed: catches overfitting.",
        "overfitting", 10552, "CC-BY-SA-4.0", 200,
        task="gsm_plus", metric="exact_match,flexible-extract", strata="perturbation_type",
    ),
    "gsm_plus_mini": Entry(
        "A small part of GSM-Plus.",
        "overfitting", 2400, "CC-BY-SA-4.0", 200,
        task="gsm_plus_mini", metric="exact_match,flexible-extract", strata="perturbation_type",
    ),
    "gsm8k_perturbed": Entry(
        "GSM8K's problems with other names, orders and remarks, and the same answers: catches overfitting.",
        "overfitting", 1319, "MIT", 200,
        type="fresh", variant="perturbed", hub="openai/gsm8k", config="main",
    ),
    "gsm8k_fresh": Entry(
        "Freshly made word problems like GSM8K's, which no training data has.",
        "overfitting", 500, "Apache-2.0", 200,
        type="fresh", variant="generated",
    ),
    "math500": Entry(
        "Competition maths, 500 problems.",
        "math", 500, "MIT", 600,
        task="hendrycks_math500", metric="exact_match", k=4, strata="subject",
    ),
    "aime24": Entry(
        "AIME 2024, 30 problems: avg@64 or it is noise.",
        "math", 30, "Apache-2.0", 3000,
        task="aime24", metric="exact_match", k=64,
    ),
    "aime25": Entry(
        "AIME 2025, 30 problems: avg@64 or it is noise.",
        "math", 30, "MIT", 3000,
        task="aime25", metric="exact_match", k=64,
    ),
    "humaneval": Entry(
        "Python functions from docstrings, 164 problems.",
        "code", 164, "MIT", 250,
        type="code", dialect="humaneval", hub="openai/openai_humaneval", k=16, needs="run_code = true",
    ),
    "mbpp": Entry(
        "Small Python programs, 500 problems.",
        "code", 500, "CC-BY-4.0", 150,
        type="code", dialect="mbpp", hub="google-research-datasets/mbpp", config="full", k=4, needs="run_code = true",
    ),
    "livecodebench": Entry(
        "Contest problems newer than most training data; v5 of the published problems.",
        "code", 880, "CC-BY-4.0", 1500,
        type="code", dialect="livecodebench", hub="livecodebench/code_generation_lite", config="release_v5", k=16,
        strata="difficulty", needs="run_code = true",
    ),
    "ruler": Entry(
        "Long context: needles, aggregation, tracking.",
        "long context", 6500, "Apache-2.0", 60,
        task="ruler", metric="4096",
    ),
    "needle": Entry(
        "A number hidden in a long text, and asked for: lengths x depths.",
        "long context", 5, "Apache-2.0", 16,
        type="needle",
    ),
    "ifeval": Entry(
        "Instructions that a program can check, 541 prompts.",
        "instruction following", 541, "Apache-2.0", 400,
        task="ifeval", metric="prompt_level_strict_acc", k=4,
    ),
    "ifbench": Entry(
        "Instructions of kinds that IFEval does not have, 294 prompts.",
        "instruction following", 294, "ODC-BY-1.0", 500,
        type="instructions", hub="allenai/IFBench_test", split="train", k=4,
    ),
    "mt_bench": Entry(
        "80 questions of two turns, graded from 1 to 10 by a judge.",
        "alignment", 80, "Apache-2.0", 600,
        type="judged", style="grade", hub="HuggingFaceH4/mt_bench_prompts", split="train", strata="category",
        needs="a judge",
    ),
    "alpaca_eval": Entry(
        "805 instructions, answers compared with a reference by a judge, in both orders.",
        "alignment", 805, "CC-BY-NC-4.0", 400,
        type="judged", style="pairwise", hub="tatsu-lab/alpaca_eval", config="alpaca_eval", split="eval",
        strata="dataset", needs="a judge",
    ),
    "bfcl": Entry(
        "Calls of declared tools, checked against the possible ones.",
        "tool calling", 1240, "Apache-2.0", 80,
        type="tools", hub="gorilla-llm/Berkeley-Function-Calling-Leaderboard", split="train",
    ),
}  # fmt: skip
