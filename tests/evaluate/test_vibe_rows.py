"""Which rows a vibe set may have, and what the samples say of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from evaluated import compiled, subject, write_rows

from smolc.runtime.evaluate.generate import Answer
from smolc.runtime.evaluate.tasks.base import Asked, load
from smolc.runtime.evaluate.tasks.vibe import VibeQuestions
from smolc.runtime.jobs.errors import JobError

ROOT = Path(__file__).parents[2]
TOOL = {"type": "function", "function": {"name": "f"}}
USER = {"role": "user", "content": "hi"}


def questions(folder: Path, **changes: Any) -> VibeQuestions:
    location = {"type": "files", "paths": ["words.jsonl"]}
    task = {
        "type": "vibe", "name": "basics", "location": location, "subset": None, "strata": None, "avg": 1,
        "pass_at": [], "max_new": None, **changes,
    }  # fmt: skip
    context = compiled(folder, [task], [subject("base")])
    loaded = load(context, context.job, context.job.tasks[0])  # type: ignore[attr-defined]
    assert isinstance(loaded, VibeQuestions)
    return loaded


@pytest.mark.parametrize(
    ("row", "messages", "follow_ups"),
    [
        ({"prompt": "hi"}, [USER], ()),
        ({"prompt": ["hi", "and?", ""]}, [USER], ("and?", "")),
        ({"turns": ["hi"]}, [USER], ()),
        ({"turns": "hi", "messages": None}, [USER], ()),
        ({"prompt": ""}, [{"role": "user", "content": ""}], ()),
        ({"messages": [USER]}, [USER], ()),
        ({"prompt": "hi", "system": "Be kind"}, [{"role": "system", "content": "Be kind"}, USER], ()),
        ({"messages": [USER], "system": ""}, [{"role": "system", "content": ""}, USER], ()),
        (
            {"messages": [USER, {"role": "assistant", "content": "a"}, USER]},
            [USER, {"role": "assistant", "content": "a"}, USER],
            (),
        ),
    ],
)
def test_what_is_asked(tmp_path: Path, row: Any, messages: Any, follow_ups: Any) -> None:
    write_rows(tmp_path, [row])
    (one,) = questions(tmp_path).questions
    assert (one.messages, one.follow_ups, one.id) == (messages, follow_ups, "words.jsonl:1")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"text": "hi"}, "expected one of messages, turns, prompt, found none of them"),
        ({"prompt": "hi", "turns": ["hi"]}, "found turns and prompt"),
        ({"prompt": 3}, "expected a text or a list of texts in `prompt`, found number 3"),
        ({"turns": []}, "expected a text or a list of texts in `turns`"),
        ({"turns": ["hi", None]}, "expected a text or a list of texts in `turns`"),
        ({"messages": []}, "found an empty list"),
        (
            {"messages": [USER, {"role": "assistant", "content": "a"}]},
            "found one of the assistant at the end",
        ),
        ({"messages": [{"role": "bot", "content": "a"}]}, "expected the role of messages[0]"),
        (
            {"messages": [{"role": "system", "content": "a"}, USER], "system": "b"},
            "expected one system prompt",
        ),
        ({"prompt": "hi", "system": 1}, "expected text in `system`"),
        ({"prompt": "hi", "category": ["a"]}, "expected text in `category`"),
        ({"prompt": "hi", "note": {}}, "expected text in `note`"),
        ({"prompt": "hi", "tools": "f"}, "expected a list of tools in `tools`"),
        ({"prompt": "hi", "tools": ["f"]}, "expected each tool in `tools` to be an object"),
        ({"prompt": "hi", "id": "first"}, "the id first is that of an earlier row"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, row: Any, why: str) -> None:
    write_rows(tmp_path, [{"prompt": "good", "id": "first"}, row])
    with pytest.raises(JobError, match=r"words\.jsonl:2: .*" + re.escape(why)):
        questions(tmp_path)


def test_no_prompts_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "words.jsonl").write_text("\n\n")
    with pytest.raises(JobError, match=r"basics: no prompts|the file is empty"):
        questions(tmp_path)


def test_the_verdict_is_no_score_and_says_what_was_asked(tmp_path: Path) -> None:
    write_rows(
        tmp_path, [{"prompt": ["hi", "and?"], "tools": [TOOL], "category": "tools", "note": "calls f"}]
    )
    loaded = questions(tmp_path)
    (one,) = loaded.questions
    answers = [Answer.of("x", "x", True, False, 1)] * 2
    verdict = loaded.score(Asked(one, answers))
    assert verdict.score is None and one.gold == "calls f" and not loaded.scored
    assert verdict.more == {
        "category": "tools", "messages": [USER], "follow_ups": ["and?"], "tools": [TOOL],
    }  # fmt: skip


def test_a_subset_keeps_the_shares_of_the_categories(tmp_path: Path) -> None:
    write_rows(tmp_path, [{"prompt": str(i), "category": "ab"[i % 3 == 0]} for i in range(30)])
    drawn = questions(tmp_path, subset=6).questions
    assert [q.stratum for q in drawn].count("a") == 4
    write_rows(tmp_path, [{"prompt": "x", "category": "a"}, {"prompt": "x"}])
    with pytest.raises(JobError, match=r"words\.jsonl:2: expected a column `category`"):
        questions(tmp_path, subset=1, strata="category")


@pytest.mark.parametrize(("name", "size"), [("basics", 26), ("tools", 5)])
def test_our_own_sets_are_sets(tmp_path: Path, name: str, size: int) -> None:
    text = (ROOT / f"recipes/vibe/{name}.jsonl").read_text(encoding="utf-8")
    (tmp_path / "words.jsonl").write_text(text, encoding="utf-8")
    found = questions(tmp_path).questions
    assert len(found) == size and all(q.gold and q.stratum for q in found)
    assert all((q.tools is not None) == (name == "tools") for q in found)
    assert all(json.loads(line)["id"] == q.id for line, q in zip(text.splitlines(), found, strict=True))
