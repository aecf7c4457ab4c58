"""What a `merge` becomes: a job, what is made from it, and what a baseline and a comparison make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from compiling import SMALL, job, planned

from smolc.compiler.model.build import build
from smolc.compiler.model.merge import behind, upstream
from smolc.compiler.plan import Plan, plan
from smolc.compiler.plan.baseline import with_baseline
from smolc.compiler.render import files
from smolc.compiler.resolve import resolve

MERGED = (
    SMALL.replace("of = [base, sft, dpo]", "of = [base, soup, arc]")
    + """
merge soup { of = [dpo, sft, base]; method = linear(weights = [90%, 0.2, -0.1]) }
merge arc { of = [base, soup]; method = slerp(at = 12.5%); like = soup }
merge kept { of = sft; checkpoints = all }
stage more { init = arc; method = dpo(reference = soup); data = pairs }
"""
)
GRID = MERGED.replace(
    "  template = chat\n",
    "  template = chat\n  sweep { optim.lr = [1e-5, 1e-4]; pick = min(eval_loss) }\n",
    1,
)


def hashes(made: Plan) -> dict[str, str]:
    return {one.id: one.hash for one in made.jobs}


def test_jobs_and_their_order(tmp_path: Path) -> None:
    made = planned(tmp_path, MERGED)
    ids = [one.id for one in made.jobs]
    assert ids == [
        "base", "contamination", "sft-data", "sft", "dpo-data", "dpo", "soup", "arc", "more-data", "more", "kept",
        "final", "report",
    ]  # fmt: skip
    assert job(made, "soup").needs == ("dpo", "sft", "base")
    assert job(made, "arc").needs == ("base", "soup")
    assert set(job(made, "more").needs) == {"more-data", "arc", "soup"}
    assert {job(made, one).kind for one in ("soup", "arc", "kept")} == {"merge"}


@pytest.mark.parametrize(
    ("name", "title", "body"),
    [
        ("soup", "soup: 0.9 dpo + 0.2 sft - 0.1 base",
         {"method": {"type": "linear", "weights": [0.9, 0.2, -0.1]}, "like": "dpo", "checkpoints": False}),
        ("arc", "arc: slerp from base to soup, 12.5% of the way",
         {"method": {"type": "slerp", "at": 0.125}, "like": "soup"}),
        ("kept", "kept: soup of sft, with the checkpoints", {"method": {"type": "soup"}, "checkpoints": True}),
    ],
)  # fmt: skip
def test_bodies_and_titles(name: str, title: str, body: dict[str, Any], tmp_path: Path) -> None:
    one = job(planned(tmp_path, MERGED), name)
    assert one.title == title
    assert body.items() <= one.body.items()


def test_the_winner_of_a_grid_is_merged(tmp_path: Path) -> None:
    made = planned(tmp_path, GRID)
    assert {"name": "sft", "job": "sft-best"} in job(made, "soup").body["inputs"]
    assert "sft-best" in job(made, "soup").needs


def test_it_is_asked_as_what_it_is_like(tmp_path: Path) -> None:
    made = planned(tmp_path, MERGED)
    subjects = {one["name"]: one for one in job(made, "final").body["subjects"]}
    assert subjects["soup"] == subjects["arc"] | {"name": "soup", "job": "soup"}
    assert (subjects["soup"]["tokenizer"], subjects["soup"]["job"]) == ("dpo-data", "soup")
    assert subjects["soup"]["template"]["file"] == "templates/chat.jinja"
    # A merge of start models is asked as the first stage that is made from the one it is like.
    plain = planned(tmp_path, MERGED.replace("of = [dpo, sft, base]", "of = [base, other, dpo]") + OTHER)
    assert {s["name"]: s["tokenizer"] for s in job(plain, "final").body["subjects"]}["soup"] == "sft-data"


OTHER = "model other { scratch = llama(layers = 1, hidden = 16, heads = 2); tokenizer = bytes }\n"


def test_a_stage_goes_on_with_the_template(tmp_path: Path) -> None:
    made = planned(tmp_path, MERGED)
    assert job(made, "more-data").body["template"] == job(made, "sft-data").body["template"]
    assert job(made, "more-data").body["model"] == "base"
    assert job(made, "more").body["loss"]["reference"] == "soup"


def test_other_weights_change_what_follows_and_nothing_before(tmp_path: Path) -> None:
    one, other = (
        hashes(planned(tmp_path, text)) for text in (MERGED, MERGED.replace("90%, 0.2", "80%, 0.3"))
    )
    assert {id for id in one if one[id] != other[id]} == {"soup", "arc", "more", "final", "report"}


def test_it_compiles_without_any_stage(tmp_path: Path) -> None:
    text = SMALL[: SMALL.index("dataset chats")] + OTHER + "merge mean { of = [base, other] }\n"
    assert [one.id for one in planned(tmp_path, text).jobs] == ["base", "other", "mean", "report"]


def test_the_folder_tells_it(tmp_path: Path) -> None:
    made = files(planned(tmp_path, MERGED), "..", "case.recipe")
    assert "0.9 dpo + 0.2 sft - 0.1 base" in made["run.sh"] and "# Merge soup" in made["run.sh"]
    assert "-m smolc.runtime jobs/soup/job.yaml" in made["jobs/soup/launch.sh"]
    assert "accelerate" not in made["jobs/soup/launch.sh"]


def read(folder: Path, text: str) -> Any:
    (folder / "case.recipe").write_text(text, encoding="utf-8")
    resolved, _ = resolve(folder / "case.recipe", (), shown="case.recipe")
    assert resolved is not None
    recipe, found = build(resolved)
    assert recipe is not None, found
    return recipe, resolved


def test_what_a_name_goes_back_to(tmp_path: Path) -> None:
    recipe, _ = read(tmp_path, MERGED)
    assert [behind(name, recipe) for name in ("arc", "soup", "kept", "sft", "base")] == [
        "dpo", "dpo", "sft", "sft", "base",
    ]  # fmt: skip
    assert list(upstream("more", recipe)) == ["more", "arc", "base", "soup", "dpo", "sft"]
    assert list(upstream("base", recipe)) == ["base"]


def test_baselines_are_merged_as_their_stages_are(tmp_path: Path) -> None:
    recipe, resolved = read(tmp_path, MERGED + OTHER + "merge mean { of = [base, other] }\n")
    made, _ = plan(with_baseline(recipe), resolved)
    assert made is not None
    inputs = [one["job"] for one in job(made, "soup-baseline").body["inputs"]]
    assert inputs == ["dpo-baseline", "sft-baseline", "base"]
    assert job(made, "arc-baseline").body["like"] == "soup-baseline"
    assert job(made, "more-baseline").body["init"] == "arc-baseline"
    assert "mean-baseline" not in hashes(made)
    names = [one["name"] for one in job(made, "final").body["subjects"]]
    assert names == ["base", "soup", "arc", "soup-baseline", "arc-baseline"]


def test_what_any_of_its_inputs_was_trained_on_is_looked_at(tmp_path: Path) -> None:
    text = SMALL.replace("of = [base, sft, dpo]", "of = mean") + (
        'dataset web { path = "web.jsonl" }\n'
        + OTHER.replace("bytes }", "bytes; trained_on = [web] }")
        + "merge mean { of = [sft, other] }\n"
    )
    compared = job(planned(tmp_path, text), "contamination").body["data"]
    assert [one["name"] for one in compared if one["used"] == "declared"] == ["web"]
