"""What a `pairs` job made is tolerated as its `bad_pairs` says, and messages name that key."""

from __future__ import annotations

import json
from typing import Any

import pytest
from data_project import Project, source

from smolc.runtime.jobs.errors import JobError

TRIMS = (
    "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}{% generation %}"
    "{{ m.content.strip() }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
TWENTY = [{"prompt": f"q {n}", "chosen": "good", "rejected": "bad"} for n in range(20)]
COLUMNS = {"type": "preference", "prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}


def made(project: Project, name: str, rows: list[dict[str, Any]], bad_pairs: float) -> dict[str, Any]:
    out = project.build / "out" / name
    out.mkdir(parents=True, exist_ok=True)
    (out / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    location = {"type": "made", "job": name}
    return source(name=name, location=location, format=COLUMNS, bad_rows=bad_pairs)


def test_sides_that_the_template_writes_alike(project: Project) -> None:
    rows = [*TWENTY, {"prompt": "x", "chosen": "b", "rejected": "b "}]
    template = project.template("trims.jinja", TRIMS)
    dataset = project.run(made(project, "taste", rows, 0.05), method="dpo", template=template)
    assert len(dataset.rows()) == 20 and dataset.json("stats.json")["sources"][0]["rows_bad"] == 1
    (line,) = (dataset.out / "dropped.jsonl").read_text().splitlines()
    assert json.loads(line) == {
        "source": "taste", "row": "taste/pairs.jsonl:21", "why": "bad row",
        "what": "chosen and rejected are the same once rendered",
    }  # fmt: skip
    with pytest.raises(JobError, match="21: chosen and rejected are the same once rendered") as caught:
        project.run(made(project, "taste", rows, 0.0), method="dpo", template=template)
    assert "bad_pairs" in (caught.value.help or "")
    with pytest.raises(JobError, match=r"taste: 1 bad row\n  taste/pairs.jsonl:21: chosen and") as caught:
        project.run(made(project, "taste", rows, 0.01), method="dpo", template=template)
    assert caught.value.help == "correct what makes them; at most 1.00% may be dropped (bad_pairs)"


def test_pairs_blocks_that_contradict_one_another(project: Project) -> None:
    other = [{"prompt": "q 3", "chosen": "bad", "rejected": "good"}, *({**r, "prompt": "o"} for r in TWENTY)]
    both = [("taste", TWENTY), ("other", other)]
    dataset = project.run(*(made(project, *one, 0.05) for one in both), method="dpo")
    assert [s["contradictory_dropped"] for s in dataset.json("stats.json")["sources"]] == [1, 1]
    with pytest.raises(JobError, match="taste: in 1 row the same answers are judged") as caught:
        project.run(*(made(project, *one, 0.0) for one in both), method="dpo")
    assert "say bad_pairs = drop(at_most = ...)" in (caught.value.help or "")
