"""The page in a real browser, from a file: keys, names, ratings, what it keeps and saves; and hostile answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Browser
from runs import run_of, sample

from smolc.runtime.arena.answers import prompts_of
from smolc.runtime.arena.page import render
from smolc.runtime.arena.pairs import Pair, pairs_of
from smolc.runtime.arena.ratings import ratings
from smolc.runtime.arena.votes import read_votes

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")

HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "<a href='javascript:1'>x</a></div></section>\u202eevil\x00\x1b[31m ${1} \\u003c `"
)
MODELS = ("base", "sft", "dpo")


def page_of(folder: Path, rows: list[dict[str, Any]]) -> tuple[Path, list[Pair]]:
    found = pairs_of(prompts_of([run_of(folder / "run", rows)], []), 0)
    path = folder / "arena.html"
    path.write_text(render("run", found), encoding="utf-8")
    return path, found


def browse(folder: Path, steps: Callable[[Browser], Coroutine[Any, Any, None]]) -> None:
    async def go() -> None:
        async with Browser(folder) as tab:
            await steps(tab)
            assert tab.wrong == []

    asyncio.run(go())


def test_votes_by_keyboard_are_kept_shown_saved_and_rated(tmp_path: Path) -> None:
    strength = {"base": 0, "sft": 1, "dpo": 2}
    rows = [sample(m, str(i), f"said by {strength[m]} on {i}") for i in range(10) for m in MODELS]
    path, pairs = page_of(tmp_path, rows)

    async def text(tab: Browser, id: str) -> str:
        return str(await tab.ask(f"document.getElementById({id!r}).innerText"))

    async def steps(tab: Browser) -> None:
        await tab.open(path)
        keys = []
        for number, pair in enumerate(pairs[:24]):
            assert (await text(tab, "left")) == pair.answer(pair.left).turns[0]
            assert (await text(tab, "right")) == pair.answer(pair.right).turns[0]
            assert f"prompt {pair.prompt.id}" in await text(tab, "prompt")
            better = "ArrowLeft" if strength[pair.left] > strength[pair.right] else "ArrowRight"
            keys.append({5: "t", 6: "b", 7: "s"}.get(number, better))
            await tab.press(keys[-1])
        assert not {"base", "sft", "dpo"} & set((await tab.ask("document.body.innerText")).split())
        assert (await text(tab, "count")) == "23 votes, 6 pairs left"
        # Undo brings the pair back; what is kept outlives the page.
        await tab.press("u")
        assert (await text(tab, "left")) == pairs[23].answer(pairs[23].left).turns[0]
        await tab.open(path)
        assert (await text(tab, "count")) == "22 votes, 7 pairs left"
        assert (await text(tab, "left")) == pairs[23].answer(pairs[23].left).turns[0]
        # Names after each vote, if that is wanted.
        await tab.ask("document.getElementById('when').value = 'vote'")
        await tab.press("ArrowLeft")
        assert (await text(tab, "told")) == f"that was: left {pairs[23].left}, right {pairs[23].right}"
        await tab.press("u")
        await tab.ask("document.getElementById('ratings').open = true")
        # Its rows come with an event of their own, after the heading.
        for _ in range(1000):
            if await text(tab, "table"):
                break
            await asyncio.sleep(0.02)
        table = [row.split("\t") for row in (await text(tab, "table")).splitlines()]
        await tab.ask("document.getElementById('save').click()")
        while not (tmp_path / "votes.jsonl").exists():
            await asyncio.sleep(0.02)
        saved = read_votes(tmp_path / "votes.jsonl")
        assert [vote.pair for vote in saved] == [p.key for n, p in enumerate(pairs[:23]) if n != 7]
        assert [(v.left, v.right) for v in saved] == [
            (p.left, p.right) for n, p in enumerate(pairs[:23]) if n != 7
        ]
        assert [vote.vote for vote in saved][5:7] == ["tie", "bad"]
        # The page's ratings are those of the command.
        expected = ratings(saved)
        assert [row[0] for row in table] == [row.model for row in expected] == ["dpo", "sft", "base"]
        for shown, row in zip(table, expected, strict=True):
            assert abs(int(shown[1]) - row.rating) <= 1 and int(shown[3]) == row.votes
            low, high = map(int, shown[2].split(" to "))
            assert low <= row.rating <= high and abs(low - row.low) < 60 and abs(high - row.high) < 60
        for _ in range(7):
            await tab.press("ArrowLeft")
        assert await tab.ask(
            "document.getElementById('vote').hidden && !document.getElementById('end').hidden"
        )

    browse(tmp_path, steps)


def test_hostile_answers_are_text(tmp_path: Path) -> None:
    prompt = [{"role": "system", "content": HOSTILE}, {"role": "user", "content": HOSTILE}]
    turns = [{"answer": HOSTILE}, {"answer": HOSTILE + "!"}]
    rows = [
        sample("a", HOSTILE, HOSTILE + "!", turns=turns, follow_ups=[HOSTILE], messages=prompt, gold=HOSTILE),
        sample(
            "b",
            HOSTILE,
            "",
            turns=[*turns[:1], {"answer": ""}],
            follow_ups=[HOSTILE],
            messages=prompt,
            gold=HOSTILE,
        ),
    ]
    path, _ = page_of(tmp_path, rows)

    async def steps(tab: Browser) -> None:
        await tab.open(path)
        assert await tab.ask("document.title") == "run"
        assert await tab.ask("document.querySelectorAll('img, a, iframe').length") == 0
        assert await tab.ask("document.querySelectorAll('script').length") == 2
        shown = str(await tab.ask("document.getElementById('vote').textContent"))
        assert shown.count("<script>document.title='owned'</script>") == 8 and "\u202e" not in shown
        assert "(said nothing)" in shown
        await tab.press("ArrowLeft")
        await tab.ask("document.getElementById('save').click()")
        while not (tmp_path / "votes.jsonl").exists():
            await asyncio.sleep(0.02)
        assert json.loads((tmp_path / "votes.jsonl").read_text(encoding="utf-8"))["id"] == HOSTILE

    browse(tmp_path, steps)
