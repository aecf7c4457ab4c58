"""Which rows a filter keeps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from smolc.runtime.data.filters import Measures, keeps, needs_measures, written
from smolc.runtime.data.rows import RowError
from smolc.runtime.jobs.prepare import Filter

SHORT = {"measure": "length", "operator": "<", "value": 8192}
LONG = Measures(length=9000, trained=10, turns=2)
BRIEF = Measures(length=100, trained=10, turns=2)


def is_(column: str, value: Any, operator: str = "==") -> dict[str, Any]:
    return {"column": column, "operator": operator, "value": value}


def tree(filter: Any) -> Any:
    return TypeAdapter(Filter).validate_python(filter)


def kept(value: object, operator: str, wanted: Any) -> bool | None:
    return keeps({"a": {"b": value}}, tree(is_("a.b", wanted, operator)))


@pytest.mark.parametrize(
    ("value", "operator", "wanted", "expected"),
    [
        (3, ">=", 3, True), (3, "<", 2.5, False), (3, "<=", 2, False), ("b", ">", "a", True),
        (True, "==", True, True), (False, "==", True, False), (1, "!=", 2, True), ("en", "==", "de", False),
        # As csv has them.
        ("3", "==", 3, True), ("2.5", "<", 3, True), ("True", "!=", True, False), (" 3 ", ">", 2, True),
        ("9007199254740993", "==", 9007199254740993, True), ("no", "==", False, True), ("1e3", "==", 1000, True),
        # Null is equal to nothing.
        (None, "<", 3, False), ("", ">=", 3, False), (None, ">", "a", False),
        (None, "==", 3, False), (None, "!=", 3, True), (None, "==", "a", False), (None, "!=", True, True),
        ("", "==", 3, False), ("", "!=", False, True), (" ", "!=", 3, True), ("", "==", "", True),
        (None, "in", ("a", 3), False), (None, "not in", ("a",), True),
        ("en", "in", ("en", "de"), True), ("fr", "in", ("en", "de"), False), ("fr", "not in", ("en",), True),
        ("3", "in", (1, 3), True), (3, "not in", (1, 3), False), ("a", "in", (1, "a"), True),
        (True, "in", (1, True), True), ("a", "in", (), False), ("a", "not in", (), True), ("a", "in", "abc", False),
    ],
)  # fmt: skip
def test_comparisons(value: object, operator: str, wanted: Any, expected: bool) -> None:
    assert kept(value, operator, wanted) is expected


@pytest.mark.parametrize(
    ("value", "operator", "wanted"),
    [
        ("x", "==", 3), (3, "==", "3"), (True, "==", 1), (1, "==", True), ([], "==", "a"), ("nan?", "!=", True),
        ({}, "!=", 1), (True, "<", 2), ("a", "==", ("a", "b")),
        ("a", "in", (1, 2)), (1, "not in", ("a", True)), ([], "in", ("a",)),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_the_rows_error(value: object, operator: str, wanted: Any) -> None:
    with pytest.raises(RowError, match=r"expected 'a\.b' to compare with .*, found "):
        kept(value, operator, wanted)


def test_a_column_that_is_not_there_is_the_rows_error() -> None:
    with pytest.raises(RowError, match="expected a column 'lang', found only 'm'"):
        keeps({"m": 1}, tree(is_("lang", "en")))


ENGLISH, GERMAN = {"lang": "en"}, {"lang": "de"}
IS_ENGLISH = is_("lang", "en")


@pytest.mark.parametrize(
    ("filter", "data", "measures", "expected"),
    [
        (SHORT, ENGLISH, None, None), (SHORT, ENGLISH, BRIEF, True), (SHORT, ENGLISH, LONG, False),
        ({"measure": "turns", "operator": "==", "value": 2}, {}, LONG, True),
        ({"measure": "trained", "operator": ">", "value": 10.5}, {}, LONG, False),
        ({"all": [SHORT, IS_ENGLISH]}, GERMAN, None, False), ({"all": [IS_ENGLISH, SHORT]}, GERMAN, None, False),
        ({"all": [SHORT, IS_ENGLISH]}, ENGLISH, None, None), ({"all": [SHORT, IS_ENGLISH]}, ENGLISH, LONG, False),
        ({"any": [SHORT, IS_ENGLISH]}, ENGLISH, None, True), ({"any": [SHORT, IS_ENGLISH]}, GERMAN, None, None),
        ({"any": [SHORT, IS_ENGLISH]}, GERMAN, BRIEF, True),
        ({"not": SHORT}, {}, None, None), ({"not": SHORT}, {}, LONG, True), ({"not": IS_ENGLISH}, ENGLISH, None, False),
        ({"all": []}, {}, None, True), ({"any": []}, {}, None, False),
    ],
)  # fmt: skip
def test_three_answers(
    filter: Any, data: dict[str, Any], measures: Measures | None, expected: bool | None
) -> None:
    assert keeps(data, tree(filter), measures) is expected


def test_no_filter_keeps_everything() -> None:
    assert keeps({}, None) is True
    assert not needs_measures(None)


def test_what_cannot_change_the_answer_is_not_looked_at() -> None:
    assert keeps(GERMAN, tree({"all": [IS_ENGLISH, is_("missing", 1)]})) is False
    assert keeps(ENGLISH, tree({"any": [IS_ENGLISH, is_("missing", 1)]})) is True


@pytest.mark.parametrize(
    ("filter", "text"),
    [
        ({"all": [SHORT, IS_ENGLISH]}, 'length < 8192 and lang == "en"'),
        (is_("meta.lang", ("en", "de"), "not in"), 'meta.lang not in ["en", "de"]'),
        (is_("ok", True), "ok == true"), (is_("length", 3), '"length" == 3'), (is_("a.length", 3), "a.length == 3"),
        (is_("two words", 3), '"two words" == 3'), (is_("a.b-c", 3), '"a.b-c" == 3'), (is_("not", 3), '"not" == 3'),
        (is_("x", 'ä"', "!="), 'x != "ä\\""'),
        ({"any": [SHORT, {"all": [IS_ENGLISH, SHORT]}]}, 'length < 8192 or (lang == "en" and length < 8192)'),
        ({"all": [{"any": [IS_ENGLISH, SHORT]}, SHORT]}, '(lang == "en" or length < 8192) and length < 8192'),
        ({"not": IS_ENGLISH}, 'not lang == "en"'),
        ({"not": {"all": [SHORT, IS_ENGLISH]}}, 'not (length < 8192 and lang == "en")'),
        ({"all": [{"not": IS_ENGLISH}, SHORT]}, '(not lang == "en") and length < 8192'),
        ({"all": [{"any": [SHORT]}, IS_ENGLISH]}, 'length < 8192 and lang == "en"'),
        ({"all": []}, "true"), ({"any": []}, "false"), ({"any": [{"all": []}, SHORT]}, "true or length < 8192"),
    ],
)  # fmt: skip
def test_written(filter: Any, text: str) -> None:
    assert written(tree(filter)) == text


LEAVES = st.one_of(
    st.builds(is_, st.sampled_from("ab"), st.integers(0, 2), st.sampled_from(["==", "!=", "<", ">="])),
    st.fixed_dictionaries({
        "measure": st.sampled_from(["length", "trained", "turns"]),
        "operator": st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
        "value": st.integers(0, 2),
    }),
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
)
NUMBER = st.integers(0, 2)


def leaves(filter: Any) -> list[Any]:
    if "not" in filter:
        return leaves(filter["not"])
    parts = filter.get("all", filter.get("any"))
    return [filter] if parts is None else [leaf for part in parts for leaf in leaves(part)]


@given(TREES, st.fixed_dictionaries({"a": NUMBER, "b": NUMBER}), NUMBER, NUMBER, NUMBER)
def test_as_python_evaluates_what_is_written(
    filter: Any, data: dict[str, int], length: int, trained: int, turns: int
) -> None:
    parsed = tree(filter)
    measures = {"length": length, "trained": trained, "turns": turns}
    names = {**data, **measures, "true": True, "false": False}
    meant = eval(written(parsed), {"__builtins__": {}}, names)  # noqa: S307
    assert keeps(data, parsed, Measures(**measures)) is meant
    assert needs_measures(parsed) is any("measure" in leaf for leaf in leaves(filter))
    early = keeps(data, parsed)
    assert early is meant or (early is None and needs_measures(parsed))


@given(TREES, st.fixed_dictionaries({"a": NUMBER, "b": NUMBER}))
def test_what_is_decided_without_measures_is_so_under_all_of_them(filter: Any, data: dict[str, int]) -> None:
    parsed = tree(filter)
    early = keeps(data, parsed)
    if early is None:
        assert needs_measures(parsed)
        return
    for length in range(4):
        for turns in range(4):
            assert keeps(data, parsed, Measures(length, 1, turns)) is early
