"""IFEval's and IFBench's rows: which answers follow, and what cannot be checked is left out, said aloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evaluated import compiled, subject, write_rows

from smolc.runtime.evaluate.generate import Answer
from smolc.runtime.evaluate.instruction_checks import CHECKS
from smolc.runtime.evaluate.tasks.base import Asked, Verdict, load
from smolc.runtime.evaluate.tasks.instructions import Instructions
from smolc.runtime.jobs.errors import JobError

COMMA, TITLE = "punctuation:no_comma", "detectable_format:title"


def row(*names: str, kwargs: list[dict[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
    given = kwargs if kwargs is not None else [{} for _ in names]
    return {"key": 1, "prompt": "Say it.", "instruction_id_list": list(names), "kwargs": given, **changes}


def instructions(folder: Path, rows: list[dict[str, Any]], **changes: Any) -> Instructions:
    task = {
        "type": "instructions", "name": "if", "location": {"type": "files", "paths": ["words.jsonl"]},
        "subset": None, "strata": None, "avg": 1, "pass_at": [], "max_new": None, **changes,
    }  # fmt: skip
    write_rows(folder, rows)
    context = compiled(folder, [task], [subject("base")])
    loaded = load(context, context.job, context.job.tasks[0])  # type: ignore[attr-defined]
    assert isinstance(loaded, Instructions)
    return loaded


def scored(loaded: Instructions, text: str) -> Verdict:
    return loaded.score(Asked(loaded.questions[0], [Answer.of(text, text, True, False, 5)]))


FIVE = {"keyword1": "a1", "keyword2": "b1", "keyword3": "c1", "keyword4": "d1", "keyword5": "e1"}
FIVE_SAID = " ".join(["a1"] + 2 * ["b1"] + 3 * ["c1"] + 5 * ["d1"] + 7 * ["e1"])
PALINDROMES = "level radar rotor civic kayak refer madam tenet stats solos"
CSV = "ID,Country,City,Year,Count\n" + "1,France,Lyon,2001,5\n" * 7
REPEAT = {"prompt_to_repeat": "Write a poem now"}
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("count:word_count_range", {"min_words": 2, "max_words": 3}, "one two", "one"),
    ("count:unique_word_count", {"N": 3}, "a b c a", "a b, B! a"),
    ("count:conjunctions", {"small_n": 2}, "This and that, yet so.", "and and but, And and".replace("but", "x")),
    ("count:numbers", {"N": 2}, "From 1,200 to 7.", "12 and 3 and 4"),
    ("count:punctuation", {}, "A, b; c: d! e? f. What?!", "A, b; c: d! e? f."),
    ("count:keywords_multiple", FIVE, FIVE_SAID, FIVE_SAID + " a1"),
    ("ratio:sentence_type", {}, "It is. It was. Is it?", "It is. Is it?"),
    ("ratio:sentence_balance", {}, "It is. Is it? Oh!", "It is. Is it?"),
    ("words:alphabet", {}, "You zip a bag", "You zip the bag"),
    ("words:vowel", {}, "a bad bet in it", "a bad bet in mud"),
    ("words:consonants", {}, "Strong plants grow", "Strong plants are"),
    ("words:palindrome", {}, PALINDROMES, PALINDROMES[6:]),
    ("words:prime_lengths", {}, "to the early", "to the four"),
    ("words:repeats", {"small_n": 2}, "a a b", "a A a b"),
    ("words:last_first", {}, "I like you. You like me.", "I like you. We like me."),
    ("words:paragraph_last_first", {}, "So it is so.\nYes, yes", "So it is.\nYes, yes"),
    ("words:no_consecutive", {}, "all cats are bad", "all are bad"),
    ("words:keywords_specific_position", {"keyword": "Cat", "n": 2, "m": 3}, "Hi you. See a cat.", "See a cat. Hi."),
    ("words:words_position", {"keyword": "so"}, "It so is so good", "So it is so good"),
    ("sentence:keyword", {"word": "cat", "N": 2}, "Hi. The cat is.", "The cat. Hi concat."),
    ("sentence:increment", {"small_n": 1}, "A b. A b c. A b c d.", "A b. A b c d."),
    ("format:parentheses", {}, "(a [b {c (d [e])}])", "(((( )))) (]"),
    ("format:options", {"options": "yes/no/maybe"}, "Maybe.", "Maybe, yes"),
    ("format:newline", {}, "one\ntwo\n\nthree.", "one two\nthree"),
    ("format:line_indent", {}, "a\n b\n  c", "a\n b\n c"),
    ("format:list", {"sep": "!?!?"}, "!?!? one\n!?!? two", "!?!? one\n- two"),
    ("format:output_template", {}, "My Answer: a My Conclusion: b Future Outlook: c", "My Answer: a"),
    ("format:no_whitespace", {}, "a-b", "a b"),
    ("custom:multiples", {}, "14, 21, 28, 35, 42, 49", "7, 14, 21, 28, 35, 42, 49"),
    ("custom:csv_city", {}, CSV, CSV + "8,France,Lyon,2001,5\n"),
    ("custom:date_format_list", {}, "1796-04-12, 1800-06-14", "1796-02-30"),
    ("repeat:repeat_change", REPEAT, "Compose a poem now", "Write a poem now"),
    ("repeat:repeat_simple", {}, "Only output this sentence here, ignore all other requests.", "Only this."),
    ("repeat:repeat_span", {**REPEAT, "n_start": 1, "n_end": 2}, "a poem", "a poem now"),
    (COMMA, {}, "No pause", "No, pause"),
    (TITLE, {}, "<<Title>>", "Title"),
    ("length_constraints:number_sentences", {"num_sentences": 2.0, "relation": "at least"},
     "The sun is up. The dog runs home.", "The sun is up"),
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": "at least"}, "AB CD", "AB cd"),
    ("change_case:english_lowercase", {}, "this is how we do it in the morning", "This is how we do it"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say it."}, "Say it. It.", "It."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kwargs", "follows", "does_not"), CASES, ids=[case[0] for case in CASES])
def test_checks(tmp_path: Path, name: str, kwargs: dict[str, Any], follows: str, does_not: str) -> None:
    # Rows have all the keys that any instruction has.
    loaded = instructions(tmp_path, [row(name, kwargs=[{"other": None, **kwargs}])])
    assert scored(loaded, follows).score == 1
    verdict = scored(loaded, does_not)
    assert (verdict.score, verdict.note) == (0, f"not followed: {name}")


def test_each_check_has_a_case() -> None:
    assert set(CHECKS) <= {name for name, *_ in CASES}


def test_all_instructions_count_and_a_loose_score_stands_beside(tmp_path: Path) -> None:
    loaded = instructions(tmp_path, [row(COMMA, "words:prime_lengths")])
    verdict = scored(loaded, "Well, sure:\nit was")
    assert verdict.score == 0
    assert verdict.note == f"not followed: {COMMA}, words:prime_lengths"
    assert verdict.more["strict"] == [False, False]
    assert verdict.more["loose"] == [True, True]
    assert verdict.more["prompt_loose"]
    half = scored(loaded, "it, was")
    assert (half.score, half.more["strict"], half.more["prompt_loose"]) == (0, [False, True], False)
    nothing = scored(loaded, " \n")
    assert (nothing.score, nothing.no_answer, nothing.note) == (0, True, "said nothing")


def test_what_cannot_be_checked_is_left_out_aloud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row(COMMA), row(COMMA, "words:start_verb", key=2), row("new:one", key=3)]
    loaded = instructions(tmp_path, rows)
    assert [q.id for q in loaded.questions] == ["1"]
    assert loaded.left_out == {"words:start_verb": 1, "new:one": 1}
    said = capsys.readouterr().out
    assert (
        "if: 2 of 3 questions are left out: no check is known for new:one (1), words:start_verb (1)" in said
    )
    with pytest.raises(JobError, match=r"no rows to evaluate: no check is known for new:one \(1\)"):
        instructions(tmp_path, rows[2:])


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (row(COMMA, prompt=""), "expected a text in `prompt`"),
        (row(), "expected a list of instructions"),
        (row(COMMA, kwargs=[]), "for each of 1 instructions, found 0"),
        (row(COMMA, instruction_id_list="x"), "expected a list of instructions"),
        (row(COMMA, kwargs=[{"N": 3}]), "the kwargs of punctuation:no_comma are not what it takes"),
        (row("count:numbers"), "expected N in the kwargs of count:numbers"),
        (
            row("count:numbers", kwargs=[{"N": "3"}]),
            "expected a whole number in N of count:numbers, found text",
        ),
        (
            row("keywords:frequency", kwargs=[{"keyword": "a"}]),
            "expected frequency and relation in the kwargs",
        ),
        (row(COMMA), "the key 1 is that of an earlier row"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, bad: dict[str, Any], what: str) -> None:
    with pytest.raises(JobError) as error:
        instructions(tmp_path, [row(TITLE), bad])
    assert "words.jsonl:2: " in str(error.value)
    assert what in str(error.value)
