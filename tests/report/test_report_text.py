from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolc.runtime.report.outputs import log_tail, number, read_lines, read_object
from smolc.runtime.report.text import clean, count, decimal, duration, percent, setting, shorten


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (41.2, "41 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7600, "2 h 07 min"),
    ],
)
def test_duration(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_numbers() -> None:
    assert [count(n) for n in (0, 950, 12_400, 1_250_000, 3.4e9, 2.5)] == [
        "0",
        "950",
        "12,400",
        "1.25M",
        "3.4B",
        "2.5",
    ]
    assert [decimal(n) for n in (None, 0.12345, 12.345, 1e-5, float("nan"))] == [
        "–",
        "0.1235",
        "12.35",
        "1e-5",
        "nan",
    ]
    assert [setting(v) for v in (1e-3, 0.05, 2e-5, 64, True, "cosine", 1.0)] == [
        *("1e-3", "0.05", "2e-5", "64", "true", "cosine", "1")
    ]
    assert percent(0.934) == "93.4%"
    assert shorten("abcdef" * 9, 3) == "abc … (51 more characters)"
    assert shorten("it ran away", 10) == "it ran away"


@given(st.text())
def test_clean_text_cannot_act_on_a_terminal(text: str) -> None:
    left = {unicodedata.category(c) for c in clean(text) if c not in "\u200c\u200d"}
    assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert clean(clean(text)) == clean(text)


def test_terminal_sequences_go() -> None:
    assert clean("\x1b[31mred\x1b[0m \x1b]0;title\x07x \x1b]8;;http://a\x1b\\link") == "red x link"
    assert clean("a\tb\nc") == "a b c"
    assert clean("a\tb\r\nc", lines=True) == "a\tb\nc"
    assert clean("gpj\u202e.exe") == "gpj\N{REPLACEMENT CHARACTER}.exe"


def test_log_tail(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    assert log_tail(log) == []
    log.write_text("10%\r50%\r100%\n\n" + "\n".join(f"line {i}" for i in range(20)))
    assert log_tail(log, 3) == ["line 17", "line 18", "line 19"]
    assert log_tail(log, 99)[0] == "100%"
    log.write_text("step 1\nerror: no\n  more of it\nhelp: yes\nnoise\nerror: no\n")
    assert log_tail(log) == ["error: no", "  more of it", "help: yes"]


def test_reading_what_is_not_there_or_half_written(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    assert read_object(path) == {}
    for content in ("", "[1]", "{", "\x00"):
        path.write_text(content)
        assert read_object(path) == {}
    path.write_text('{"a": 1}\n[2]\nnot json\n{"a": 3}\n{"a":')
    assert [row["a"] for row in read_lines(path)] == [1, 3]
    assert [number(json.loads(v)) for v in ("1", "true", '"1"', "NaN", "null", "1e999")] == [1.0, *[None] * 5]
