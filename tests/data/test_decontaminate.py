"""Rows that share words in a row with the evals."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smolc.runtime.data import decontaminate, grams
from smolc.runtime.data.decontaminate import Hit, Index, report
from smolc.runtime.data.grams import bare_words

GSM8K = Path(__file__).parents[3] / "shared" / "data" / "gsm8k"
needs_gsm8k = pytest.mark.skipif(not GSM8K.is_dir(), reason="shared/data/gsm8k is not here")

Words = st.lists(st.sampled_from("abcd"), max_size=40)


def index(texts: list[str], n: int) -> Index:
    return Index.build([("eval", str(i), text) for i, text in enumerate(texts)], n)


def shared(text: list[str], other: list[str], n: int) -> bool:
    """The slow, obvious way: of a shorter text all words stand in a row."""
    n = min(n, len(text))
    wanted = {tuple(text[i : i + n]) for i in range(len(text) - n + 1)}
    return any(tuple(other[i : i + n]) in wanted for i in range(len(other) - n + 1))


@given(st.lists(Words, max_size=5), st.lists(Words, max_size=5), st.integers(5, 9))
@example([["a"] * 5], [["a"] * 5], 7)  # a row shorter than n, all of it an eval's
def test_a_row_is_hit_if_and_only_if_it_shares_n_words(
    evals: list[list[str]], rows: list[list[str]], n: int
) -> None:
    made = index([" ".join(text) for text in evals], n)
    assert made.ignored == sum(len(text) < 5 for text in evals)
    for row in rows:
        expected = any(len(text) >= 5 and shared(text, row, n) for text in evals)
        hits = made.hits(" ".join(row))
        assert bool(hits) is expected
        for hit in hits:
            assert shared(evals[int(hit.place)], row, n)
            assert f" {hit.words} " in f" {' '.join(row)} "


def test_long_rows_are_looked_through_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = [f"w{i}" for i in range(13)]
    made = index([" ".join(problem), "five words that are short"], 13)
    monkeypatch.setattr(decontaminate, "BLOCK", 40)
    monkeypatch.setattr(grams, "BLOCK", 40)
    for before in range(120):
        row = ["said"] * before + problem + ["said"] * 7
        assert made.hits(" ".join(row)) == [Hit("eval", "0", " ".join(problem))]
        row = ["said"] * before + ["five", "words", "that", "are", "short"] + ["said"] * 7
        assert made.hits(" ".join(row)) == [Hit("eval", "1", "five words that are short")]
    # A long eval text, too.
    long = [f"w{i}" for i in range(200)]
    made = index([" ".join(long)], 13)
    assert all(made.hits(" ".join(long[at : at + 13])) for at in range(188))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("How many  Eggs\ndoes she sell?", "Q: how many eggs does she sell"),
        ("Janet’s ducks don't lay, do they?", "janet's ducks don’t lay -- do they"),
        ("Wie groß ist die Straße heute?", "WIE GROSS IST DIE STRASSE HEUTE"),
        ("the ﬁrst ﬁve words of it", "The first five words of it."),
        ("16-3=13 and 2*7=14", "16 - 3 = 13 and 2 * 7 = 14"),
        ("今日は天気がいい", "「今日は、天気がいい」と言った"),
    ],
)
def test_case_punctuation_and_forms_of_characters_hide_nothing(asked: str, said: str) -> None:
    assert index([asked], 5).hits(said)
    assert not index([asked], 5).hits("something else that nobody has ever asked")


def test_one_hit_for_each_problem_with_its_words() -> None:
    texts = ["a b c d e f g", "h i j k l m", "x a b c d e"]
    made = index(texts, 5)
    hits = made.hits("say h i j k l and a b c d e f! And h i j k l again")
    assert hits == [Hit("eval", "1", "h i j k l"), Hit("eval", "0", "a b c d e f")]
    long = " ".join(f"w{i}" for i in range(60))
    (hit,) = index([long], 13).hits(long)
    assert hit.words == " ".join(f"w{i}" for i in range(40)) + " ..."


def test_each_eval_that_has_the_words_is_named() -> None:
    made = Index.build(
        [(name, "1", text) for name in ("one", "other") for text in ("a b c d e f", "g h i j k")], 6
    )
    assert [hit.eval for hit in made.hits("so a b c d e f")] == ["one", "other"]
    assert [hit.eval for hit in made.hits("so g h i j k")] == ["one", "other"]


def test_what_an_eval_says_everywhere_is_not_looked_for() -> None:
    wording = "answer with the letter of the right choice"
    texts = [f"question {i} is about thing {i} and thing {i + 1}? {wording}" for i in range(8)]
    made = index(texts, 6)
    assert made.common == 3
    assert not made.hits(f"Please, {wording}!")
    assert made.hits(texts[3])
    # In a few texts it may be a passage that they ask about; the same text again counts once.
    assert index(texts[:5], 6).hits(wording)
    assert index(texts[:1] * 50, 6).hits(wording)


def test_another_process_gets_the_same_index() -> None:
    made = index(["a b c d e f g h", "i j k l m"], 6)
    again: Index = pickle.loads(pickle.dumps(made))
    for text in ("so a b c d e f", "i j k l m n", "nothing of the kind in here"):
        assert again.hits(text) == made.hits(text)


def test_an_index_of_nothing_hits_nothing() -> None:
    made = index(["too short"], 13)
    assert (made.texts, made.ignored) == (1, 1)
    assert made.hits("too short " * 20) == []
    assert index([], 5).hits("a b c d e f") == []


def test_the_report_counts_rows_and_shows_the_first() -> None:
    made = index(["a b c d e"], 5)
    hit = Hit("maths", "test.jsonl:3", "a b c d e")
    hits = [(f"train.jsonl:{i}", hit) for i in range(1, 31)]
    hits += [("other.jsonl:1", hit), ("other.jsonl:1", hit._replace(place="test.jsonl:4"))]
    hits += [("other.jsonl:1", hit._replace(eval="code"))]
    told = json.loads(json.dumps(report(made, hits)))
    assert (told["ngram"], told["texts"], told["ignored"], told["rows"]) == (5, 1, 0, 31)
    assert {name: about["rows"] for name, about in told["evals"].items()} == {"maths": 31, "code": 1}
    assert len(told["evals"]["maths"]["shown"]) == 20
    assert told["evals"]["maths"]["shown"][0] == {
        "row": "train.jsonl:1", "eval": "test.jsonl:3", "words": "a b c d e"
    }  # fmt: skip


@needs_gsm8k
def test_answers_to_test_problems_are_found() -> None:
    """Answers of models to GSM8K's test problems, against these problems; and the training problems, which are others."""
    lines = (GSM8K / "example_model_solutions.jsonl").read_text(encoding="utf-8").splitlines()
    problems = [json.loads(line) for line in lines]
    made = Index.build([("gsm8k", str(i), row["question"]) for i, row in enumerate(problems)], 13)
    for i, row in enumerate(problems):
        hits = made.hits(f"{row['question']}\n{row['175b_verification']['solution']}")
        if len(bare_words(row["question"])) >= 5:
            assert str(i) in [hit.place for hit in hits]
    train = [json.loads(line) for line in (GSM8K / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    hit = sum(bool(made.hits(f"{row['question']}\n{row['answer']}")) for row in train)
    assert 0 < hit <= 0.002 * len(train)
