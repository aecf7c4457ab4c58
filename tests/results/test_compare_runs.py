from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eval_folder import DECODE, JUDGE, EvalFolder, judged_task, own_task, results, rows_of, said

from smolc.runtime.results.__main__ import main

HALF = [1.0, 0.0] * 20
MORE = [1.0, 1.0, 1.0, 0.0] * 10


def folder(
    path: Path,
    scores: list[Any] = HALF,
    model: str = "sft",
    task: dict[str, Any] | None = None,
    samples: dict[str, Any] | None = None,
    row: dict[str, Any] | None = None,
    **found: Any,
) -> str:
    """A run with one eval of one model on one task."""
    task = task or own_task("words")
    spoken = said(model, task["name"], scores, **(samples or {}))
    made = EvalFolder(path)
    made.evaluate("final", [task], spoken, results(rows_of(spoken, **(row or {})), **found))
    return str(path)


def compared(capsys: pytest.CaptureFixture[str], *runs: str) -> tuple[int, dict[str, Any]]:
    code = main([*runs, "--json"])
    printed = capsys.readouterr()
    assert printed.err == ""
    return code, json.loads(printed.out)


def test_scores_are_paired_by_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = compared(capsys, folder(tmp_path / "a"), folder(tmp_path / "b", MORE))
    (score,) = found["scores"]
    assert code == 0
    assert (score["first"]["value"], score["other"]["value"]) == (0.5, 0.75)
    away = score["difference"]
    assert (away["value"], away["problems"], away["verdict"]) == (0.25, 40, "better")
    assert 0 < away["low"] < 0.25 < away["high"]
    assert away["p"] < 0.05
    assert score["warnings"] == ["the same weights: only how they were asked can differ"]


def test_a_run_does_not_differ_from_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = folder(tmp_path / "a")
    code, found = compared(capsys, one, one)
    assert code == 0
    assert found["scores"][0]["difference"]["verdict"] == "same"
    assert found["scores"][0]["difference"]["p"] == 1


@pytest.mark.parametrize(("metric", "verdict"), [("exact_match", "better"), ("loss", "worse")])
def test_less_loss_is_better(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], metric: str, verdict: str
) -> None:
    row = {"metric": metric}
    _, found = compared(capsys, folder(tmp_path / "a", row=row), folder(tmp_path / "b", MORE, row=row))
    assert found["scores"][0]["difference"]["verdict"] == verdict


TEMPLATE = {"sft": {"template": "other.jinja", "hash": "ffff", "end_of_turn": "<|im_end|>", "kwargs": {}}}
OTHER_JUDGE = {**JUDGE, "name": "cheap", "weights": "sha256:" + "ee" * 32, "identity": "9999"}
OTHER_PROMPT = {**JUDGE, "prompts": {"grade": {"sha256": "00" * 32}}, "prompt_hash": "0", "identity": "8888"}
GRADES = [7.0, 5.0, 9.0, 6.0]
NOT_COMPARABLE: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "template": (
        {},
        {"templates": TEMPLATE},
        ["chat template: 00aa11bb22cc33dd against ffff", "other.jinja"],
    ),
    "decoding": ({}, {"decode": {**DECODE, "temperature": 0.7}}, ["decoding, temperature: 0 against 0.7"]),
    "metric": ({}, {"row": {"metric": "contains"}}, ["metric: exact_match against contains"]),
    "chains of thought": (
        {"strip_thinking": ["<think>", "</think>"]},
        {"strip_thinking": ["<think>", "</think>"], "strip": False},
        ["chains of thought taken out: <think> </think> against none"],
    ),
    "subset": ({}, {"scores": HALF[:10]}, ["problems: 40 against 10, 10 of them in both"]),
    "gold": ({}, {"samples": {"gold": "x"}}, ["40 of 40 expect another answer"]),
    "prompts": ({}, {"samples": {"prompt": "x"}}, ["the prompts of 40 of 40 differ"]),
    "extraction": (
        {},
        {"task": own_task("words", extract={"type": "last_number", "marker": None})},
        ["task, extract: type = whole, marker = none against type = last_number"],
    ),
    "length of answers": ({}, {"task": own_task("words", max_new=99)}, ["task, max_new: none against 99"]),
    "judge swapped": (
        {"task": judged_task("chats"), "scores": GRADES, "judge": JUDGE},
        {"task": judged_task("chats"), "scores": GRADES, "judge": OTHER_JUDGE},
        ["judge: `referee` against `cheap`", "weights sha256:abab"],
    ),
    "judge prompted otherwise": (
        {"task": judged_task("chats"), "scores": GRADES, "judge": JUDGE},
        {"task": judged_task("chats"), "scores": GRADES, "judge": OTHER_PROMPT},
        ["judge: `referee` against `referee`, of other prompts"],
    ),
}


@pytest.mark.parametrize("name", NOT_COMPARABLE)
def test_what_cannot_be_compared_is_refused_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    one, other, said = NOT_COMPARABLE[name]
    runs = folder(tmp_path / "a", **one), folder(tmp_path / "b", **other)
    code, found = compared(capsys, *runs)
    assert code == 1
    (score,) = found["scores"]
    assert score["comparable"] is False
    assert score["difference"] is None
    for words in said:
        assert words in "\n".join(score["reasons"])
    assert len(score["reasons"]) == 1
    assert main(list(runs)) == 1
    shown = capsys.readouterr().out
    assert "NOT COMPARABLE" in shown
    assert said[0] in shown


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ({"engine": {"name": "vllm", "version": "0.12"}}, "engine: transformers 5.23.0 against vllm 0.12"),
        ({"versions": {"lm-eval": "0.5", "torch": "2.15.0"}}, "version of lm-eval: 0.4.13 against 0.5"),
        ({"precision": "bf16"}, "precision: fp32 against bf16"),
        ({"judge": JUDGE}, ""),
        ({"decode": {**DECODE, "top_p": 0.5}}, ""),
    ],
)
def test_what_may_matter_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], warning: str
) -> None:
    """A judge has no say in exact match, nor top-p in greedy decoding."""
    code, found = compared(capsys, folder(tmp_path / "a"), folder(tmp_path / "b", **change))
    assert code == 0
    assert found["scores"][0]["reasons"] == []
    assert (warning in found["scores"][0]["warnings"]) is bool(warning)


def test_models_of_other_names_are_compared_when_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = folder(tmp_path / "a"), folder(tmp_path / "b", MORE, model="dpo", templates={})
    assert main([one, other]) == 2
    assert "no score in common" in capsys.readouterr().err
    code, found = compared(capsys, f"{one}:sft", f"{other}:dpo")
    assert code == 0
    assert found["scores"][0]["other"]["model"] == "dpo"
    assert any(w.startswith("chat template: ") for w in found["scores"][0]["warnings"])
    assert main([f"{one}:sfd", other]) == 2
    assert "no scores of a model 'sfd'; there are: sft" in capsys.readouterr().err


def test_what_only_one_run_has_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = EvalFolder(tmp_path / "b")
    both = said("sft", "words", MORE) + said("sft", "sums", HALF)
    made.evaluate("final", [own_task("words"), own_task("sums")], both, results(rows_of(both)))
    one, other = folder(tmp_path / "a"), str(tmp_path / "b")
    _, found = compared(capsys, one, other)
    assert found["missing"] == {one: ["sft.sums"], other: []}
    _, found = compared(capsys, other, one)
    assert found["missing"] == {other: [], one: ["sft.sums"]}


def test_pass_at_k_is_paired_by_what_its_answers_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = own_task("words", avg=4, pass_at=[2])

    def run(name: str, scores: list[list[float]]) -> str:
        spoken = said("sft", "words", scores)
        at_two = [[1 - (4 - sum(s)) * (3 - sum(s)) / 12] for s in scores]
        extra = rows_of(said("sft", "words_pass2", at_two), metric="pass@2")
        EvalFolder(tmp_path / name).evaluate("final", [task], spoken, results(rows_of(spoken) + extra))
        return str(tmp_path / name)

    _, found = compared(capsys, run("a", [[1, 0, 0, 0]] * 9), run("b", [[1, 1, 0, 0]] * 9))
    away = {s["task"]: s["difference"] for s in found["scores"]}
    assert away["words"]["value"] == pytest.approx(0.25)
    assert away["words_pass2"]["value"] == pytest.approx(5 / 6 - 1 / 2)
    assert away["words_pass2"]["problems"] == 9
    assert found["comparisons"] == 2


def test_scores_without_samples_are_compared_by_their_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """lm-eval's metrics that are no means of their samples."""
    one = folder(tmp_path / "a", row={"value": 0.2, "stderr": 0.03})
    other = folder(tmp_path / "b", row={"value": 0.4, "stderr": 0.04})
    _, found = compared(capsys, one, other)
    away = found["scores"][0]["difference"]
    assert (away["problems"], away["verdict"]) == (None, "better")
    assert away["high"] - away["low"] == pytest.approx(2 * 1.96 * 0.05, abs=1e-4)
    assert away["p"] == pytest.approx(6.3e-5, rel=0.01)


def test_three_runs_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [folder(tmp_path / name, scores) for name, scores in (("a", HALF), ("b", MORE), ("c", HALF))]
    assert main(runs) == 0
    shown = capsys.readouterr().out
    line = next(line for line in shown.splitlines() if line.startswith("sft"))
    assert line.split()[:4] == ["sft", "words", "exact_match", "50.0%"]
    assert "▲ +25.0" in line
    assert "≈ +0.0" in line
    assert "2 comparisons, adjusted after Holm" in shown


def test_hostile_names_stay_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "\x1b[2Jwords[bold]\u202e"
    runs = [folder(tmp_path / where, task=own_task(name)) for where in ("a", "b")]
    assert main(runs) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "words[bold]" in shown


def test_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = folder(tmp_path / "a")
    EvalFolder(tmp_path / "half").evaluate("final", [own_task("words")], said("sft", "words", HALF))
    wrong = {
        (one,): "at least two runs",
        (one, str(tmp_path / "nowhere")): "not a manifest",
        (one, str(tmp_path / "half")): "no scores yet (final: not run)",
    }
    for runs, message in wrong.items():
        assert main(list(runs)) == 2
        assert message in capsys.readouterr().err
