"""Needles: where they lie, how long the text is, and which answers have found them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from smolc.runtime.evaluate.generate import Answer
from smolc.runtime.evaluate.tasks.base import Asked
from smolc.runtime.evaluate.tasks.needle import CHARACTERS, CITIES, Needles, load
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import NeedleTask


def needles(**changes: Any) -> Needles:
    fields = {
        "type": "needle", "name": "needle", "lengths": (512, 2048), "depths": 3, "refresh": 7,
        "subset": 2, "strata": None, "avg": 1, "pass_at": (), "max_new": None,
    }  # fmt: skip
    # Neither the folder nor the rest of the job is read.
    return load(None, None, NeedleTask(**{**fields, **changes}))  # type: ignore[arg-type]


def prompts(found: Needles) -> list[str]:
    return [str(q.messages[0]["content"]) for q in found.questions]


def test_each_length_and_depth_has_its_questions() -> None:
    found = needles()
    strata = [q.stratum for q in found.questions]
    assert strata == [f"{n} at {d}%" for n in (512, 2048) for d in (0, 50, 100) for _ in range(2)]
    assert len({q.id for q in found.questions}) == 12
    assert len(needles(subset=None).questions) == 2 * 3 * 5


@pytest.mark.parametrize("depths", [1, 2, 5, 11])
def test_the_needle_lies_at_its_depth_of_a_text_of_the_length(depths: int) -> None:
    for question in needles(depths=depths).questions:
        hidden, prompt = question.data, str(question.messages[0]["content"])
        text = prompt.split("\n\n")[1]
        assert prompt.count(hidden.needle) == 1
        before, after = text.split(hidden.needle)
        assert abs(100 * len(before) / (len(before) + len(after)) - hidden.depth) < 5
        assert 0.85 < len(prompt) / (hidden.length * CHARACTERS) <= 1


def test_nothing_but_the_needle_could_be_meant() -> None:
    for question in needles().questions:
        text = str(question.messages[0]["content"])
        assert re.findall("[0-9]+", text) == [question.gold]
        named = {city for city in CITIES if re.search(rf"\b{city}\b", text)}
        assert len(named) == 1
        assert text.endswith("Answer with the number.")
        assert named.pop() in text.rsplit("\n\n", 1)[1]


def test_sentences_vary() -> None:
    text = prompts(needles(lengths=(8192,), depths=1, subset=1))[0]
    said = re.split(r"(?<=\.) ", text)
    assert len(set(said)) > 0.99 * len(said) > 200


def test_another_refresh_is_another_text_and_the_same_the_same() -> None:
    assert prompts(needles()) == prompts(needles())
    assert not set(prompts(needles())) & set(prompts(needles(refresh=8)))
    # A length more does not change those that were there.
    assert set(prompts(needles())) <= set(prompts(needles(lengths=(256, 512, 2048))))


@pytest.mark.parametrize(
    ("said", "score", "note"),
    [
        ("{gold}", 1.0, None),
        ("The secret number is **{gold}**.", 1.0, None),
        ("{gold}, yes, {gold}, found in 1 place", 1.0, None),
        ("It is {comma}.", 1.0, None),
        ("1{gold}", 0.0, "another number"),
        ("{gold}0", 0.0, "another number"),
        ("It is 1000000.", 0.0, "another number"),
        ("There are 12.", 0.0, "another number"),
        ("1000000 or {gold}", 0.0, "several numbers"),
        ("I did not see it.", 0.0, "no number"),
        ("", 0.0, "no number"),
    ],
)
def test_scores(said: str, score: float, note: str | None) -> None:
    found = needles()
    question = found.questions[0]
    text = said.format(gold=question.gold, comma=f"{int(question.gold):,}")
    verdict = found.score(Asked(question, [Answer.of(text, text, True, False, 5)]))
    assert (verdict.score, verdict.note) == (score, note)
    assert verdict.no_answer == (note == "no number")
    assert verdict.more == {"length": 512, "depth": 0}


def test_training_data_is_compared_with_the_needles_alone() -> None:
    texts = [text for _, text in needles().texts()]
    assert len(texts) == 12
    assert all(text.startswith("The secret number of") and len(text) < 60 for text in texts)


def test_a_length_without_room_is_refused() -> None:
    with pytest.raises(JobError, match="64 tokens has no room"):
        needles(lengths=(4096, 64))
