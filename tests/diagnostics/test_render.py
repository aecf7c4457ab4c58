from __future__ import annotations

import json

from smolc.compiler.diagnostics import Diagnostic, Edit, Label, Severity, Source, Span
from smolc.compiler.diagnostics.render import render_concise, render_full, render_json, render_summary
from smolc.compiler.diagnostics.types import Refused


def span(source: Source, words: str) -> Span:
    start = source.text.index(words)
    return Span(source, start, start + len(words))


def finding(place: Span | None, **more: object) -> Diagnostic:
    return Diagnostic("T102", "some-name", Severity.ERROR, "it is wrong", place, **more)  # type: ignore[arg-type]


def carets(text: str) -> tuple[str, str]:
    """The first excerpt line and the row under it."""
    rows = text.split("\n")
    at = next(i for i, row in enumerate(rows) if "^" in row)
    return rows[at - 1], rows[at]


def test_a_refusal_does_not_drive_the_terminal() -> None:
    assert str(Refused("no rule `a\x1b[31mb`\nno `\u202e`")) == "no rule `a\\x1b[31mb`\nno `\\u{202e}`"


def test_full_has_the_shape_of_rustc() -> None:
    a = Source("a.recipe", "smolc 1\n\nstage sft {\n  init = bas\n}\nmodel base {\n}\n")
    b = Source("dir/b.recipe", "model bass {\n}\n")
    found = finding(
        span(a, "bas"),
        labels=(Label(span(a, "stage sft"), "in this stage"), Label(span(b, "bass"), "this is near")),
        notes=("names are looked up\nin all files",),
        help="write `base`",
    )
    assert render_full([found]) == (
        "error[T102 some-name]: it is wrong\n"
        " --> a.recipe:4:10\n"
        "  |\n"
        "3 | stage sft {\n"
        "  | --------- in this stage\n"
        "4 |   init = bas\n"
        "  |          ^^^\n"
        " ::: dir/b.recipe:1:7\n"
        "  |\n"
        "1 | model bass {\n"
        "  |       ---- this is near\n"
        "  = note: names are looked up\n"
        "          in all files\n"
        "  = help: write `base`\n"
    )


def test_marks_of_one_line_share_a_row() -> None:
    source = Source("a", "x = f(1, 2)\n")
    labels = (Label(span(source, "x"), "given here"), Label(span(source, "2"), "second"))
    rows = render_full([finding(span(source, "f"), labels=labels)]).split("\n")
    assert rows[3:7] == ["1 | x = f(1, 2)", "  | -   ^    - second", "  | given here", ""]


def test_gutter_is_as_wide_as_the_largest_number_and_gaps_are_told() -> None:
    source = Source("a", "first\n" + "\n" * 120 + "last\n")
    text = render_full([finding(span(source, "last"), labels=(Label(span(source, "first"), "x"),))])
    assert text.split("\n")[1:] == [
        "   --> a:122:1", "    |", "  1 | first", "    | ----- x", "...", "122 | last", "    | ^^^^", "",
    ]  # fmt: skip


def test_carets_stay_aligned_behind_tabs_wide_and_combining_characters() -> None:
    for before, columns in [("\t", 4), ("漢字", 4), ("e\u0301", 1), ("a\tb", 6), ("\x1b", 4)]:
        source = Source("a", f"{before}here\n")
        line, row = carets(render_full([finding(span(source, "here"))]))
        assert row == "  | " + " " * columns + "^^^^", before
        assert line.endswith("here")


def test_long_lines_are_cut_around_the_mark() -> None:
    source = Source("a", "x = [" + "1, " * 500 + "here, " + "2, " * 500 + "]\n")
    line, row = carets(render_full([finding(span(source, "here"))]))
    assert len(line) < 120
    assert line.count("…") == 2
    assert line[row.index("^") : row.rindex("^") + 1] == "here"
    _, row = carets(render_full([finding(Span(source, 0, len(source.text)))]))
    assert len(row) < 120


def test_no_escape_sequence_gets_from_a_recipe_to_the_terminal() -> None:
    evil = "\x1b[31m\u202e\x07\x9b\u200b"
    source = Source(f"n{evil}.recipe", f"x = {evil}\n")
    found = Diagnostic(
        "T1",
        "n",
        Severity.ERROR,
        f"m{evil}",
        span(source, evil),
        (Label(span(source, "x"), evil),),
        (evil,),
        evil,
    )
    for text in [render_full([found]), render_concise([found]), render_json([found])]:
        assert not set(evil.replace("[31m", "")) & set(text)
    assert "\\x1b[31m\\u{202e}\\x07\\x9b\\u{200b}" in render_full([found])
    assert set(render_full([found], color=True).split("\x1b")[1:]) != set()


def test_color_only_adds_styles() -> None:
    import re

    source = Source("a", "x = f(1, 2)\n")
    found = finding(span(source, "f"), labels=(Label(span(source, "2"), "second"),), help="h")
    assert re.sub(r"\x1b\[[0-9;]*m", "", render_full([found], color=True)) == render_full([found])
    assert "\x1b[1;31m^\x1b[0m" in render_full([found], color=True)


def test_sorted_by_file_and_line_and_without_place_first() -> None:
    a, b = Source("a", "1\n2\n3\n"), Source("b", "1\n2\n")
    found = [
        finding(Span(b, 2, 3)),
        finding(Span(a, 4, 5)),
        finding(Span(b, 0, 1)),
        finding(None),
        finding(Span(a, 0, 1)),
    ]
    assert render_concise(found).splitlines() == [
        "error[T102 some-name]: it is wrong",
        "b:1:1: error[T102 some-name]: it is wrong",
        "b:2:1: error[T102 some-name]: it is wrong",
        "a:1:1: error[T102 some-name]: it is wrong",
        "a:3:1: error[T102 some-name]: it is wrong",
    ]


def test_spans_at_every_edge_can_be_shown() -> None:
    for text in ["", "\n", "a", "a\n", "a\n\nb", "a\r\nb\r\n"]:
        source = Source("x", text)
        for start in range(len(text) + 1):
            for end in range(start, len(text) + 1):
                assert "^" in render_full([finding(Span(source, start, end))])


def test_json() -> None:
    source = Source("a", "x = 1\ny = 2\n")
    place = span(source, "y")
    found = finding(place, help="h", edits=(Edit(place, "z", safe=True),))
    [entry] = json.loads(render_json([found]))
    where = {
        "file": "a",
        "start": {"line": 2, "column": 1, "offset": 6},
        "end": {"line": 2, "column": 2, "offset": 7},
    }
    assert entry == {
        "code": "T102", "name": "some-name", "severity": "error", "message": "it is wrong", "span": where,
        "labels": [], "notes": [], "help": "h", "edits": [{"span": where, "text": "z", "safe": True}],
    }  # fmt: skip
    assert json.loads(render_json([])) == []


def test_summary() -> None:
    def of(*severities: Severity) -> str:
        return render_summary([Diagnostic("T1", "n", s, "m") for s in severities])

    assert of() == of(Severity.INFO) == ""
    assert of(Severity.ERROR, Severity.WARNING, Severity.ERROR) == "2 errors, 1 warning"
    assert of(Severity.WARNING, Severity.WARNING) == "2 warnings"
