"""BFCL's rows: what is a call, and which calls are right."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from evaluated import compiled, subject

from smolc.runtime.evaluate.called import as_json_schema, wrong
from smolc.runtime.evaluate.calls import Call, NotACall, calls_in
from smolc.runtime.evaluate.generate import Answer
from smolc.runtime.evaluate.tasks.base import Asked, load
from smolc.runtime.evaluate.tool_prompt import declared
from smolc.runtime.jobs.errors import JobError

AREA = {
    "name": "area",
    "description": "Of a triangle.",
    "parameters": {
        "type": "dict",
        "properties": {
            "base": {"type": "integer"},
            "height": {"type": "float"},
            "unit": {"type": "string"},
            "points": {"type": "array", "items": {"type": "integer"}},
            "style": {"type": "dict", "properties": {"colour": {"type": "string"}}},
            "filled": {"type": "boolean"},
        },
        "required": ["base"],
    },
}
PLAY = {
    "name": "music.play",
    "parameters": {"type": "dict", "properties": {"artist": {"type": "string"}}, "required": ["artist"]},
}
TOOLS = {"area": AREA, "music.play": PLAY}
CALL = [Call("area", {"base": 5, "unit": "cm"})]
TWO = [*CALL, Call("music.play", {"artist": "Bob's"})]


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('<tool_call>{"name": "area", "arguments": {"base": 5, "unit": "cm"}}</tool_call>', CALL),
        ('I will.\n<tool_call>\n{"name": "area", "arguments": {"base": 5, "unit": "cm"}}', CALL),
        (
            '<tool_call>{"name": "area", "arguments": {"base": 5, "unit": "cm"}}</tool_call>\n'
            '<tool_call>{"name": "music.play", "arguments": {"artist": "Bob\'s"}}</tool_call>',
            TWO,
        ),
        ('Sure:\n```json\n[{"name": "area", "arguments": {"base": 5, "unit": "cm"}}]\n```\nDone.', CALL),
        ("```python\narea(base=5, unit='cm')\n```", CALL),
        ('{"name": "area", "parameters": {"base": 5, "unit": "cm"}}', CALL),
        ('<|python_tag|>{"name": "area", "parameters": {"base": 5, "unit": "cm"}}', CALL),
        ('{"name":"area","parameters":{"base":5,"unit":"cm"}}; {"name":"music.play","parameters":{"artist":"Bob\'s"}}', TWO),
        ('[TOOL_CALLS] [{"name": "area", "arguments": {"base": 5, "unit": "cm"}}]', CALL),
        ('[TOOL_CALLS]area[ARGS]{"base": 5, "unit": "cm"}[TOOL_CALLS]music.play[ARGS]{"artist": "Bob\'s"}', TWO),
        ('area{"base": 5, "unit": "cm"}', CALL),
        ("[area(base=5, unit='cm'), music.play(artist=\"Bob's\")]", TWO),
        ("The calls are [area(base=5, unit='cm')].", CALL),
        ('{"area": {"base": 5, "unit": "cm"}}', CALL),
        ('[{"type":"function","function":{"name":"area","arguments":"{\\"base\\": 5, \\"unit\\": \\"cm\\"}"}}]', CALL),
        ('I call {"name": "area", "arguments": {"base": 5, "unit": "cm"}} now.', CALL),
        ("[area(base=-5, points=[1, 2], filled=true, style={'colour': None})]",
         [Call("area", {"base": -5, "points": [1, 2], "filled": True, "style": {"colour": None}})]),
        ("Your name (Bob) is {lovely}, and [so] on: f(x) = 2", []),
        ('A person: {"name": "Bob", "age": 5}', []),
        ("print(5)", []),
        ("The mean E[f(x)] is [g(y)]", []),
        ("[areas(base=5)]", [Call("areas", {"base": 5})]),
        ("[1, 2, 3]", []),
        ("", []),
    ],
)  # fmt: skip
def test_calls_are_read_in_the_syntaxes_that_models_write(text: str, calls: list[Call]) -> None:
    assert calls_in(text, TOOLS) == calls


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<tool_call>area of 5</tool_call>", "no JSON call"),
        ("[TOOL_CALLS] of area", "no call after"),
        ("[area(5)]", "without its name"),
        ("[area(base=open('/etc/passwd').read())]", "an expression"),
        ("[area(base=5 + 5)]", "an expression"),
        ("[area(**{'base': 5})]", r"\*\*"),
        ('{"name": "area", "arguments": [5]}', "no object"),
        ("<tool_call>" + "[" * 40_000, "nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_no_call(text: str, why: str) -> None:
    with pytest.raises(NotACall, match=why):
        calls_in(text, TOOLS)


def test_reading_a_call_runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    for text in (f"[area(base=open({str(mark)!r}, 'w'))]", f"__import__('os').mkdir({str(mark)!r})"):
        with contextlib.suppress(NotACall):
            assert calls_in(text, TOOLS) == []
    assert not mark.exists()


GOLD: list[tuple[str, dict[str, Any]]] = [
    ("area", {"base": [5, 6], "height": ["", 2], "unit": ["", "cm", "centi-metres"]})
]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"base": 5}, None),
        ({"base": 6, "height": 2.0, "unit": "CM"}, None),
        ({"base": 5, "height": 2, "unit": "centimetres"}, None),
        ({}, "area: `base` is missing"),
        ({"base": "5"}, "area: `base` is '5', not of type integer"),
        ({"base": 5.0}, "area: `base` is 5.0, not of type integer"),
        ({"base": True}, "area: `base` is True, not of type integer"),
        ({"base": 7}, "area: `base` is 7, not one of [5, 6]"),
        ({"base": 5, "unit": "inch"}, "area: `unit` is 'inch', not one of ['', 'cm', 'centi-metres']"),
        ({"base": 5, "filled": True}, "area: `filled` was not asked for"),
        ({"base": 5, "colour": "red"}, "area: unknown parameter `colour`"),
    ],
)
def test_an_argument_has_its_type_and_one_of_the_values(
    arguments: dict[str, Any], problem: str | None
) -> None:
    assert wrong([Call("area", arguments)], GOLD, TOOLS) == problem


@pytest.mark.parametrize(
    ("points", "style", "right"),
    [
        ([1, 2], {"colour": "Red"}, True),
        ([2, 1], {"colour": "red"}, False),
        ([1], {"colour": "red"}, False),
        ([1, "2"], {"colour": "red"}, False),
        ([1, 2], {"colour": "blue"}, False),
        ([1, 2], {}, False),
        ([1, 2], {"colour": "red", "width": 1}, True),
        ([1, 2], {"colour": "red", "shape": 1}, False),
    ],
)
def test_lists_and_objects_match_member_by_member(points: Any, style: Any, right: bool) -> None:
    gold = [("area", {"base": [1], "points": [[1, 2]], "style": [{"colour": ["red"], "width": ["", 1]}]})]
    call = Call("area", {"base": 1, "points": points, "style": style})
    assert (wrong([call], gold, TOOLS) is None) is right


def test_a_text_may_stand_for_a_variable_where_the_answers_say_so() -> None:
    assert wrong([Call("area", {"base": "width"})], [("area", {"base": ["width"]})], TOOLS) is None


A, B, EITHER = {"base": [1]}, {"base": [2]}, {"base": [1, 2]}


@pytest.mark.parametrize(
    ("bases", "gold", "problem"),
    [
        ([1, 2], [A, B], None),
        ([2, 1], [A, B], None),
        ([1, 2], [EITHER, A], None),  # the first call has to leave its answer to the second
        ([1], [A, B], "1 of 2 calls"),
        ([1, 2, 2], [A, B], "an extra call of area"),
        ([1, 1], [A, B], "area: `base` is 1, not one of [2]"),
    ],
)
def test_calls_in_any_order_one_for_each(bases: list[int], gold: list[Any], problem: str | None) -> None:
    calls = [Call("area", {"base": base}) for base in bases]
    assert wrong(calls, [("area", one) for one in gold], TOOLS) == problem


def test_another_function_is_said() -> None:
    assert wrong([Call("areas", {"base": 5})], GOLD, TOOLS) == "unknown function areas"
    assert wrong([Call("music.play", {"artist": "a"})], GOLD, TOOLS) == "called music.play, not area"


def test_types_are_shown_to_the_model_as_json_schema() -> None:
    shown = as_json_schema({"type": "dict", "properties": {"type": {"type": "float"}, "x": {"type": "any"}}})
    assert shown == {"type": "object", "properties": {"type": {"type": "number"}, "x": {}}}


ASK = [[{"role": "user", "content": "How large is a triangle of base 5?"}]]


def row(id: str, **changes: Any) -> dict[str, Any]:
    return {"id": id, "question": ASK, "function": [AREA, PLAY], **changes}


def loaded(folder: Path, rows: list[dict[str, Any]], **changes: Any) -> Any:
    (folder / "bfcl.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    task = {
        "type": "tools", "name": "bfcl", "location": {"type": "files", "paths": ["bfcl.jsonl"]},
        "subset": None, "strata": None, "avg": 1, "pass_at": [], "max_new": None, **changes,
    }  # fmt: skip
    context = compiled(folder, [task], [subject("base")])
    job: Any = context.job
    return load(context, job, job.tasks[0])


def said(questions: Any, number: int, text: str) -> Any:
    return questions.score(Asked(questions.questions[number], [Answer.of(text, text, True, False, 1)]))


def test_each_category_is_scored_its_own_way(tmp_path: Path) -> None:
    truth = [{"area": {"base": [5], "unit": [""]}}]
    rows = [row("simple_python_0", ground_truth=truth), row("irrelevance_0"), row("live_relevance_3-3-0")]
    questions = loaded(tmp_path, rows)
    right, other = "[area(base=5)]", "[area(base=6)]"
    scores = [
        [said(questions, n, text).score for text in (right, other, "No tool fits.", "")] for n in range(3)
    ]
    assert scores == [[1, 0, 0, 0], [0, 0, 1, 0], [1, 1, 0, 0]]
    assert [q.stratum for q in questions.questions] == ["simple_python", "irrelevance", "live_relevance"]
    assert said(questions, 2, "[area(base='x')]").note == "area: `base` is 'x', not of type integer"
    assert said(questions, 1, "<tool_call>{</tool_call>").no_answer
    assert said(questions, 0, "I can't.").note == "no call"
    assert questions.questions[0].tools[0]["function"]["parameters"]["type"] == "object"


def test_possible_answers_may_lie_beside(tmp_path: Path) -> None:
    (tmp_path / "possible_answer").mkdir()
    answer = {"id": "multiple_0", "ground_truth": [{"music.play": {"artist": ["Bob"]}}]}
    (tmp_path / "possible_answer" / "bfcl.jsonl").write_text(json.dumps(answer) + "\n")
    questions = loaded(tmp_path, [row("multiple_0")])
    assert said(questions, 0, "[music.play(artist='bob')]").score == 1
    with pytest.raises(
        JobError, match=r"bfcl.jsonl:2: expected the possible answers in `ground_truth` or in possible"
    ):
        loaded(tmp_path, [row("multiple_0"), row("multiple_1")])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": 5}, "expected a text in `id`, found number 5"),
        ({"question": [*ASK, *ASK]}, "expected one turn in `question`, found 2"),
        ({"question": []}, "expected a list of turns"),
        ({"question": [[{"role": "user"}]]}, "expected messages that end with the user's"),
        ({"function": []}, "expected a list of tools"),
        ({"function": [{"description": "x"}]}, "expected a tool with a name"),
        (
            {"function": [{"name": "f", "parameters": {"properties": {"x": {"type": "HashMap"}}}}]},
            "'HashMap'",
        ),
        ({"ground_truth": [{"other": {}}]}, "`ground_truth` calls other, which"),
        ({"ground_truth": [{"area": {"base": 5}}]}, "expected a list of values"),
        ({"ground_truth": "area"}, "expected the possible answers"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(JobError, match=r"bfcl.jsonl:1: .*") as caught:
        loaded(tmp_path, [row("simple_0", ground_truth=[{"area": {"base": [5]}}]) | changes])
    assert message in str(caught.value)


def test_an_id_twice_and_no_rows(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="is that of an earlier row"):
        loaded(tmp_path, [row("irrelevance_0"), row("irrelevance_0")])
    with pytest.raises(JobError, match="the file is empty"):
        loaded(tmp_path, [])


def test_a_subset_has_its_share_of_each_category(tmp_path: Path) -> None:
    rows = [row(f"{name}_{i}") for name in ("irrelevance", "live_relevance") for i in range(10)]
    drawn = loaded(tmp_path, rows, subset=4).questions
    assert sorted(q.stratum for q in drawn) == ["irrelevance"] * 2 + ["live_relevance"] * 2


def test_tools_are_declared_in_the_system_prompt_where_the_template_has_no_place() -> None:
    tools = [{"type": "function", "function": as_json_schema(PLAY)}]
    alone = declared([{"role": "user", "content": "Play."}], tools)
    both = declared([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Play."}], tools)
    assert [m["role"] for m in alone] == [m["role"] for m in both] == ["system", "user"]
    assert '"music.play"' in alone[0]["content"] and both[0]["content"].startswith("Be kind.\n\nYou may")
