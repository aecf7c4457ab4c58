from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fake_folder import fake_folder
from fake_jobs import FakeFolder

from smolc.runtime.report.__main__ import main
from smolc.runtime.report.run import render, write_report

HOSTILE = (
    "<script>alert(1)</script>",
    "{{ 7*191 }}{% for x in y %}",
    "\"'><img src=x onerror=alert(1)>",
    "</title></style></svg><iframe src=//evil.example>",
    "javascript:alert(1)",
    "a\x00b\x1b[2J\x07c\u202egnp.exe\ud800",
    "[bold red]x[/bold red]",
    "word" * 800,
)
ACTIVE = {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
VOID = {"meta", "br", "link", "img"}


class Page(HTMLParser):
    """The page's text, its tags with their attributes; fails on tags that are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> FakeFolder:
    folder = fake_folder(tmp_path_factory.mktemp("run"), about="Reverses words.")
    folder.finish(but=("report",))
    return folder


def test_what_a_reader_wants_in_the_order_they_want_it(finished: FakeFolder) -> None:
    text = Page(render(finished.path)).text
    wanted = [
        *(
            "quickstart",
            "Reverses words.",
            "Scores",
            "base sft dpo",
            "95.0%",
            "[83.5, 98.6]",
            "▲ +95.0 base",
            "≈ +2.5 sft",
            "adjusted for 6 comparisons after Holm",
            "How it was measured",
            "greedy, at most 24 new tokens",
            "Expectations",
            "Stages",
        ),
        *(
            "supervised fine-tuning, 3 runs",
            "Training",
            "Held-out loss by learning rate",
            "· winner",
            "diverged",
        ),
        *(
            "32 sequences = 16 micro × 2 accumulated × 1 data-parallel; the fastest of 3 tried",
            "sdpa, liger, as a CUDA graph",
            "Reward margin",
            "32 pairs =",
            "Data",
        ),
        *(
            "97.7%",
            "p50 26, p90 37, p99 52, longest 70, 3 over 64",
            "length 64",
            "61.4%",
            "3 longer than allowed",
            "Rows as the loss sees them",
            "Samples",
        ),
        *("what dpo got wrong first", "Environment and jobs", "torch", "out/sft.lr=0.001/log.txt"),
    ]
    at = 0
    for words in wanted:
        found = text.find(words, at)
        assert found >= 0, f"{words!r} is not there after {text[max(0, at - 60) : at]!r}"
        at = found


def test_what_was_left_out_of_the_data_is_listed(finished: FakeFolder) -> None:
    text = Page(render(finished.path)).text
    assert "2 not as the format says" in text
    assert "left out: data.jsonl:7: expected <b>messages</b>" in text
    assert "reverse: 12 rows repeat earlier ones (dedup = exact leaves them out)" in text
    assert "Rows that share words with an eval" in text
    assert "words 4 data.jsonl:3 test.jsonl:9 reverse the <i>word</i>" in text


def test_nothing_is_fetched_and_nothing_runs(finished: FakeFolder) -> None:
    page = Page(render(finished.path))
    assert not {t for t, _ in page.tags} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
    }
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in ("src", "srcset", "xlink:href")
            if name == "href":
                assert (value or "").startswith("#"), (tag, value)
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_text_stays_text(tmp_path: Path, word: str) -> None:
    folder = fake_folder(tmp_path, about=word, words=[word, f"{word}2"])
    for job in folder.jobs:
        job["title"] = word
    folder.jobs[1]["stage"] = folder.jobs[2]["stage"] = word
    for name in ("stats.json", "preview.json"):
        path = tmp_path / "out" / "sft.data" / name
        content = json.loads(path.read_text())
        if isinstance(content, dict):
            content["sources"][0]["name"] = word
            content["notes"] = [word]
        else:
            content[0]["source"] = word
        path.write_text(json.dumps(content))
    results = tmp_path / "out" / "final" / "results.json"
    rows = json.loads(results.read_text())
    rows["rows"].append({"model": "sft", "task": word, "metric": word, "value": 0.5})
    results.write_text(json.dumps(rows))
    folder.write()
    folder.finish(but=("dpo",))
    (tmp_path / "out" / "dpo").mkdir(exist_ok=True)
    (tmp_path / "out" / "dpo" / "log.txt").write_text(word, errors="replace")
    html = write_report(tmp_path).read_text(encoding="utf-8")
    page = Page(html)
    assert not {t for t, _ in page.tags} & {"script", "img", "iframe", "bold"}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", html)
    assert "1337" not in page.text
    assert len(html) < 400_000


def test_what_failed_and_what_did_not_run_is_said(tmp_path: Path) -> None:
    folder = fake_folder(tmp_path)
    folder.finish(but=("dpo", "final", "final.expect", "report"))
    for gone in ("dpo/result.json", "final/results.json", "final/samples.jsonl", "final.expect/result.json"):
        (tmp_path / "out" / gone).unlink()
    entry = next(e for e in json.loads((tmp_path / "manifest.json").read_text())["jobs"] if e["id"] == "dpo")
    failed = {"exit_code": 1, "hash": entry["hash"], "seconds": 4.0}
    (tmp_path / "out" / "dpo" / "failed.json").write_text(json.dumps(failed))
    (tmp_path / "out" / "dpo" / "log.txt").write_text(
        "step 1\nerror: the loss became nan at step 3\nhelp: lower it\n"
    )
    text = Page(render(tmp_path)).text
    assert "dpo failed. error: the loss became nan at step 3 help: lower it" in text
    assert "final, final.expect did not run" in text
    assert "No scores: this eval did not run." in text
    assert "Held-out loss by learning rate" in text


def test_what_is_held_back_is_no_problem_and_looks_are_counted(tmp_path: Path) -> None:
    folder = fake_folder(tmp_path)
    folder.finish(but=("final", "final.expect", "report"))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    for entry in manifest["jobs"]:
        entry["final"] = entry["id"] == "final"
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    text = Page(render(tmp_path)).text
    assert (
        "No scores: this eval is held back, since test data is for the end: smolc run --final runs it."
        in text
    )
    assert "did not run" not in text
    folder.finish()
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "out" / ".final.jsonl").write_text('{"job": "final"}\n' * 3)
    text = Page(render(tmp_path)).text
    assert "on test data: the test set was looked at 3 times" in text
    assert "held back" not in text


def test_published_scores_that_were_measured_here(tmp_path: Path) -> None:
    folder = fake_folder(tmp_path)
    known = [{"model": "base", "task": "reverse", "score": 0.3, "tolerance": 0.02}]
    report = folder.jobs.pop()
    folder.job(
        "known", "Known scores", "final", ("final",), kind="replicate", scores="final", published=known
    )
    folder.jobs.append({**report, "needs": ["known"]})
    measured = {
        **known[0],
        "value": 0.25,
        "low": 0.2,
        "high": 0.31,
        "n": 541,
        "holds": False,
        "too_few": True,
    }
    folder.out("known", "result.json", {"replicated": [measured], "holds": False})
    folder.write()
    folder.finish()
    said = "✗ base.reverse 25.0% [20.0, 31.0] (n = 541), published 30.0% ± 2.0%, too few problems to tell"
    assert said in Page(render(tmp_path)).text


def test_checkpoints_are_a_line_by_step_not_columns(tmp_path: Path) -> None:
    folder = fake_folder(tmp_path)
    path = tmp_path / "out" / "final" / "results.json"
    found = json.loads(path.read_text())
    (row,) = (r for r in found["rows"] if (r["model"], r["task"]) == ("sft", "reverse"))
    found["rows"] += [{**row, "model": f"sft@{step}", "value": 0.5} for step in (120, 60)]
    path.write_text(json.dumps(found))
    folder.finish()
    text = Page(render(tmp_path)).text
    assert "task base sft dpo n reverse" in text
    assert "reverse by checkpoint" in text
    assert "sft@60" not in text


def test_a_problem_in_different_templates_stands_side_by_side(tmp_path: Path) -> None:
    folder = fake_folder(tmp_path)
    row = {"task": "reverse", "id": "3", "gold": "b", "score": 0.0}
    said = [
        {**row, "model": "base", "prompt": "plain ab", "answer": "and on", "stopped": False},
        {**row, "model": "sft", "prompt": "<|im_start|>ab", "answer": "ba", "stopped": True, "score": 1.0},
    ]
    folder.out("final", "samples.jsonl", said)
    folder.finish()
    text = Page(render(tmp_path)).text
    assert "1 of 1 prompts plain ab expected b ✗ base and on … (cut off: it did not stop) ✓ sft ba" in text


def test_an_empty_folder_has_a_report_too(tmp_path: Path) -> None:
    fake_folder(tmp_path)
    shutil.rmtree(tmp_path / "out")
    assert "did not run" in Page(render(tmp_path)).text


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"[[1, null]]", b'{"rows": 3}', b"\xff\xfe\x00", b"[" * 9999, None])
def test_damaged_outputs_do_no_harm(tmp_path: Path, content: bytes | None) -> None:
    """All files of a name in turn are empty, of another type, not text, or (None) cut in half."""
    folder = fake_folder(tmp_path)
    folder.finish()
    files = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.json*")}
    for name in sorted({p.name for p in files}):
        for path, whole in files.items():
            damaged = whole[: len(whole) // 2] if content is None else content
            path.write_bytes(damaged if path.name == name else whole)
        Page(render(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("other", [None, "x", [], [1, [2]], {"a": {}}, True, -1, 1e308])
def test_values_of_other_types_do_no_harm(tmp_path: Path, other: object) -> None:
    """In every file at once, one value after the other is replaced by one of another type."""
    folder = fake_folder(tmp_path)
    folder.finish()
    names = ("stats.json", "result.json", "results.json", "preview.json")
    files = {p: json.loads(p.read_text()) for n in names for p in (tmp_path / "out").rglob(n)}
    for turn in range(max(map(len, files.values()))):
        for path, content in files.items():
            if isinstance(content, dict):
                key = list(content)[turn % len(content)]
                path.write_text(json.dumps({**content, key: other}))
            else:
                path.write_text(json.dumps([other]))
        Page(render(tmp_path))


def test_as_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = fake_folder(tmp_path)
    folder.finish()
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    assert main([str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_how_training_was_spread_is_told_in_words(finished: FakeFolder) -> None:
    assert "distributed processes: 2, distribution: ddp" in Page(render(finished.path)).text
