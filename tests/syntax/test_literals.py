from __future__ import annotations

import pytest

from smolc.compiler.syntax.strings import unescape
from smolc.compiler.syntax.units import MEASURES, UNITS, Problem, read_number


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("0", 0, None),
        ("42", 42, None),
        ("10_000", 10_000, None),
        ("2e-5", 2e-5, None),
        ("0.1", 0.1, None),
        ("1.0", 1.0, None),
        ("64Ki", 65536, None),
        ("1k", 1000, None),
        ("3B", 3 * 10**9, None),
        ("2T", 2 * 10**12, None),
        ("1Mi", 2**20, None),
        ("1Gi", 2**30, None),
        ("3%", 0.03, "%"),
        ("100%", 1.0, "%"),
        ("0.1%", 0.001, "%"),
        ("128seq", 128, "seq"),
        ("1.5Mtok", 1_500_000, "tok"),
        ("4Kitok", 4096, "tok"),
        ("4epoch", 4, "epoch"),
        ("0.5epoch", 0.5, "epoch"),
        ("90min", 5400, "s"),
        ("1.5h", 5400, "s"),
        ("30s", 30, "s"),
        ("80GiB", 80 * 2**30, "B"),
        ("1.5KiB", 1536, "B"),
        ("1kstep", 1000, "step"),
        ("1.5k", 1500, None),
    ],
)
def test_numbers(text: str, value: float, unit: str | None) -> None:
    read = read_number(text)
    assert read == (value, unit)
    assert not isinstance(read, Problem)
    assert type(read[0]) is type(value)


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("4K", "4k"),
        ("4KB", "4KiB"),
        ("7b", "7B"),
        ("64ki", "64Ki"),
        ("4Ktok", "4ktok"),
        ("4epochs", "4epoch"),
        ("8tokens", "8tok"),
        ("8Mtokens", "8Mtok"),
        ("2hours", "2h"),
        ("5mins", "5min"),
        ("3steps", "3step"),
        ("3sqe", "3seq"),
        ("80gib", "80GiB"),
        ("1e999", None),
        ("9" * 41, None),
        ("1e-999999999", None),
        ("4foo", None),
        ("1.2.3", None),
        ("1__0", None),
        ("10_", None),
        ("4%%", None),
        ("4Kimin", None),
        ("1" * 9999, None),
        ("0x10", None),
    ],
)
def test_numbers_that_are_none(text: str, instead: str | None) -> None:
    problem = read_number(text)
    assert isinstance(problem, Problem)
    assert problem.instead == instead
    assert len(problem.message + problem.help) < 300


def test_every_unit_is_read() -> None:
    for unit in UNITS:
        read = read_number(f"1{unit}")
        assert not isinstance(read, Problem)
        assert read[1] == (MEASURES[unit][0] if unit in MEASURES else unit)


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ('""', ""),
        (r'"a\"b\\c\nd\te"', 'a"b\\c\nd\te'),
        (r'"\u{1F600}\u{e9}"', "😀é"),
        ('"""one"""', "one"),
        ('"""\n  a\n    b\n  """', "a\n  b\n"),
        ('"""\n    a\n  """', "  a\n"),
        ('"""\n  a\n  b"""', "a\nb"),
        ('"""\n"""', ""),
        ('"""a "quoted" b"""', 'a "quoted" b'),
        ('"""\n  a\\n  b\n  """', "a\n  b\n"),
    ],
)
def test_strings(literal: str, value: str) -> None:
    assert unescape(literal) == (value, [])


@pytest.mark.parametrize(
    "escape", [r"\q", r"\u{}", r"\u{110000}", r"\u{d800}", r"\u41", r"\u{1234567}", r"\x41"]
)
def test_bad_escapes_are_kept_and_told(escape: str) -> None:
    value, [(offset, length, _, _)] = unescape(f'"ab{escape}"')
    assert value == "ab" + escape
    assert offset == 3
    assert escape.startswith(f"ab{escape}"[2 : 2 + length])
