"""Values and sections as text, wherever they come from."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smolc.compiler.diagnostics import Source, Span
from smolc.compiler.format import canonical, print_section, print_value
from smolc.compiler.resolve import resolve
from smolc.compiler.syntax import parse_value, tree
from smolc.compiler.syntax.units import COUNTS

NOWHERE = Span(Source("nowhere", "something else"), 0, 9)
ELSEWHERE = Span(Source("nowhere", "7seq"), 0, 4)

FLAT = """\
recipe "r" {
  seed = 1
}

stage s {
  init           = m
  schedule       = cosine(a = 1)
  schedule.b.c   = 2
  optim.lr       = 1e-4
  packing.length = 4Ki
  sweep {
    optim.lr = [1, 2]
    pick     = min(eval_loss)
  }
}

eval e {
  expect {
    s.a >= 1 - 2% + 3
  }
  task t {
    rows = 3
  }
}
"""

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True).filter(
    lambda n: n not in ("true", "false", "True", "False", "TRUE", "FALSE", "None", "null", "NULL", "nil")
)
idents = names.map(lambda n: tree.Ident(n, NOWHERE))
keys = st.one_of(idents, st.text(max_size=8).map(lambda t: tree.Ident(t, NOWHERE, True)))
whole = st.integers(0, 10**17)
fraction = st.floats(1e-90, 1e17)
numbers = st.one_of(
    st.tuples(st.one_of(whole, fraction), st.sampled_from([None, *COUNTS])),
    st.tuples(st.integers(0, 10**6).map(lambda n: n / 10_000), st.just("%")),
    st.tuples(whole.map(lambda n: n // 100), st.just("s")),
    st.tuples(st.integers(0, 10**13), st.just("B")),
)
signed = st.tuples(numbers, st.sampled_from([1, -1]), st.sampled_from([NOWHERE, ELSEWHERE]))
leaves = st.one_of(
    signed.map(lambda n: tree.Number(n[0][0] * n[1], n[0][1], n[2])),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(lambda t: tree.Text(t, NOWHERE)),
    st.booleans().map(lambda b: tree.Bool(b, NOWHERE)),
    st.tuples(idents, st.lists(keys, max_size=2)).map(
        lambda p: tree.Ref(tree.Path((p[0], *p[1]), NOWHERE), NOWHERE)
    ),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda v: tree.List(tuple(v), NOWHERE)),
        st.tuples(idents, st.lists(st.tuples(st.none() | idents, inner), max_size=4)).map(
            lambda c: tree.Call(c[0], tuple(tree.Argument(n, v, NOWHERE) for n, v in c[1]), NOWHERE)
        ),
    ),
    max_leaves=12,
)


def plain(value: object) -> object:
    """A value without places."""
    match value:
        case tree.Number():
            return type(value.value).__name__, value.value, value.unit
        case tree.Text() | tree.Bool():
            return value.value
        case tree.Ref():
            return [(part.text, part.quoted) for part in value.path.parts]
        case tree.List():
            return [plain(item) for item in value.items]
        case tree.Call():
            return value.name.text, [(a.name and a.name.text, plain(a.value)) for a in value.arguments]
    raise AssertionError(value)


@settings(max_examples=250, deadline=None)
@given(values)
def test_what_is_printed_is_read_as_the_same(value: tree.Value) -> None:
    text = print_value(value)
    assert "\n" not in text
    read, found = parse_value(Source("x", text))
    assert found == [] and read is not None, text
    assert plain(read) == plain(value), text


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("64Ki", "64Ki"),
        ("- 2e-5", "-2e-5"),
        ('"a\\u{41}"', '"a\\u{41}"'),
        ('"""\n  a\n    b\n  """', '"a\\n  b\\n"'),
        ("f( a,# c\n b = [ 1 , 2,],)", "f(a, b = [1, 2])"),
        ('x."a b".c', 'x."a b".c'),
    ],
)
def test_spelling_is_kept(written: str, printed: str) -> None:
    value, found = parse_value(Source("x", written))
    assert value is not None and not found
    assert print_value(value) == printed


@pytest.mark.parametrize(
    ("value", "unit", "printed"),
    [
        (0.03, "%", "3%"),
        (1.0, "%", "100%"),
        (80 * 2**30, "B", "80GiB"),
        (1500, "B", "1.46484375KiB"),
        (5400, "s", "5400s"),
        (1500000, "tok", "1500000tok"),
        (2e-05, None, "2e-05"),
        (-3, "epoch", "-3epoch"),
    ],
)
def test_numbers_that_nobody_wrote(value: float, unit: str | None, printed: str) -> None:
    assert print_value(tree.Number(value, unit, NOWHERE)) == printed


def test_a_constructor_without_a_name_has_no_text() -> None:
    with pytest.raises(ValueError, match="without a name"):
        print_value(tree.Call(tree.Ident("", NOWHERE), (), NOWHERE))


def test_sections_after_overrides(tmp_path: Path) -> None:
    (tmp_path / "base.recipe").write_text(
        'recipe "r" { seed = 1 }\nstage s {\n  init = m\n  sweep { optim.lr = [1, 2]; pick = min(eval_loss) }\n}\n'
        "eval e {\n  expect { s.a >= 1 - 2% + 3 }\n  task t { rows = 2 }\n}\n"
    )
    (tmp_path / "a.recipe").write_text(
        'extends "base.recipe"\ns.optim.lr = 1e-4\nstage s { schedule = cosine(a = 1) }\ns.schedule.b.c = 2\n'
    )
    overrides = ("s.packing.length = 4Ki", "e.task.t.rows = 3")
    resolved, found = resolve(tmp_path / "a.recipe", overrides)
    assert resolved is not None and not found
    made = canonical("\n".join(map(print_section, resolved.sections)))
    assert made == FLAT
    (tmp_path / "flat.recipe").write_text(made)
    again, found = resolve(tmp_path / "flat.recipe")
    assert again is not None and not found
    assert "\n".join(map(print_section, again.sections)) == "\n".join(map(print_section, resolved.sections))
