"""Which rows are kept out."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolc.runtime.data.formats import Chat, Example, Pair, Text
from smolc.runtime.data.holdout import groups_of, hold_out, key_of
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import Holdout


def held_of(keys: list[list[bytes]], rows: int | None, fraction: float | None = None) -> list[list[bool]]:
    arrays = [
        np.frombuffer(b"".join(k.ljust(16) for k in part), dtype=np.uint8).reshape(-1, 16) for part in keys
    ]
    names = [str(i) for i in range(len(keys))]
    return [
        part.tolist() for part in hold_out(groups_of(arrays), names, Holdout(fraction=fraction, rows=rows), 3)
    ]


@given(
    st.lists(st.lists(st.integers(0, 300), min_size=20, max_size=80), min_size=1, max_size=3),
    st.integers(1, 15),
)
def test_equal_rows_are_on_one_side_and_no_more_are_held_out_than_asked(
    parts: list[list[int]], rows: int
) -> None:
    keys = [[str(number).encode() for number in part] for part in parts]
    try:
        held = held_of(keys, rows)
    except JobError:
        # Nothing fits: no row is unique within a source's part of the holdout.
        return
    sides: dict[bytes, bool] = {}
    for part, flags in zip(keys, held, strict=True):
        for key, flag in zip(part, flags, strict=True):
            assert sides.setdefault(key, flag) is flag
    assert 0 < sum(map(sum, held)) <= rows + len(parts)


def test_unique_rows_are_held_out_in_proportion() -> None:
    keys = [[f"{source}{row}".encode() for row in range(size)] for source, size in enumerate((100, 300))]
    assert [sum(flags) for flags in held_of(keys, 20)] == [5, 15]
    assert [sum(flags) for flags in held_of(keys, None, 0.1)] == [10, 30]
    assert held_of(keys, 20) == held_of(keys, 20)


def test_a_holdout_of_everything_or_nothing_is_an_error() -> None:
    with pytest.raises(JobError, match="leaves nothing to train on"):
        held_of([[b"a", b"b"]], 2)
    with pytest.raises(JobError, match="is empty"):
        held_of([[b"a", b"a", b"b", b"b"]], 1)


def said(*texts: str, **more: object) -> Chat:
    messages = [
        {"role": role, "content": text} for role, text in zip(("user", "assistant"), texts, strict=False)
    ]
    return Chat([*messages[:-1], {**messages[-1], **more}], 1, None, {})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello  World\n", "hello world"), ("\t\r\n a", "a "), ("a\x0b\x0c\x1c\x1fb", "a b"), ("", " \n"),
        # Spaces beyond ASCII: no-break, ideographic, next line, ogham, line and paragraph separator.
        ("a\xa0b", "a b"), ("a\u3000 b", "a b"), ("a\x85b", "a b"), ("a\u1680b", "a b"), ("a\u2028\u2029b", "a b"),
        # Case and forms: sharp s, sigma, composed and not, ligature, full width, dotted I.
        ("STRASSE", "straße"), ("ΣΑΣ", "σας"), ("\u00c9", "e\u0301"), ("ﬁne", "fine"), ("ＡＢＣ １", "abc 1"),
        ("İ", "i\u0307"), ("H\u0331", "\u1e96"),
    ],
)  # fmt: skip
def test_keys_ignore_case_spaces_and_forms(one: str, other: str) -> None:
    assert key_of(said(one, "ok")) == key_of(said(other, "ok"))
    assert key_of(Text(one)) == key_of(Text(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("hello world", "hello worlds"), ("1 2", "12"), ("à", "a"), ("ą", "\u0105\u0105"), ("Ѕ", "S"), ("a\x00", "a"),
        ("\u0160", "\u01a0"), ("\ud800", "?"),
    ],
)  # fmt: skip
def test_other_words_have_other_keys(one: str, other: str) -> None:
    assert key_of(said(one, "ok")) != key_of(said(other, "ok"))
    assert key_of(Text(one)) != key_of(Text(other))


def test_who_says_what_and_calls_what_is_in_the_key() -> None:
    def calls(name: str) -> list[dict[str, object]]:
        return [{"type": "function", "function": {"name": name, "arguments": {}}}]

    examples: list[Example] = [
        said("a", "b"), said("a b"), said("ab", ""), said("", "ab"), Text("ab"), Text("a b"),
        said("a", "b", role="user"), said("a", "b", tool_calls=calls("f")), said("a", "b", tool_calls=calls("g")),
    ]  # fmt: skip
    assert len({key_of(example) for example in examples}) == len(examples)


TEXTS = st.text(
    st.one_of(st.characters(), st.sampled_from(" \t\n\x1c\x85\xa0\u2028\u3000aAsSſßİiǰJ\u030c\u0345ﬁ"))
)


@given(TEXTS, TEXTS)
def test_keys_are_those_of_the_obvious_normal_form(one: str, other: str) -> None:
    def plain(text: str) -> str:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        return " ".join(folded.split())

    for text in (other, plain(one), one.upper(), f" {one}\n"):
        assert (key_of(Text(one)) == key_of(Text(text))) is (plain(one) == plain(text))


def test_pairs_are_told_apart_by_their_prompts() -> None:
    prompt = [{"role": "user", "content": "q"}]
    answers = [[{"role": "assistant", "content": text}] for text in "abc"]
    assert key_of(Pair(prompt, answers[0], answers[1])) == key_of(Pair(prompt, answers[0], answers[2]))
