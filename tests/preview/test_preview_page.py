"""The page says what rows say, and does nothing of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from previewed import PAIRS, chat, compiled, rows, source, taken

from smolc.runtime.jobs.manifest import read_manifest
from smolc.runtime.preview.page import render, write_page

HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> \" ' & {{ 7 * 7 }} \x1b[31m \u202e"


class Read(HTMLParser):
    """tags: names with their attributes' names. words: text by the class of its span."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[tuple[str, str]] = set()
        self.words: dict[str, str] = {}
        self._style = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags |= {(tag, name) for name, _ in attrs} | {(tag, "")}
        self._style = dict(attrs).get("class") or ""

    def handle_endtag(self, tag: str) -> None:
        self._style = ""

    def handle_data(self, data: str) -> None:
        self.words[self._style] = self.words.get(self._style, "") + data


def page(folder: Path) -> str:
    return render(read_manifest(folder), [taken(folder)])


def test_rows_are_text(tmp_path: Path) -> None:
    name = "a<b>c"
    rows(tmp_path, "chats", [chat(HOSTILE, HOSTILE)])
    more = {"name": name}
    read = Read(page(compiled(tmp_path, [{**source("chats"), **more}])))
    assert HOSTILE.replace("\x1b", "␛").replace("\u202e", "⟨U+202E⟩") in read.words["trained"]
    tags = {tag for tag, _ in read.tags}
    assert not tags & {"script", "img", "b>c", "link", "iframe"}
    assert not [attribute for _, attribute in read.tags if attribute.startswith("on")]


def test_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    rows(tmp_path, "chats", [chat("hi", "ho")])
    text = page(compiled(tmp_path, [source("chats")]))
    assert not re.search(r"https?:|//[a-z]|@import|url\(|src=", text)
    assert "default-src 'none'" in text


def test_trained_and_cut(tmp_path: Path) -> None:
    rows(tmp_path, "chats", [chat("hi", "ho", "more", "answer")])
    job = {"overlong": "truncate", "length": 30, "packing": "best_fit"}
    text = page(compiled(tmp_path, [source("chats")], **job))
    read = Read(text)
    assert read.words["trained"] == "trainedho"  # the first is the legend's
    assert read.words["trained special"] == "<|im_end|>"
    assert read.words["cut"] == "cut off↵\nuser↵\nmore↵\nassistant↵\nanswer↵\n"
    assert "cut off from here" in text
    assert "row 1: 1 document, 24 of 30 tokens (80%)" in text


def test_pairs_stand_beside_each_other(tmp_path: Path) -> None:
    rows(tmp_path, "pairs", [{"prompt": "q", "chosen": "good", "rejected": "bad"}])
    job = {"method": "dpo", "loss_on": "completion"}
    text = page(compiled(tmp_path, [source("pairs", PAIRS)], **job))
    names = re.findall(r"<h4>(\w+) ", text)
    assert names == ["prompt", "chosen", "rejected"]


def test_what_would_stop_preparation_is_on_the_page(tmp_path: Path) -> None:
    rows(tmp_path, "chats", [chat("hi", "ho"), "{<b>"])
    folder = compiled(tmp_path, [source("chats")])
    write_page(tmp_path / "page.html", read_manifest(folder), [taken(folder)])
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Preparation would stop" in text
    assert "chats.jsonl:2" in text
    assert "{<b>" not in text
