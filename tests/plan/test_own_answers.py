"""Models that answer before any stage made from them has its data."""

from __future__ import annotations

from pathlib import Path

import pytest
from compiling import job, planned

from smolc.compiler.plan import Plan

MODEL = "{ scratch = llama(layers = 1, hidden = 16, heads = 2); tokenizer = bytes }"
OWN = f"""
recipe own {{ about = "a model that learns from its own answers" }}
model base {MODEL}
dataset asked {{ path = "asked.jsonl"; format = prompt_completion(prompt = "q", completion = "a") }}
dataset unseen {{ path = "unseen.jsonl"; format = prompt_completion(prompt = "q", completion = "a"); role = validation }}
generate tries {{ of = base; prompts = asked; samples = 2; decode = sample }}
pairs right {{ by = exact(tries) }}
template chat {{ builtin = chatml }}
stage dpo {{ init = base; method = dpo; data = right; template = chat }}
eval final {{ of = [base, dpo]; task words {{ data = unseen }} }}
"""


def tokenizers(plan: Plan) -> dict[tuple[str, str], str | None]:
    """Job and subject, and whose tokenizer that has: of a job that runs before."""
    found = {}
    order = [one.id for one in plan.jobs]
    for one in plan.jobs:
        for subject in (
            *one.body.get("subjects", ()),
            *([one.body["subject"]] if "subject" in one.body else []),
        ):
            found[one.id, subject["name"]] = made_by = subject["tokenizer"]
            if made_by is not None:
                assert made_by in one.needs and order.index(made_by) < order.index(one.id)
    return found


@pytest.mark.parametrize("template", ["template = chat", ""])
def test_its_first_stage_learns_from_its_answers(template: str, tmp_path: Path) -> None:
    plan = planned(tmp_path, OWN.replace("template = chat", template))
    assert job(plan, "tries").needs == ("base",)
    # Evals come when that stage is there, and ask both models in the same way.
    assert tokenizers(plan) == {
        ("tries", "base"): None,
        ("final", "base"): "dpo-data",
        ("final", "dpo"): "dpo-data",
    }
    asked = job(plan, "tries").body["subject"]["template"]
    assert asked == job(plan, "final").body["subjects"][0]["template"]
    assert asked["file"] == ("templates/chat.jinja" if template else None)


def test_another_models_stage_learns_from_them_before(tmp_path: Path) -> None:
    text = OWN.replace("init = base", "init = other").replace("of = [base, dpo]", "of = [base, sft]")
    sft = "stage sft { init = base; method = sft; data = asked; template = chat }\n"
    plan = planned(tmp_path, text + f"model other {MODEL}\n" + sft)
    order = [one.id for one in plan.jobs]
    assert order.index("tries") < order.index("dpo-data") < order.index("sft-data")
    assert tokenizers(plan)["tries", "base"] is None
    assert job(plan, "tries").body["subject"]["template"]["file"] == "templates/chat.jinja"


def test_its_first_stage_learns_from_something_else(tmp_path: Path) -> None:
    sft = "stage sft { init = base; method = sft; data = asked; template = chat }\n"
    plan = planned(tmp_path, OWN.replace("stage dpo { init = base", sft + "stage dpo { init = sft"))
    assert tokenizers(plan)["tries", "base"] == "sft-data"
