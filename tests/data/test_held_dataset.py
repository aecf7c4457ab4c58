"""A dataset of its own for the validation loss: all of it, and nothing of it in training."""

from __future__ import annotations

from typing import Any

import pytest
from data_project import Project, source
from test_prepare import chats

from smolc.runtime.jobs.errors import JobError

PICKS = {"fraction": None, "rows": None, "source": "picks"}
PAIRS = {"type": "preference", "prompt": "p", "chosen": "c", "rejected": "r"}


@pytest.mark.parametrize("packing", ["none", "best_fit"])
def test_all_of_it_is_held_out_and_none_trained(packing: str, project: Project) -> None:
    project.write("chats.jsonl", chats(40))
    project.write("picks.jsonl", chats(7, "held"))
    train = project.run(source("chats.jsonl"), packing=packing).rows()
    held = project.run(source("picks.jsonl")).rows()
    both = source("chats.jsonl"), source("picks.jsonl", name="picks")
    dataset = project.run(*both, holdout=PICKS, packing=packing)
    assert dataset.rows() == train
    assert dataset.json("result.json")["validation_rows"] == 7
    trained = sum(label != -100 for row in dataset.rows("validation") for label in row["labels"])
    assert trained == sum(label != -100 for row in held for label in row["labels"]) > 0
    stats = {s["name"]: s for s in dataset.json("stats.json")["sources"]}
    assert (stats["chats"]["rows"], stats["picks"]["rows"]) == (40, 0)
    assert (stats["chats"]["holdout_rows"], stats["picks"]["holdout_rows"]) == (0, 7)
    assert stats["chats"]["realised_share"] == 1.0


def test_shares_are_of_what_is_trained(project: Project) -> None:
    for name in ("a", "b"):
        project.write(f"{name}.jsonl", chats(100, name))
    project.write("picks.jsonl", chats(50, "held"))
    half: dict[str, Any] = {"type": "share", "share": 0.5, "at_most_epochs": 1.0}
    dataset = project.run(
        source("a.jsonl", name="a", weight=half),
        source("b.jsonl", name="b", weight=half),
        source("picks.jsonl", name="picks"),
        holdout=PICKS,
    )
    shares = [s["realised_share"] for s in dataset.json("stats.json")["sources"]]
    assert shares == [pytest.approx(0.5, abs=0.005), pytest.approx(0.5, abs=0.005), 0.0]


def test_pairs_too(project: Project) -> None:
    project.write("a.jsonl", [{"p": f"q{i}", "c": "good", "r": "bad"} for i in range(9)])
    project.write("b.jsonl", [{"p": f"v{i}", "c": "good", "r": "bad"} for i in range(3)])
    dataset = project.run(
        source("a.jsonl", format=PAIRS),
        source("b.jsonl", name="picks", format=PAIRS),
        holdout=PICKS,
        method="dpo",
    )
    assert (len(dataset.rows()), len(dataset.rows("validation"))) == (9, 3)


def test_rows_of_it_in_training_are_told_and_duplicates_of_them_go(project: Project) -> None:
    project.write("chats.jsonl", chats(20))
    project.write("picks.jsonl", chats(5) + chats(3, "held"))
    both = source("chats.jsonl"), source("picks.jsonl", name="picks")
    stats = project.run(*both, holdout=PICKS).json("stats.json")
    assert "held-out rows of picks that are in the training data, too: 5" in stats["notes"]
    stats = project.run(*both, holdout=PICKS, dedup={"type": "exact", "threshold": None}).json("stats.json")
    assert stats["validation_rows"] == 3 and stats["rows"] == 20
    assert not any("too: " in note for note in stats["notes"])


def test_nothing_left_of_it_is_an_error(project: Project) -> None:
    project.write("chats.jsonl", chats(20))
    project.write("picks.jsonl", chats(5))
    both = source("chats.jsonl"), source("picks.jsonl", name="picks")
    with pytest.raises(JobError, match="picks: no rows are left for the validation loss"):
        project.run(*both, holdout=PICKS, dedup={"type": "exact", "threshold": None})


@pytest.mark.parametrize("overlong", ["drop", "truncate", "split"])
def test_held_out_rows_that_are_too_long_are_told(overlong: str, project: Project) -> None:
    project.write("chats.jsonl", chats(20))
    project.write("picks.jsonl", chats(5, "held" * 100)[:1] + chats(4, "held"))
    both = source("chats.jsonl"), source("picks.jsonl", name="picks")
    stats = project.run(*both, holdout=PICKS, overlong=overlong).json("stats.json")
    assert f"picks: 1 of the held-out rows longer than 256 tokens: {overlong}" in stats["notes"]
