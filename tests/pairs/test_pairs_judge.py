"""A judge: by grades and two by two; prose, pins, and a real model that cannot judge."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from paired import answered, made

from smolc.runtime.evaluate.generate import Answer
from smolc.runtime.evaluate.judge.identity import demand_pin
from smolc.runtime.evaluate.judge.jury import Jury
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import Judge
from smolc.runtime.pairs.candidates import Candidate, Group
from smolc.runtime.pairs.drops import Drops
from smolc.runtime.pairs.judge import DISAGREE, by_grades, two_by_two


class Rule:
    """A judge that answers by a rule."""

    cached = 0

    def __init__(self, rule: Callable[[list[str]], str]) -> None:
        self.rule = rule

    def prompt(self, messages: list[dict[str, Any]]) -> str:
        return str(messages[0]["content"])

    def fits(self, prompt: str, max_new: int) -> bool:
        return len(prompt) < 10_000

    def answers(self, prompts: Sequence[str], max_new: int) -> list[Answer]:
        shown = r"=====\[\w+\] (?:answer [AB]|assistant)\n(.*?)\n(?======\[)"
        said = [self.rule(re.findall(shown, prompt, re.DOTALL)) for prompt in prompts]
        return [Answer.of(text, text, True, False, 1) for text in said]


def group(*answers: str) -> Group:
    candidates = [Candidate("tries", f"answer {i}", said, said, None) for i, said in enumerate(answers)]
    return Group("q", [{"role": "user", "content": "Say more."}], candidates)


def test_grades_decide_from_the_margin_on() -> None:
    jury = Jury(Rule(lambda said: f"Good.\nGrade: {len(said[0].split())}"), 10)
    drops = Drops()
    [found] = by_grades(jury, [group("one", "one two", "one two three four")], 2.0, drops)
    assert [(c.better.place, c.worse.place, c.scores) for c in found.couples] == [
        ("answer 2", "answer 0", (4.0, 1.0)),
        ("answer 2", "answer 1", (4.0, 2.0)),
    ]
    assert len(found.ties) == 1 and not drops.counts


def test_prose_is_no_verdict_and_counts_as_bad() -> None:
    drops = Drops()
    jury = Jury(Rule(lambda said: "I like it." if "two" in said[0] else "Grade: 5"), 10)
    by_grades(jury, [group("one", "one two", "x" * 20_000)], 1.0, drops)
    assert drops.bad == {"the judge gave no grade": 1, "too long for the judge": 1}
    [found] = two_by_two(jury, [group("one", "one two")], drops)
    assert drops.bad_couples == {"the judge gave no verdict": 1} and found.all == found.unjudged == 1
    with pytest.raises(JobError, match=r"the judge gave no grade: 1, such as answer 1: 'I like it.'"):
        drops.tolerate(0.05, 4, 1)


def test_couples_are_counted_against_couples() -> None:
    """There are more of them than answers."""
    jury, drops = Jury(Rule(lambda said: "Both are fine."), 10), Drops()
    found = two_by_two(jury, [group("a", "b", "c", "d") for _ in range(3)], drops)
    of = sum(one.all for one in found)
    drops.tolerate(1.0, 12, of)
    with pytest.raises(JobError, match=r"18 of 18 couples of answers cannot be used, and at most 99.00% may"):
        drops.tolerate(0.99, 12, of)


@pytest.mark.parametrize(
    ("rule", "couples", "why"),
    [
        (lambda said: f"Verdict: {'A' if len(said[0]) > len(said[1]) else 'B'}", [("longer", "short")], None),
        (lambda said: "Verdict: A", [], DISAGREE),
        (lambda said: "Verdict: tie", [], "as good, or nearer than the margin"),
    ],
)
def test_two_are_compared_in_both_orders(
    rule: Callable[[list[str]], str], couples: list[tuple[str, str]], why: str | None
) -> None:
    [found] = two_by_two(Jury(Rule(rule), 10), [group("short", "longer", "short")], drops := Drops())
    assert sorted({c.texts for c in found.couples}) == couples and not drops.counts
    whys = {reason for _, _, reason in found.ties}
    assert whys == {"the same answer on both sides", *([why] if why else [])}


def test_another_judge_is_refused() -> None:
    judge = Judge(name="referee", job="referee", template=None, max_new=9, pin="sha256:aa bfloat16")
    with pytest.raises(JobError, match="the judge `referee` is another model than the recipe demands"):
        demand_pin(judge, "sha256:bb bfloat16")
    with pytest.raises(JobError, match="bfloat16, pin is sha256:aa") as caught:
        demand_pin(judge, "sha256:bb bfloat16", "pin", "pairs")
    assert "make everything again" in (caught.value.help or "")


@pytest.mark.slow
def test_a_model_that_cannot_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its context is too small for what it is asked: nothing is made of it. Another judge or prompt is refused."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "evaluate"))
    from evaluated import CHATML, TEMPLATE, save_model

    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "chatml.jinja").write_text(CHATML)
    save_model(tmp_path, "referee")
    tries = answered(tmp_path, "tries", {"a": ["x", "y"]})
    judge = {"name": "referee", "job": "referee", "template": TEMPLATE, "max_new": 8, "pin": None}
    by = {"type": "judge", "judge": judge, "style": "grade", "margin": 1.0, "prompt_pin": None}
    with pytest.raises(
        JobError, match=r"2 of 2 answers cannot be used, and at most 5.00% may be dropped\n  too long"
    ):
        made(tmp_path, [tries], by)
    with pytest.raises(
        JobError, match="is asked something else than the recipe demands: the hash of its prompt is "
    ):
        made(tmp_path, [tries], {**by, "prompt_pin": "00ff"})
    with pytest.raises(JobError, match="is another model than the recipe demands: its weights are sha256:"):
        made(tmp_path, [tries], {**by, "judge": {**judge, "pin": "sha256:00 float32"}})
