"""Fresh problems: other ones for another refresh, whole answers, and changes of rows that keep theirs."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from evaluated import compiled, subject, write_rows

from smolc.runtime.evaluate.fresh_problems import TEMPLATES, problems
from smolc.runtime.evaluate.generate import Answer
from smolc.runtime.evaluate.perturb import CHANGES, WORDS, distract, numerals, rename
from smolc.runtime.evaluate.tasks.base import Asked, load
from smolc.runtime.evaluate.tasks.fresh import FreshProblems, number_in
from smolc.runtime.jobs.errors import JobError

ROWS = [
    {
        "question": "Tom has 3 boxes with 12 pens each. He gives 5 pens to Anna. How many pens does Tom have left?",
        "answer": "3 * 12 = <<3*12=36>>36\n36 - 5 = 31\n#### 31",
    },
    {
        "question": "A shop sells 1,250 cakes at $4 each. It pays 20% of this. How much is left?",
        "answer": "#### 4,000",
    },
    {
        "question": "Sam's sister Mary is 7 years old. Sam is twice her age. If they had a dog of 2 years, "
        "how old would all three be together?",
        "answer": "7 + 14 + 2 = 23\n#### 23",
    },
]


def fresh(folder: Path, rows: list[dict[str, Any]] | None = None, **changes: Any) -> FreshProblems:
    task = {
        "type": "fresh", "name": "math", "variant": "generated" if rows is None else "perturbed", "problems": 60,
        "refresh": 1, "location": None if rows is None else {"type": "files", "paths": ["words.jsonl"]},
        "subset": None, "strata": None, "avg": 1, "pass_at": [], "max_new": None, **changes,
    }  # fmt: skip
    if rows is not None:
        write_rows(folder, rows)
    context = compiled(folder, [task], [subject("base")])
    loaded = load(context, context.job, context.job.tasks[0])  # type: ignore[attr-defined]
    assert isinstance(loaded, FreshProblems)
    return loaded


def numbers(text: str) -> list[str]:
    """In their order, words and digits alike."""
    said = re.findall(rf"\b(?:{'|'.join(WORDS)})\b|[0-9][0-9,]*(?:\.[0-9]+)?", text, re.IGNORECASE)
    return [str(WORDS.index(n.lower())) if n.lower() in WORDS else n.rstrip(",") for n in said]


def test_answers_are_whole_and_positive_and_no_problem_comes_twice() -> None:
    found = problems(40 * len(TEMPLATES), 3)
    assert all(isinstance(answer, int) and answer > 0 for _, _, answer in found)
    assert len({text for _, text, _ in found}) == len(found)
    assert len(TEMPLATES) >= 20
    for _, text, _ in found:
        assert text.endswith("?")
        assert "{" not in text
        assert not re.search(r"\b1 [a-z]+s\b|-[0-9]|  |\bNone\b", text)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.__name__)
def test_a_template_says_the_numbers_of_its_answer(template: Any) -> None:
    """The same words with other numbers: the answer depends on what is said."""
    drawn = [template(Random(seed)) for seed in range(60)]
    answers = dict(drawn)
    assert len(set(answers.values())) > 5
    assert all(len(re.findall("[0-9]+", text)) >= 2 for text in answers)
    shapes = Counter(re.sub("[0-9]+", "N", re.sub(r"\b[A-Z][a-z]+\b", "A", text)) for text in answers)
    assert len(shapes) < 60


@pytest.mark.parametrize(
    ("kind", "works_out"),
    [
        ("fence", lambda n: (2 * (n[0] + n[1]) - n[2]) * n[3]),
        ("two speeds", lambda n: n[0] * n[1] + n[2] * n[3]),
        ("shared and found", lambda n: n[0] - n[1] * n[2] + n[3]),
        ("two kinds bought", lambda n: n[4] - n[0] * n[2] - n[1] * n[3]),
        ("reading a book", lambda n: n[1] + (n[0] - n[1] * n[2]) // n[3]),
        ("half sold", lambda n: n[0] // 4 - n[1]),
        ("discount", lambda n: n[0] * (100 - n[1]) * n[2] // 100),
        ("bus stops", lambda n: n[0] - n[1] + n[2] - n[3] + n[4] - n[5]),
        ("shared bill", lambda n: n[1] + n[2] + n[3] // n[0]),
        ("eggs", lambda n: n[0] * n[1] - n[2] * n[3] + n[4]),
        ("work days", lambda n: n[2] - n[3] * (n[0] + n[1])),
        ("tank", lambda n: n[0] + n[3] * (n[1] - n[2])),
        ("boxes and broken", lambda n: n[0] * (n[1] - n[2]) * n[3]),
    ],
)
def test_the_text_gives_the_answer(kind: str, works_out: Any) -> None:
    """From the numbers in the text, in their order."""
    found = [(text, answer) for name, text, answer in problems(480, 5) if name == kind]
    assert len(found) == 480 // len(TEMPLATES)
    for text, answer in found:
        assert works_out([int(n) for n in re.findall("[0-9]+", text)]) == answer


def test_refresh_is_the_seed_and_strata_are_templates(tmp_path: Path) -> None:
    def asked(folder: str, **changes: Any) -> list[str]:
        (tmp_path / folder).mkdir()
        return [str(q.messages[0]["content"]) for q in fresh(tmp_path / folder, **changes).questions]

    one = asked("a")
    assert len(one) == 60
    assert one == asked("b")
    assert not set(one) & set(asked("c", refresh=2))
    assert asked("d", problems=24) == one[:24]
    loaded = fresh(tmp_path, problems=240, subset=48)
    assert set(Counter(q.stratum for q in loaded.questions).values()) == {2}
    assert all("The answer is N." in text for text in one)
    assert not any("answer is N" in text for _, text in loaded.texts())


def test_no_problems_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="math: no problems"):
        fresh(tmp_path, problems=0)


@pytest.mark.parametrize("refresh", range(12))
def test_a_perturbed_row_keeps_its_answer_and_its_numbers(tmp_path: Path, refresh: int) -> None:
    loaded = fresh(tmp_path, ROWS, refresh=refresh)
    assert [q.gold for q in loaded.questions] == ["31", "4000", "23"]
    assert [q.place for q in loaded.questions] == ["words.jsonl:1", "words.jsonl:2", "words.jsonl:3"]
    for question, row in zip(loaded.questions, ROWS, strict=True):
        new, old = question.data.problem, row["question"]
        assert new != old
        assert question.stratum in CHANGES
        left = iter(numbers(new))
        assert all(number in left for number in numbers(old))
        assert len(numbers(new)) - len(numbers(old)) == (question.stratum == "a distractor")
    again = fresh(tmp_path, ROWS, refresh=refresh)
    assert [q.data for q in again.questions] == [q.data for q in loaded.questions]


def test_changes_are_drawn(tmp_path: Path) -> None:
    kinds = [tuple(q.stratum for q in fresh(tmp_path, ROWS, refresh=r).questions) for r in range(12)]
    assert {kind for row in kinds for kind in row} == set(CHANGES)
    assert len(set(kinds)) > 3


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Tom's dog likes Anna. Tom is 5.", ["Tom", "Anna"]),
        ("Alice, Bob and Carla run.", ["Alice", "Bob", "Carla"]),
    ],
)
def test_names_change_wherever_they_stand(text: str, names: list[str]) -> None:
    new = rename(text, Random(1))
    assert new is not None
    assert not any(re.search(rf"\b{name}\b", new) for name in names)
    shape = re.compile(r"\b[A-Z][a-z]+\b")
    assert shape.sub("X", new) == shape.sub("X", text)
    # Each name has one new name, and no two the same.
    pairs = set(zip(shape.findall(text), shape.findall(new), strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


@pytest.mark.parametrize(
    "text",
    [
        "A farmer has 3 cows.",
        "Sam is called Samuel by others.",
        "Harry Potter has 3 owls.",
        "Mr. Scott left.",
        "Will it rain in May?",
    ],
)
def test_uncertain_names_stay(text: str) -> None:
    assert rename(text, Random(1)) is None


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("She has 3 cats and 20 dogs.", "She has three cats and twenty dogs."),
        ("3 cats sleep. 4 wake.", "Three cats sleep. Four wake."),
        ("He ate 2.", "He ate two."),
        ("It costs $5.", None),
        ("A 5% rise, 1/2 of 3.5, the 5th, 21 or 100 or 1,200, 7-day", None),
        ("At 5 pm, 6:30, 5 %, 10 p.m.", None),
        ("2 1/2 cups, 3 + 4, 3 x 4, 2-3", None),
    ],
)
def test_numerals_become_words_where_they_stand_alone(text: str, new: str | None) -> None:
    assert numerals(text, Random(1)) == new


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Tom has 3 pens. He buys 2. How many pens has Tom?", 2),
        ("A pen costs $3.50. How much does it cost with 2% off?", 0),
        ("How many legs have 3 cats?", 0),
    ],
)
def test_the_distractor_stands_before_the_question(text: str, at: int) -> None:
    sentence = re.compile(r"(?<=[.?])\s+")
    new = sentence.split(distract(text, Random(1)))
    aside = new.pop(at)
    assert " ".join(new) == text
    assert re.search("[0-9]", aside)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"question": "How many?"}, "expected a text in `answer`, found null"),
        ({"question": " ", "answer": "#### 3"}, "expected a text in `question`"),
        ({"question": 3, "answer": "#### 3"}, "expected a text in `question`, found number 3"),
        (
            {"question": "How many?", "answer": "It is 3"},
            "a number at the end of `answer`, found text 'It is 3'",
        ),
        ({"question": "How many?", "answer": "#### many"}, "a number at the end of `answer`"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, row: dict[str, Any], what: str) -> None:
    with pytest.raises(JobError) as error:
        fresh(tmp_path, [ROWS[0], row])
    assert "words.jsonl:2: " in str(error.value)
    assert what in str(error.value)


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("3 + 4 = 7. The answer is 7.", "7"),
        ("The answer is 7. That is 3 and 4.", "7"),
        ("The answer is $1,200.50 in 3 days\nand 5", "3"),
        ("The answer is: **7**", "7"),
        ("the answer is\n7", "7"),
        ("First, the answer is 3. No: the answer is 4 apples.", "4"),
        ("The answer is unknown. Perhaps 5", "5"),
        ("So 12", "12"),
        ("none", None),
    ],
)
def test_the_number_that_is_scored(tmp_path: Path, said: str, number: str | None) -> None:
    assert number_in(said) == number
    loaded = fresh(tmp_path, problems=1)
    loaded.questions[0].gold = "7"
    verdict = loaded.score(Asked(loaded.questions[0], [Answer.of(said, said, True, False, 5)]))
    assert verdict.score == float(number == "7")
    assert verdict.no_answer == (number is None)
    assert verdict.note == {None: "no number", "7": None}.get(number, "another answer")
