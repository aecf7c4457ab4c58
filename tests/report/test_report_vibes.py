"""The vibe tests in the report: side by side, as conversations, and harmless."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fake_folder import fake_folder

from smolc.runtime.report.collect import collect
from smolc.runtime.report.run import render
from smolc.runtime.report.vibes import Turn, Vibes, vibes

HOSTILE = "</div></section><script>alert(1)</script>\u202eevil\x1b[31m"
VIBE = {
    "type": "vibe", "name": "basics", "location": {"type": "files", "paths": ["v.jsonl"]}, "subset": None,
    "strata": None, "avg": 1, "pass_at": [], "max_new": None,
}  # fmt: skip


def sample(model: str, id: str = "1", answer: str = "yes", **more: Any) -> dict[str, Any]:
    return {
        "model": model, "task": "basics", "id": id, "sample": 0, "prompt": "rendered", "answer": answer,
        "gold": "look for it", "score": None, "stopped": True, "unterminated": False, "category": "kind",
        "messages": [{"role": "user", "content": "hello"}], "follow_ups": [], "tools": None, **more,
    }  # fmt: skip


def folder(path: Path, rows: list[dict[str, Any]], thinking: Any = None) -> Path:
    made = fake_folder(path)
    job = next(job for job in made.jobs if job["id"] == "final")
    job["tasks"] = [*job["tasks"], VIBE]
    job["checkpoints"] = True
    made.write()
    made.out("final", "samples.jsonl", rows)
    made.out("final", "results.json", {"rows": [], "role": "test", "strip_thinking": thinking})
    made.finish()
    return path


def the_one(path: Path, rows: list[dict[str, Any]], thinking: Any = None) -> Vibes:
    (found,) = vibes(collect(folder(path, rows, thinking)))
    return found


def test_models_stand_side_by_side_and_checkpoints_by_step_after_them(tmp_path: Path) -> None:
    names = ["sft@100", "dpo@5", "sft", "dpo", "sft@20", "base"]
    found = the_one(tmp_path, [sample(name, id) for name in names for id in "12"])
    assert found.models == ("base", "sft", "dpo") and found.checkpoints == ("sft@20", "sft@100", "dpo@5")
    assert [prompt.id for prompt in found.prompts] == ["1", "2"] and found.more == 0
    assert [answer.model for answer in found.prompts[0].of(found.checkpoints)] == [
        "sft@20",
        "sft@100",
        "dpo@5",
    ]


def test_several_turns_are_a_conversation(tmp_path: Path) -> None:
    turns = [{"answer": "one"}, {"answer": "two"}]
    (prompt,) = the_one(tmp_path, [sample("sft", answer="two", turns=turns, follow_ups=["and?"])]).prompts
    assert prompt.turns == (Turn("user", "hello"),) and (prompt.category, prompt.note) == (
        "kind",
        "look for it",
    )
    said = [(turn.role, turn.text) for turn in prompt.answers["sft"].turns]
    assert said == [("assistant", "one"), ("user", "and?"), ("assistant", "two")]


def test_how_an_answer_ended_is_marked(tmp_path: Path) -> None:
    rows = [
        sample("base", answer="\n \n", stopped=False),
        sample("sft", answer="<t>never", unterminated=True, stopped=False),
        sample("dpo", answer="<t>hm</t>yes"),
    ]
    answers = the_one(tmp_path, rows, ["<t>", "</t>"]).prompts[0].answers
    assert answers["base"].marks == ("cut off: it did not stop", "only spaces and line breaks")
    assert answers["sft"].marks == ("thought without end",) and answers["sft"].turns[0].text == ""
    assert not answers["dpo"].marks
    assert (answers["dpo"].turns[0].text, answers["dpo"].turns[0].thought) == ("yes", "<t>hm</t>yes")


def test_long_answers_fold_and_endless_ones_are_shortened(tmp_path: Path) -> None:
    rows = [
        sample("base", answer="a" * 50_000),
        sample("sft", answer="b" * 800),
        sample("dpo", answer="c" * 600),
    ]
    turns = {m: a.turns[0] for m, a in the_one(tmp_path, rows).prompts[0].answers.items()}
    assert turns["sft"].start == "b" * 400 and turns["dpo"].start == ""
    assert "38,000 more characters" in turns["base"].text


def test_calls_and_tools_are_told(tmp_path: Path) -> None:
    call = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Oslo"}}}
    messages = [{"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "content": "8"}]
    tools = [{"type": "function", "function": {"name": "weather"}}, {"name": "flat"}]
    (prompt,) = the_one(tmp_path, [sample("sft", messages=messages, tools=tools)]).prompts
    assert prompt.tools == ("weather", "flat") and "weather({'city': 'Oslo'})" in prompt.turns[0].text


def test_no_text_of_a_stranger_becomes_markup(tmp_path: Path) -> None:
    message = [{"role": HOSTILE, "content": HOSTILE}]
    more = {"messages": message, "follow_ups": [HOSTILE], "gold": HOSTILE, "category": HOSTILE}
    turns = [{"answer": HOSTILE * 40}, {"answer": HOSTILE}]
    page = render(
        folder(tmp_path, [sample(HOSTILE, HOSTILE, HOSTILE, turns=turns, tools=[{"name": HOSTILE}], **more)])
    )
    assert 'id="vibes"' in page and "&lt;script&gt;" in page
    assert "<script" not in page and "\u202e" not in page and "\x1b" not in page


def test_damaged_samples_are_absences(tmp_path: Path) -> None:
    rows = [
        {"task": "basics"},
        {
            "task": "basics",
            "id": 3,
            "model": None,
            "messages": 4,
            "turns": [{}, 1],
            "answer": 7,
            "tools": "x",
        },
        sample("sft", follow_ups=None, turns=[{"answer": "one"}, {"answer": "two"}], category=5, gold=None),
    ]
    assert "two" in render(folder(tmp_path, rows))


def test_without_vibe_tests_there_is_no_section(tmp_path: Path) -> None:
    made = fake_folder(tmp_path)
    made.finish()
    assert vibes(collect(tmp_path)) == [] and 'id="vibes"' not in render(tmp_path)
