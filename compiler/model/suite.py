"""The evals that have a name: what lm-eval calls them, their metric, and how many problems they have.

Sizes as the Smol Training Playbook gives them. `k` is how often the playbook samples each problem.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """task, metric: lm-eval's names. problems: size of the set. k: samples per problem for a stable score."""

    task: str
    metric: str
    problems: int
    k: int
    about: str


LANGUAGES = {"fr": "French", "de": "German", "es": "Spanish", "it": "Italian", "pt": "Portuguese"}
"""SmolLM3's, beside English."""

SUITE: dict[str, Entry] = {
    "gsm8k": Entry("gsm8k_cot_zeroshot", "exact_match", 1319, 4, "Grade-school maths, 1,319 test problems."),
    "gsm_plus": Entry(
        "gsm_plus", "exact_match", 10552, 1, "GSM8K's problems, perturbed: catches overfitting."
    ),
    "gsm_plus_mini": Entry("gsm_plus_mini", "exact_match", 2400, 1, "A small part of GSM-Plus."),
    "math500": Entry("hendrycks_math500", "exact_match", 500, 4, "Competition maths, 500 problems."),
    "aime24": Entry("aime24", "exact_match", 30, 64, "AIME 2024, 30 problems: avg@64 or it is noise."),
    "aime25": Entry("aime25", "exact_match", 30, 64, "AIME 2025, 30 problems: avg@64 or it is noise."),
    "ifeval": Entry(
        "ifeval", "prompt_level_strict_acc", 541, 4, "Instructions that a program can check, 541 prompts."
    ),
    "gpqa_diamond": Entry(
        "gpqa_diamond_cot_zeroshot", "exact_match", 198, 8, "Graduate science questions, 198 problems."
    ),
    "mmlu_pro": Entry("mmlu_pro", "exact_match", 12032, 1, "Knowledge and reasoning, ten choices."),
    **{
        f"global_mmlu_{language}": Entry(
            f"global_mmlu_full_{language}", "acc", 14042, 1, f"MMLU in another language: {name}."
        )
        for language, name in LANGUAGES.items()
    },
    "humaneval": Entry(
        "humaneval_instruct", "pass@1", 164, 16, "Python functions from docstrings, 164 problems."
    ),
    "mbpp": Entry("mbpp_instruct", "pass_at_1", 500, 4, "Small Python programs, 500 problems."),
    "ruler": Entry("ruler", "4096", 6500, 1, "Long context: needles, aggregation, tracking."),
}
