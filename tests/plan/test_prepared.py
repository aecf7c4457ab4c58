"""What `smolc plan` shows of prepared data."""

from __future__ import annotations

from typing import Any

import pytest
from plan_project import Project

COUNTED = {
    "rows": 100,
    "bins": 20,
    "tokens": 5000,
    "fill": 0.9987,
    "length": 64,
    "lengths": {
        "p50": 30,
        "p90": 60,
        "p99": 64,
        "p100": 70,
        "counts": [1, 80, 19],
        "edges": [16, 32, 64, 96],
    },
    "sources": [
        {"name": "a", "declared_share": 0.25, "realised_share": 0.2501, "epochs": 1.5, "overlong": 19},
        {"name": "b", "declared_share": None, "realised_share": 0.7499, "epochs": 1, "overlong": 2},
    ],
}


def test_prepared_data_is_shown(project: Project) -> None:
    project.finish(project.build())
    project.out("sft-data", "stats.json", COUNTED)
    text = project.plan()
    assert "prepared  100 examples in 20 packed rows, 99.87% full, 5,000 tokens" in text
    said = "p50 30, p90 60, p99 64, longest 70; 21 over the length of 64"
    assert f"lengths   16 ▁█|▂ 96 tokens; {said}" in text
    assert "shares    b 74.99%, a 25.01% (25.00% asked)" in text
    counted = next(job for job in project.json()["jobs"] if job["id"] == "sft")["training"]["prepared"]
    assert counted["lengths"] == COUNTED["lengths"] | {"over": 21}
    assert counted["sources"][0] == {"name": "a", "declared": 0.25, "realised": 0.2501, "epochs": 1.5}


@pytest.mark.parametrize(
    "broken",
    [
        {"lengths": []},
        {"lengths": {"p50": 1}},
        {"lengths": COUNTED["lengths"] | {"counts": [1, -2, 3]}},
        {"lengths": COUNTED["lengths"] | {"counts": [1, 2]}},
        {"lengths": COUNTED["lengths"] | {"edges": [4, 3, 2, 1]}},
        {"lengths": COUNTED["lengths"] | {"p50": "1"}},
        {"lengths": COUNTED["lengths"] | {"counts": [1] * 500, "edges": list(range(501))}},
        {"lengths": None, "sources": 3, "fill": "x", "length": 10**40},
        {"lengths": None, "sources": [1, {}, {"name": "a", "realised_share": 1e999, "overlong": "x"}]},
        {
            "lengths": None,
            "fill": 10**400,
            "sources": [{"name": "a", "realised_share": 1, "epochs": 10**400}],
        },
    ],
)
def test_lengths_that_make_no_sense_are_left_out(broken: dict[str, Any], project: Project) -> None:
    project.finish(project.build())
    project.out("sft-data", "stats.json", COUNTED | broken)
    text = project.plan()
    assert "100 examples in 20 packed rows" in text and "\n    lengths" not in text
    project.json()
