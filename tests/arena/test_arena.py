"""Which answers meet, what the votes say of the models, and what they teach."""

from __future__ import annotations

import base64
import json
import random
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs import run_of, sample

from smolc.runtime.arena.__main__ import main
from smolc.runtime.arena.answers import prompts_of
from smolc.runtime.arena.page import render
from smolc.runtime.arena.pairs import Pair, pairs_of
from smolc.runtime.arena.ratings import fit, ratings
from smolc.runtime.arena.votes import Vote, preferences, read_votes
from smolc.runtime.data.formats import Pair as Preferred
from smolc.runtime.data.formats import converter
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import Preference

MODELS = ("base", "sft", "sft@20", "dpo")


def pairs(folder: Path, rows: list[dict[str, Any]], seed: int = 0, **how: Any) -> list[Pair]:
    return pairs_of(prompts_of([run_of(folder, rows, **how)], []), seed)


def test_every_two_different_answers_meet_once(tmp_path: Path) -> None:
    rows = [sample(m, str(i), f"{m} on {i}") for i in range(5) for m in MODELS]
    rows[1]["answer"] = rows[0]["answer"]  # nothing to choose between
    found = pairs(tmp_path / "run", rows)
    met = Counter((pair.prompt.id, *sorted((pair.left, pair.right))) for pair in found)
    every = {(str(i), *sorted(both)) for i in range(5) for both in combinations(MODELS, 2)}
    assert set(met) == every - {("0", "base", "sft")} and set(met.values()) == {1}
    assert len({pair.key for pair in found}) == len(found)


def test_models_and_sides_are_balanced_wherever_one_stops(tmp_path: Path) -> None:
    found = pairs(tmp_path / "run", [sample(m, str(i), f"{m} {i}") for i in range(40) for m in MODELS])
    for stop in (4, 10, 30, 100, len(found)):
        met = Counter(m for pair in found[:stop] for m in (pair.left, pair.right))
        left = Counter(pair.left for pair in found[:stop])
        assert max(met.values()) - min(met[m] for m in MODELS) <= 2, stop
        assert all(abs(2 * left[m] - met[m]) <= 4 for m in MODELS), stop
        assert max(Counter(pair.prompt.id for pair in found[:stop]).values()) <= stop / 40 * 2.5 + 2


def test_the_order_is_seeded_and_the_keys_are_those_of_the_content(tmp_path: Path) -> None:
    rows = [sample(m, str(i), f"{m} {i}") for i in range(6) for m in MODELS]
    one = pairs(tmp_path / "a", rows)
    assert [p.key for p in pairs(tmp_path / "b", rows)] == [p.key for p in one]
    other = pairs(tmp_path / "c", rows, seed=1)
    assert [p.key for p in other] != [p.key for p in one] and {p.key for p in other} == {p.key for p in one}
    rows[0]["answer"] += "!"
    assert len({p.key for p in pairs(tmp_path / "d", rows)} - {p.key for p in one}) == 3


def test_models_of_several_runs_meet_under_the_runs_names(tmp_path: Path) -> None:
    one = run_of(tmp_path / "one", [sample("sft", "1", "a"), sample("sft", "2", "a")])
    changed = [{"role": "user", "content": "another prompt"}]
    two = run_of(tmp_path / "two", [sample("sft", "1", "b"), sample("sft", "2", "b", messages=changed)])
    (pair,) = pairs_of(prompts_of([one, two], []), 0)
    assert {pair.left, pair.right} == {"one:sft", "two:sft"} and pair.prompt.id == "1"


def test_the_vibe_tests_are_what_is_compared(tmp_path: Path) -> None:
    rows = [sample(m, "1", m, task=task) for task in ("basics", "gsm8k") for m in ("a", "b")]
    folder = run_of(tmp_path / "run", rows)
    assert [p.task for p in prompts_of([folder], [])] == ["basics"]
    assert [p.task for p in prompts_of([folder], ["gsm8k"])] == ["gsm8k"]
    with pytest.raises(JobError, match="no samples of a task mmlu"):
        prompts_of([folder], ["mmlu"])


def test_answers_are_shown_without_thought_and_only_the_first_of_several(tmp_path: Path) -> None:
    turns = [{"prompt": "", "answer": "<t>x</t> one"}, {"prompt": "", "answer": "two"}]
    rows = [
        sample("a", "1", "two", turns=turns, follow_ups=["and?"], stopped=False),
        sample("a", "1", "other", sample=1),
        sample("b", "1", "<t>never ends", follow_ups=["and?"], turns=[{"answer": "<t>x"}, {"answer": "y"}]),
    ]
    (prompt,) = prompts_of([run_of(tmp_path / "run", rows, thinking=["<t>", "</t>"])], [])
    assert prompt.answers["a"].turns == ("one", "two") and prompt.answers["a"].cut
    assert prompt.answers["b"].turns == ("", "y")


def simulated(strength: dict[str, float], votes: int, seed: int, ties: float = 0.1) -> list[Vote]:
    """Votes as Bradley and Terry's model draws them; strength: in Elo. Ties take from both sides alike."""
    draw = random.Random(seed)
    found = []
    for number in range(votes):
        left, right = draw.sample(sorted(strength), 2)
        p = 1 / (1 + 10 ** ((strength[right] - strength[left]) / 400))
        said = (
            draw.choice(["tie", "bad"]) if draw.random() < ties else "left" if draw.random() < p else "right"
        )
        found.append(Vote(str(number), "basics", str(number % (votes // 3)), left, right, said))
    return found


def test_known_ratings_are_recovered_within_the_interval() -> None:
    strength = {"base": 850.0, "sft": 1000.0, "sft@20": 950.0, "dpo": 1200.0}
    inside, error = 0, []
    for seed in range(25):
        for row in ratings(simulated(strength, 600, seed, ties=0.0), draws=200):
            inside += row.low <= strength[row.model] <= row.high
            error.append(row.rating - strength[row.model])
    # 95% of 100, of which seven fewer would be three standard errors.
    assert inside >= 88 and abs(np.mean(error)) < 1e-6 and np.std(error) < 25
    assert [row.model for row in ratings(simulated(strength, 3000, 0), draws=50)] == [
        "dpo",
        "sft",
        "sft@20",
        "base",
    ]


def test_a_fit_is_where_expected_wins_are_those_that_were_seen() -> None:
    rng = np.random.default_rng(0)
    wins = rng.integers(0, 20, (3, 5, 5)).astype(float) * (1 - np.eye(5))
    more = wins + (1 - np.eye(5)) / 8
    for one, elo in zip(more, fit(wins), strict=True):
        p = 1 / (1 + 10 ** ((elo[None, :] - elo[:, None]) / 400))
        assert ((one + one.T) * p).sum(axis=1) - (one + one.T).diagonal() / 2 == pytest.approx(
            one.sum(axis=1), abs=1e-3
        )
        assert elo.mean() == pytest.approx(1000)


@pytest.mark.parametrize("said", ["left", "right", "tie", "bad"])
def test_one_vote_has_a_rating(said: str) -> None:
    rows = {row.model: row for row in ratings([Vote("k", "t", "1", "a", "b", said)], draws=10)}
    difference = rows["a"].rating - rows["b"].rating
    assert np.sign(round(difference, 6)) == {"left": 1, "right": -1}.get(said, 0) and abs(difference) < 500
    assert rows["a"].votes == 1 and rows["a"].won == {"left": 1, "right": 0}.get(said, 0.5)


def voted(pair: Pair, winner: str | None, **more: str) -> Vote:
    said = "tie" if winner is None else "left" if pair.left == winner else "right"
    return Vote(pair.key, pair.prompt.task, pair.prompt.id, pair.left, pair.right, more.get("vote", said))


def test_decided_votes_become_rows_that_a_dataset_reads(tmp_path: Path) -> None:
    system = [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}]
    rows = [sample(m, "1", f"{m} 1", messages=system) for m in "ab"]
    rows += [sample(m, "2", f"<i>{m}\x00</i>") for m in "ab"]
    by_id = {pair.prompt.id: pair for pair in pairs(tmp_path / "run", rows)}
    found = preferences([voted(by_id["1"], "b"), voted(by_id["2"], "a")], list(by_id.values()))
    assert not found.left_out
    read = converter(
        Preference(type="preference", prompt="prompt", chosen="chosen", rejected="rejected"), None
    )
    first, second = (read(json.loads(json.dumps(row))) for row in found.rows)
    assert isinstance(first, Preferred) and isinstance(second, Preferred)
    assert first.prompt == system
    assert [m["content"] for m in first.chosen] == ["b 1"]
    assert [m["content"] for m in first.rejected] == ["a 1"]
    assert second.chosen[0]["content"] == "<i>a\x00</i>"
    assert found.rows[1]["from"] == {"task": "basics", "id": "2", "chosen": "a", "rejected": "b"}


@pytest.mark.parametrize(
    ("changes", "winners", "why"),
    [
        ({}, [None], "undecided"),
        ({}, ["a", "b"], "undecided"),
        ({}, ["a", "a", "b"], None),
        ({"stopped": False}, ["a"], "cut off"),
        ({"tools": [{"name": "f"}]}, ["a"], "tools"),
        ({"messages": [{"role": "user", "content": " "}]}, ["a"], "empty prompts"),
        ({"answer": ""}, ["b"], "say nothing"),
        ({"messages": None, "prompt": "<|user|>hi"}, ["a"], "rendered"),
    ],
)
def test_votes_that_would_teach_something_else_are_counted(
    tmp_path: Path, changes: dict[str, Any], winners: list[str | None], why: str | None
) -> None:
    rows = [sample("a", "1", "x") | changes, sample("b", "1", "y") | {**changes, "answer": "y"}]
    (pair,) = pairs(tmp_path / "run", rows)
    found = preferences([voted(pair, winner) for winner in winners], [pair])
    assert len(found.rows) == (why is None) and len(found.left_out) == (why is not None)
    assert why is None or why in next(iter(found.left_out))


def test_a_conversation_of_several_turns_gives_no_row(tmp_path: Path) -> None:
    """As an answer it would have the user's turn in it."""
    turns = {m: [{"answer": f"{m} 1"}, {"answer": f"{m} 2"}] for m in "ab"}
    rows = [sample(m, "1", f"{m} 2", turns=turns[m], follow_ups=["and?"]) for m in "ab"]
    (pair,) = pairs(tmp_path / "run", rows)
    found = preferences([voted(pair, "a")], [pair])
    assert not found.rows and "several turns" in next(iter(found.left_out))


def test_votes_on_answers_that_have_changed_give_no_rows(tmp_path: Path) -> None:
    (pair,) = pairs(tmp_path / "a", [sample("a", "1", "x"), sample("b", "1", "y")])
    now = pairs(tmp_path / "b", [sample("a", "1", "changed"), sample("b", "1", "y")])
    assert preferences([voted(pair, "a")], now).left_out == {"answers that are no longer there": 1}


GOOD = {"pair": "k", "task": "t", "id": "1", "left": "a", "right": "b", "vote": "left"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("no json", "expected a vote (an object)"),
        ("[" * 100_000, "expected a vote (an object)"),
        (json.dumps({**GOOD, "vote": "top"}), "expected the vote to be one of left, right, tie, bad"),
        (json.dumps({**GOOD, "left": "b"}), "expected two models"),
        (json.dumps({**GOOD, "id": 3}), "expected text in `id`, found 3"),
    ],
)
def test_bad_votes_are_named(tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "v.jsonl").write_text(f"{json.dumps(GOOD)}\n\n{line}\n")
    with pytest.raises(JobError, match=re.escape("v.jsonl:3: " + why)):
        read_votes(tmp_path / "v.jsonl")


def test_the_command_writes_the_page_then_the_table_and_the_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [sample(m, str(i), f"{m} {i}") for i in range(6) for m in ("base", "dpo")]
    folder = run_of(tmp_path / "run", rows)
    assert main([str(folder), f"--out={tmp_path}/arena.html"]) == 0
    assert "6 pairs of 6 prompts" in capsys.readouterr().out
    votes = [voted(pair, "dpo").__dict__ for pair in pairs_of(prompts_of([folder], []), 0)]
    (tmp_path / "votes.jsonl").write_text("".join(json.dumps(vote) + "\n" for vote in votes))
    arguments = [str(folder), f"--votes={tmp_path}/votes.jsonl", f"--preferences={tmp_path}/rows.jsonl"]
    assert main(arguments) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1].startswith("dpo") and said[2].startswith("base") and "6 votes on 6 prompts" in said[3]
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 6


@pytest.mark.parametrize(
    ("rows", "arguments", "code", "why"),
    [
        ([], [], 1, "there are no answers to compare"),
        ([sample("a", "1", "x")], [], 1, "no two different answers"),
        ([sample("a", "1", "x")], ["--preferences=x"], 1, "add --votes"),
        ([sample("a", "1", "x")], ["--votes=missing.jsonl"], 1, "missing.jsonl: cannot be read"),
    ],
)
def test_what_cannot_be_compared_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: Any, arguments: list[str], code: int, why: str
) -> None:
    assert main([str(run_of(tmp_path / "run", rows)), f"--out={tmp_path}/a.html", *arguments]) == code
    assert why in capsys.readouterr().err and not (tmp_path / "a.html").exists()


def test_a_folder_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2 and "not a manifest" in capsys.readouterr().err


def test_the_source_of_the_page_holds_no_name_and_no_markup_of_a_model(tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script><!-- \x00\x1b[31m \u202e " + "&lt; %SCRIPT% \ud800"
    rows = [sample(m, str(i), f"{hostile} {i}{m == 'zebra'}") for i in range(3) for m in ("zebra", "quagga")]
    page = render("run", pairs(tmp_path / "run", rows))
    assert "zebra" not in page and "quagga" not in page and "alert(1)</script>" not in page
    assert page.count("<script") == 2 and page.count("</script>") == 2 and "\u202e" not in page
    assert page.count('"use strict"') == 1
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert {len(a["turns"]) for a in data["answers"].values()} == {1} and len(data["answers"]) == 6
    hidden = base64.b64decode(data["names"])
    key = data["id"].encode()
    names = json.loads(bytes(b ^ key[i % len(key)] for i, b in enumerate(hidden)))
    assert sorted(names["models"]) == ["quagga", "zebra"] and set(names["of"]) == set(data["answers"])
