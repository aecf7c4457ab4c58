"""`generate` and `pairs` as jobs: what they read, in which order, and what makes them run again."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from compiling import SMALL, job, planned

from smolc.compiler.render.files import files
from smolc.runtime.jobs.manifest import _job as job_type

PAIRS = """
dataset more { path = "more.jsonl" }
mixture asked { chats = take(50%); more = take(20seq) }
generate strong { of = sft; prompts = asked; subset = 9 }
generate weak { of = base; prompts = chats; samples = 3; seed = 7; decode = sample(temperature = 0.7, max_new = 64) }
pairs taste { by = strength(chosen = strong, rejected = weak); at_most = 2; bad_pairs = error }
mixture both { taste = all; pairs = all }
"""
SMALL = SMALL.replace("data = pairs", "data = both")
BY = {
    "exact(weak, extract = after(\"####\"))": {
        "type": "exact", "extract": {"type": "after", "marker": "####"}, "names": ["chats"],
    },
    "tests([weak, strong], rows = humaneval, problems = more)": {
        "type": "tests", "dialect": "humaneval", "names": ["more"],
    },
    "scorer(weak, model = base, margin = 0.5)": {
        "type": "scorer", "name": "base", "model": "base", "margin": 0.5,
    },
    "judge(weak, model = sft, pin = \"p\", margin = 2)": {
        "type": "judge", "style": "grade", "margin": 2.0, "prompt_pin": None,
    },
}  # fmt: skip


def test_the_jobs_of_pairs(tmp_path: Path) -> None:
    plan = planned(tmp_path, SMALL + PAIRS)
    order = [one.id for one in plan.jobs]
    assert order.index("sft") < order.index("strong") < order.index("taste") < order.index("dpo-data")
    assert job(plan, "strong").needs == ("sft", "sft-data") and job(plan, "weak").needs == (
        "base",
        "sft-data",
    )
    assert job(plan, "taste").needs == ("strong", "weak") and job(plan, "dpo-data").needs == ("base", "taste")
    assert job(plan, "strong").after == job(plan, "weak").after == ("contamination",)
    strong, weak = job(plan, "strong").body, job(plan, "weak").body
    assert [p["name"] for p in strong["prompts"]] == ["chats", "more"]
    assert (strong["seed"], strong["subset"], strong["samples"]) == (42, 9, 1)
    assert (weak["seed"], weak["subset"], weak["samples"]) == (7, None, 3)
    assert weak["decode"] == {"temperature": 0.7, "top_p": 0.95, "max_new": 64}
    taste = job(plan, "taste").body
    assert taste["by"] == {"type": "strength", "chosen": ["strong"], "rejected": ["weak"]}
    assert taste["bad_pairs"] == 0.0 and taste["at_most"] == 2
    source = job(plan, "dpo-data").body["sources"][0]
    assert source["location"] == {"type": "made", "job": "taste"} and source["format"]["type"] == "preference"
    # What is trained on is compared with the evals by what was asked, before it is answered.
    compared = {(data["name"], *data["by"]) for data in job(plan, "contamination").body["data"]}
    assert ("more", "both") in compared and not any(name == "taste" for name, *_ in compared)


@pytest.mark.parametrize("by", BY)
def test_what_the_runtime_reads(by: str, tmp_path: Path) -> None:
    """All jobs, as they stand in job.yaml, are what the runtime's types say."""
    text = PAIRS.replace("by = strength(chosen = strong, rejected = weak)", f"by = {by}; run_code = true")
    plan = planned(tmp_path, SMALL + text)
    made = files(plan, ".", "case.recipe")
    jobs = {p: job_type.validate_python(yaml.safe_load(t)) for p, t in made.items() if p.endswith("job.yaml")}
    taste = jobs["jobs/taste/job.yaml"]
    found = taste.by.model_dump(mode="json")
    wanted = dict(BY[by])
    if names := wanted.pop("names", None):
        assert [rows["name"] for rows in found["problems"]] == names
    if wanted["type"] == "judge":
        assert found["judge"]["job"] == "sft" and found["judge"]["pin"] == "p"
        assert "sft" in taste.needs
    assert {key: found[key] for key in wanted} == wanted
    assert taste.run_code and jobs["jobs/strong/job.yaml"].subject.tokenizer == "sft-data"


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ("generate.weak.samples = 4", {"weak", "taste", "dpo-data", "dpo", "final"}),
        ("pairs.taste.at_most = 1", {"taste", "dpo-data", "dpo", "final"}),
        ("eval.final.task.words.subset = 5seq", {"final"}),
        ("stage.dpo.batch = 8seq", {"dpo", "final"}),
    ],
)
def test_what_a_change_makes_anew(change: str, again: set[str], tmp_path: Path) -> None:
    before, after = planned(tmp_path, SMALL + PAIRS), planned(tmp_path, SMALL + PAIRS, change)
    changed = {one.id for one in after.jobs if one.hash != job(before, one.id).hash}
    assert changed - {"report"} == again


def test_the_checkpoint_of_a_stage(tmp_path: Path) -> None:
    text = PAIRS.replace("of = sft; prompts = asked", "of = sft; checkpoint = 10step; prompts = asked")
    plan = planned(tmp_path, SMALL + text, "stage.sft.save_every = 10step")
    assert job(plan, "strong").body["checkpoint"] == 10
    assert job(plan, "strong").title == "strong: sft@10 answers asked"
