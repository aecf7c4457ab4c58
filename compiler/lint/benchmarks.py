"""Where the problems of the named evals lie on the hub."""

from __future__ import annotations

from smolc.compiler.lint.sources import named_test

WHOLE = {
    "huggingfaceh4/math-500": "math500",
    "huggingfaceh4/aime_2024": "aime24",
    "maxwell-jia/aime_2024": "aime24",
    "math-ai/aime24": "aime24",
    "math-ai/aime25": "aime25",
    "opencompass/aime2025": "aime25",
    "yentinglin/aime_2025": "aime25",
    "google/ifeval": "ifeval",
    "idavidrein/gpqa": "gpqa_diamond",
    "openai/openai_humaneval": "humaneval",
    "openai_humaneval": "humaneval",
    "qintongli/gsm-plus": "gsm_plus",
}
"""Repositories that hold nothing but a benchmark, whatever their split is called."""

TEST_SPLIT = {
    "openai/gsm8k": "gsm8k",
    "gsm8k": "gsm8k",
    "eleutherai/hendrycks_math": "math500",
    "tiger-lab/mmlu-pro": "mmlu_pro",
    "google-research-datasets/mbpp": "mbpp",
    "mbpp": "mbpp",
    "cohereforai/global-mmlu": "global_mmlu",
    "coherelabs/global-mmlu": "global_mmlu",
}
"""Repositories of which only the test split is the benchmark."""


def benchmark(hub: str | None, split: str) -> str | None:
    """The task of the suite whose problems a split of the hub is."""
    id = (hub or "").lower()
    return WHOLE.get(id) or (TEST_SPLIT.get(id) if named_test(split) else None)
