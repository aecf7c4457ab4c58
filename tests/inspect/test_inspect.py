from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from eval_folder import EvalFolder, own_task, results, rows_of, said

from smolc.runtime.inspect.__main__ import main
from smolc.runtime.inspect.spans import answer_spans, prompt_spans

TAGS = ("<think>", "</think>")
HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e[bold]x"


def folder(path: Path, *samples: dict[str, Any], over: bool = True, **fields: Any) -> str:
    tasks = [own_task(name) for name in dict.fromkeys(s["task"] for s in samples)]
    found = results(rows_of(samples)) if over else None
    EvalFolder(path).evaluate("final", tasks, samples, found, **fields)
    return str(path)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out


def order(text: str) -> list[str]:
    return re.findall(r"^\[\d+\] (\S+)", text, re.MULTILINE)


@pytest.fixture
def two(tmp_path: Path) -> str:
    """Two models on three words and one sum."""
    base = said("base", "words", [0.0, 0.0, 1.0], note="no number: 'x'")
    sft = said("sft", "words", [1.0, 0.0, 1.0], stopped=False)
    return folder(tmp_path, *base, *sft, *said("sft", "sums", [1.0], note=None))


def test_failures_come_first_and_are_counted(two: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, two)
    assert order(text) == ["words-1", "words-0", "words-2", "sums-0"]
    assert "base  33.3% [6.1, 79.2] exact_match, n = 3 · 2 of 3 answers wrong · 3 no number" in text
    assert "sft   66.7% [20.8, 93.9] exact_match, n = 3 · 1 of 3 answers wrong · 3 never stopped" in text
    assert "3 of 3 problems; 2 went wrong with one of these models, and come first" in text


def test_all_of_a_problem_is_there(two: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, two, "final", "--task", "words", "--id", "words-1")
    assert text.split("\n\n", 1)[1].splitlines() == [
        "[1] words-1 · test.jsonl:2",
        "  prompt",
        "    <|im_start|>user↵",
        "    question 1<|im_end|>↵",
        "    <|im_start|>assistant↵",
        "",
        "  expected",
        "    gold 1",
        "  ✗ base  no number: 'x' · 4 tokens",
        "    answer 1",
        "    extracted: answer 1",
        "  ✗ sft  never stopped · 4 tokens",
        "    answer 1",
        "    extracted: answer 1",
    ]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--failures"], ["words-1", "words-0"]),
        (["--failures", "--model", "sft"], ["words-1"]),
        (["--rows", "1"], ["words-1", "sums-0"]),
        (["--rows", "1", "--all"], ["words-1", "words-0", "words-2", "sums-0"]),
        (["--task", "sums"], ["sums-0"]),
        (["--model", "base"], ["words-0", "words-1", "words-2"]),
        (["--model", "sft", "--model", "base"], ["words-1", "words-0", "words-2", "sums-0"]),
    ],
)
def test_what_is_chosen(
    two: str, capsys: pytest.CaptureFixture[str], arguments: list[str], wanted: list[str]
) -> None:
    assert order(shown(capsys, two, *arguments)) == wanted


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["finl"], "no eval 'finl'; did you mean final?"),
        (["words"], "no eval 'words'; there are: final; words is a task: --task words"),
        (["final", "--task", "word"], "no task 'word'; did you mean words?"),
        (["--model", "dpo"], "no model 'dpo'; there are: base, sft"),
        (["--task", "sums", "--model", "base"], "no model 'base'; there are: sft"),
        (["--id", "words-9"], "no problem 'words-9'; did you mean words-"),
        (["--task", "sums", "--failures"], "nothing went wrong there"),
        (["--html", f"{__file__}/page.html"], "cannot be written"),
    ],
)
def test_errors_say_what_there_is(
    two: str, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main([two, *arguments]) == 2
    assert message in capsys.readouterr().err


def test_no_folder_no_evals_no_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "not a manifest" in capsys.readouterr().err
    run = folder(tmp_path, *said("sft", "words", [1.0]), over=False)
    (tmp_path / "out" / "final" / "samples.jsonl").unlink()
    assert main([run]) == 2
    assert "there are no answers yet (final: not run)" in capsys.readouterr().err


def test_a_run_that_is_not_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its last line may be half written."""
    run = folder(tmp_path, *said("sft", "words", [1.0, 0.0]), over=False)
    with (tmp_path / "out" / "final" / "samples.jsonl").open("a") as file:
        file.write('{"model": "sft", "task": "wo')
    text = shown(capsys, run)
    assert "final · words (not over yet, or of an older recipe)" in text
    assert order(text) == ["words-1", "words-0"]


def test_answers_to_one_problem_stand_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = folder(tmp_path, *said("sft", "words", [[1.0, 0.0], [1.0, 1.0]]))
    text = shown(capsys, run)
    assert order(text) == ["words-0", "words-1"]
    assert re.findall(r"([✓✗]) sft (\d/\d)", text) == [("✓", "1/2"), ("✗", "2/2"), ("✓", "1/2"), ("✓", "2/2")]


def test_models_asked_in_their_own_templates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = folder(
        tmp_path,
        *said("base", "words", [0.0], prompt="plain"),
        *said("sft", "words", [0.0], prompt="<|im_start|>x"),
    )
    text = shown(capsys, run)
    assert text.index("✗ base") < text.index("    plain") < text.index("✗ sft") < text.index("<|im_start|>x")


def test_turns_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    turns = [
        {"prompt": "<u>one<a>", "answer": "<think>hm</think>1"},
        {"prompt": "<u>one<a>1<u>two<a>", "answer": "2"},
    ]
    (sample,) = said(
        "sft", "chats", [6.5], prompt=turns[1]["prompt"], answer="2", turns=turns, judge=["fine\n7"]
    )
    run = folder(tmp_path, sample, strip_thinking=list(TAGS))
    lines = [line.strip() for line in shown(capsys, run).splitlines()]
    assert lines[lines.index("prompt") + 1] == "<u>one<a>"
    at = lines.index("⟦<think>hm</think>⟧1")
    assert lines[at + 1 : at + 5] == ["turn 2", "1<u>two<a>", "answer", "2"]
    assert "judge: fine↵7" in lines
    assert any(line.startswith("6.5 sft") for line in lines)


def test_grades_are_no_shares_of_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = folder(tmp_path, *said("sft", "chats", [8.0, 2.0, 6.0]))
    assert order(shown(capsys, run)) == ["chats-1", "chats-2", "chats-0"]
    assert order(shown(capsys, run, "--failures")) == ["chats-1"]


@pytest.mark.parametrize(
    ("text", "prompt", "thought"),
    [
        ("<think>a</think>b", "", ["<think>a</think>"]),
        ("a<think>b", "", ["<think>b"]),
        ("a</think>b", "", ["a</think>"]),
        ("a</think>b", "<|a|><think>\n", ["a</think>"]),
        ("a", "<|a|><think>\n", ["a"]),
        ("<think>a</think>b<think>c</think>d", "", ["<think>a</think>", "<think>c</think>"]),
        ("b", "", []),
    ],
)
def test_what_is_thought(text: str, prompt: str, thought: list[str]) -> None:
    spans = answer_spans(text, TAGS, prompt, 1000)
    assert [s.text for s in spans if s.looks == "thought"] == thought
    assert "".join(s.text for s in spans) == text
    assert [s.looks for s in answer_spans("x", None, prompt, 1000)] == [""]


def test_special_tokens_are_seen_and_long_texts_cut_in_the_middle() -> None:
    spans = prompt_spans("<|im_start|>user\nhi</s>", 1000)
    assert [(s.text, s.looks) for s in spans] == [
        ("<|im_start|>", "special"),
        ("user↵\nhi", ""),
        ("</s>", "special"),
    ]
    cut = "".join(s.text for s in prompt_spans("a" * 50 + "b" * 5000 + "c" * 50, 100))
    assert cut.replace("↵", "") == "a" * 50 + "\n… 5,000 characters …\n" + "c" * 50


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ("\n" * 16, "(16 characters of white space)"),
        ("a" + "\n" * 9 + "b", "a\n… 8 empty lines …\nb"),
        ("", ""),
    ],
)
def test_white_space_is_counted(answer: str, seen: str) -> None:
    assert "".join(s.text for s in answer_spans(answer, TAGS, "", 1000)) == seen


def test_hostile_answers_stay_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = folder(
        tmp_path,
        *said(
            "sft", HOSTILE, [0.0], prompt=HOSTILE, answer=HOSTILE, note=HOSTILE, extracted=HOSTILE, id=HOSTILE
        ),
    )
    text = shown(capsys, run)
    assert not re.search("[\x1b\u202e]", text)
    assert "<script>alert(1)</script>" in text
    page = tmp_path / "page.html"
    assert shown(capsys, run, "--html", str(page)) == f"wrote {page}\n"
    html = page.read_text(encoding="utf-8")
    seen = Tags()
    seen.feed(html)
    assert not seen.names & {"script", "link", "img", "iframe", "form", "bold"}
    assert "default-src 'none'" in html
    assert not re.search("[\x1b\u202e]", html)
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)


@pytest.mark.parametrize("other", [None, "x", [], {"a": 1}, True, -1, 1e308])
def test_values_of_other_types_do_no_harm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: object
) -> None:
    (sample,) = said("sft", "words", [0.5])
    run = folder(tmp_path, sample)
    path = tmp_path / "out" / "final" / "samples.jsonl"
    lines = [json.dumps({**sample, key: other}) for key in [*sample, "turns", "judge"]]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert "final · words" in shown(capsys, run, "--all")
    assert main([run, "--all", "--html", str(tmp_path / "x.html")]) == 0
