"""What a `prepare` job is told: sources, weights, masks, lengths, and what the evals ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from compiling import SMALL, compiled, job, planned
from pydantic import BaseModel

from smolc.compiler.diagnostics.render import render_full
from smolc.compiler.plan.data import VERSION
from smolc.runtime.jobs import prepare
from smolc.runtime.jobs.evaluate import EvaluateJob

PREPARED = {"id": "sft-data", "kind": "prepare", "title": "", "stage": "sft", "needs": ["base"]}


def body(folder: Path, *changes: tuple[str, str]) -> dict[str, Any]:
    """Of the sft stage's data, after `changes` to the text of the small recipe; the runtime takes it as it is."""
    text = SMALL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    found = job(planned(folder, text), "sft-data").body
    complete(prepare.PrepareJob, {**PREPARED, **found})
    return found


def complete(kind: type[BaseModel], data: dict[str, Any]) -> None:
    """Valid, and says every field itself, down to the last: no default of the runtime's decides anything."""
    made = kind.model_validate(data)
    assert made.model_dump(mode="json", by_alias=True, exclude_unset=True) == made.model_dump(
        mode="json", by_alias=True
    )


def dataset(keys: str) -> tuple[str, str]:
    return ('dataset chats { path = "chats.jsonl" }', f"dataset chats {{ {keys} }}")


def mixture(keys: str) -> tuple[str, str]:
    return ("mixture talk { chats = all; holdout = 10% }", f"mixture talk {{ {keys} }}")


def sft(keys: str) -> tuple[str, str]:
    return ("  method = sft\n", f"  {keys}\n")


def test_a_recipe_that_says_nothing_of_it(tmp_path: Path) -> None:
    found = body(tmp_path)
    assert found["version"] == VERSION == prepare.VERSION
    assert (found["loss_on"], found["roles"], found["thinking"]) == ("assistant", [], True)
    assert found["dedup"] is found["decontaminate"] is None
    assert found["length"] == 4096 and found["template"]["today"] is None
    (source,) = found["sources"]
    assert source["bad_rows"] == 0
    assert source["weight"] == {"type": "all", "at_most_tokens": None, "at_most_rows": None}


def test_a_dataset_by_itself_is_complete_too(tmp_path: Path) -> None:
    found = body(tmp_path, ("  data = talk", "  data = chats"))
    assert found["sources"][0]["weight"] == {"type": "all", "at_most_tokens": None, "at_most_rows": None}


CAPS = {"at_most_tokens": None, "at_most_rows": None}


@pytest.mark.parametrize(
    ("written", "weight"),
    [
        ("all(at_most = 1Mtok)", {"type": "all", **CAPS, "at_most_tokens": 1_000_000}),
        ("all(at_most = 10_000seq)", {"type": "all", **CAPS, "at_most_rows": 10_000}),
        ("take(50%)", {"type": "take", "fraction": 0.5, "rows": None, "tokens": None}),
        ("take(20seq)", {"type": "take", "fraction": None, "rows": 20, "tokens": None}),
        ("take(5Mtok)", {"type": "take", "fraction": None, "rows": None, "tokens": 5_000_000}),
        ("share(100%)", {"type": "share", "share": 1.0, "at_most_epochs": 1.0, **CAPS}),
        ("share(100%, at_most = 4epoch)", {"type": "share", "share": 1.0, "at_most_epochs": 4.0, **CAPS}),
        (
            "share(100%, at_most = 5Mtok)",
            {"type": "share", "share": 1.0, "at_most_epochs": 1.0, **CAPS, "at_most_tokens": 5_000_000},
        ),
        (
            "share(100%, at_most = 9seq)",
            {"type": "share", "share": 1.0, "at_most_epochs": 1.0, **CAPS, "at_most_rows": 9},
        ),
    ],
)
def test_weights(tmp_path: Path, written: str, weight: dict[str, Any]) -> None:
    assert body(tmp_path, mixture(f"chats = {written}"))["sources"][0]["weight"] == weight


MESSAGES = {"type": "messages", "column": "messages", "tools": None, "template_kwargs": None, "role": "role",
            "content": "content", "roles": {}}  # fmt: skip


@pytest.mark.parametrize(
    ("written", "format"),
    [
        ("messages", MESSAGES),
        (
            'messages("turns", role = "who", content = "said", user = "human", assistant = "bot")',
            {
                **MESSAGES,
                "column": "turns",
                "role": "who",
                "content": "said",
                "roles": {"human": "user", "bot": "assistant"},
            },
        ),
        (
            'sharegpt(tools = "tools")',
            {
                **MESSAGES,
                "column": "conversations",
                "tools": "tools",
                "role": "from",
                "content": "value",
                "roles": {
                    "human": "user",
                    "gpt": "assistant",
                    "system": "system",
                    "tool": "tool",
                    "function_response": "tool",
                    "observation": "tool",
                    "function_call": "assistant",
                },
            },
        ),
        (
            'map(user = "{q.text}", assistant = "{{{a}}}")',
            {
                "type": "map",
                "text": None,
                "system": None,
                "user": "{q.text}",
                "assistant": "{{{a}}}",
                "chosen": None,
                "rejected": None,
            },
        ),
    ],
)
def test_formats(tmp_path: Path, written: str, format: dict[str, Any]) -> None:
    found = body(tmp_path, dataset(f'path = "chats.jsonl"; format = {written}'))
    assert found["sources"][0]["format"] == format


def test_where_rows_lie(tmp_path: Path) -> None:
    keys = 'path = ["./data//*.jsonl.gz", "s3://b//x/./a.jsonl", "hf://datasets/o/n@main/a.parquet"]'
    found = body(tmp_path, dataset(f"{keys}; bad_rows = drop(at_most = 0.5%)"))["sources"][0]
    paths = ["data/*.jsonl.gz", "s3://b//x/./a.jsonl", "hf://datasets/o/n@main/a.parquet"]
    assert found["location"] == {"type": "files", "paths": paths}
    assert found["bad_rows"] == 0.005
    found = body(tmp_path, dataset('hub = "o/n"; streaming = true'))["sources"][0]
    assert found["location"]["streaming"] is True


def test_a_parents_addresses_stay_what_they_are(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    keys = 'path = ["data/*.jsonl", "s3://b/a.jsonl"]'
    (base / "parent.recipe").write_text(SMALL.replace('path = "chats.jsonl"', keys), encoding="utf-8")
    made = planned(tmp_path, 'extends "base/parent.recipe"\nrecipe mine { }')
    paths = job(made, "sft-data").body["sources"][0]["location"]["paths"]
    assert paths == ["base/data/*.jsonl", "s3://b/a.jsonl"]


@pytest.mark.parametrize(
    ("written", "dedup"),
    [
        ("none", None),
        ("exact", {"type": "exact", "threshold": None}),
        ("near", {"type": "near", "threshold": 0.8}),
        ("near(threshold = 70%)", {"type": "near", "threshold": 0.7}),
    ],
)
def test_dedup(tmp_path: Path, written: str, dedup: dict[str, Any] | None) -> None:
    found = body(tmp_path, mixture(f"chats = all; basis = trained; dedup = {written}"))
    assert found["dedup"] == dedup
    assert found["basis"] == "trained"


EVALS = """
dataset other { path = "other.jsonl"; system = "Briefly." }
dataset again { path = "chats.jsonl" }
eval more {
  of = sft
  tasks = [gsm8k, ifeval]
  task longer { data = again; subset = 100seq }
  task numbers { data = other; subset = 10seq }
}
eval most {
  of = base
  tasks = [gsm8k(subset = 5seq)]
  task short { data = other; subset = 20seq }
}
"""


def test_rows_are_compared_with_each_eval_once(tmp_path: Path) -> None:
    decontaminated = mixture("chats = all; decontaminate = ngram(8, action = error)")
    found = body(tmp_path, decontaminated, ("eval final", EVALS + "eval final"))["decontaminate"]
    assert (found["ngram"], found["action"]) == (8, "error")
    against = found["against"]
    # All their problems, whatever the subset; `short` reads what `numbers` reads, and `words` what `longer` reads.
    assert [(one["name"], one["type"], one["subset"]) for one in against] == [
        ("gsm8k", "suite", None),
        ("ifeval", "suite", None),
        ("longer", "own", None),
        ("numbers", "own", None),
    ]
    numbers = against[-1]
    assert numbers["system"] == "Briefly."
    assert numbers["location"] == {"type": "files", "paths": ["other.jsonl"]}
    assert numbers["format"]["type"] == "messages"
    assert against[0]["location"] is None


def test_an_eval_changes_only_data_that_is_compared_with_it(tmp_path: Path) -> None:
    decontaminated = SMALL.replace("holdout = 10%", "holdout = 10%; decontaminate = ngram")
    for text, same in ((SMALL, True), (decontaminated, False)):
        before = job(planned(tmp_path, text), "sft-data").hash
        after = job(planned(tmp_path, text + "eval one { of = base; tasks = [gsm8k] }"), "sft-data").hash
        assert (before == after) is same


def test_what_is_trained(tmp_path: Path) -> None:
    found = body(tmp_path, sft("method = sft(loss_on = [user, assistant])"))
    assert (found["loss_on"], found["roles"], found["thinking"]) == ("roles", ["user", "assistant"], True)
    tags = ("builtin = chatml", 'builtin = chatml; thinking = tags("<t>", "</t>"); today = "2025-06-30"')
    found = body(tmp_path, sft("method = sft(thinking = false)"), tags)
    assert (found["loss_on"], found["roles"], found["thinking"]) == ("assistant", [], False)
    assert found["template"]["today"] == "2025-06-30"


def test_thinking_is_left_out_only_where_something_marks_it(tmp_path: Path) -> None:
    text = SMALL.replace(
        "  method = sft\n",
        "  method = sft(thinking = false)\n  sweep { optim.lr = [1e-5, 1e-4]; pick = min(eval_loss) }\n",
    )
    made, found = compiled(tmp_path, text)
    assert made is None
    assert [d.code for d in found] == ["C035"], render_full(found)
    assert "tags(" in (found[0].help or "") and found[0].span is not None and found[0].span.text == "false"


@pytest.mark.parametrize(
    ("written", "context", "length", "bound"),
    [
        ("fit(99%)", 2048, {"quantile": 0.99, "at_most": 2048}, 2048),
        ("fit(99%)", 65536, {"quantile": 0.99, "at_most": 32768}, 32768),
        ("fit(0.95, at_most = 8Ki)", 2048, {"quantile": 0.95, "at_most": 8192}, 8192),
        ("8Ki", 2048, 8192, 8192),
    ],
)
@pytest.mark.parametrize("packing", ["none", "best_fit"])
def test_lengths(tmp_path: Path, packing: str, written: str, context: int, length: Any, bound: int) -> None:
    text = SMALL.replace("heads = 2)", f"heads = 2, context = {context})")
    text = text.replace("  method = sft\n", f"  method = sft\n  packing = {packing}(length = {written})\n")
    made = planned(tmp_path, text)
    assert job(made, "sft-data").body["length"] == length
    assert job(made, "sft").body["length"] == bound


def test_a_fitted_length_of_a_model_that_nobody_knows(tmp_path: Path) -> None:
    scratch = SMALL[SMALL.index("  scratch") : SMALL.index("}\ndataset")]
    text = SMALL.replace(scratch, '  hub = "a/b"\n')
    text = text.replace("  method = sft\n", "  method = sft\n  packing = none(length = fit(99%))\n")
    found = job(planned(tmp_path, text), "sft-data").body
    assert found["length"] == {"quantile": 0.99, "at_most": 32768}


def test_each_run_of_a_grid_over_lengths_has_a_bound(tmp_path: Path) -> None:
    grid = "  method = sft\n  packing = none\n  sweep { packing.length = [fit(90%), 512]; pick = min(eval_loss) }\n"
    made = planned(tmp_path, SMALL.replace("  method = sft\n", grid))
    bodies = [j.body for j in made.jobs if j.stage == "sft" and j.kind == "train"]
    assert [b["length"] for b in bodies] == [2048, 512]
    lengths = [j.body["length"] for j in made.jobs if j.stage == "sft" and j.kind == "prepare"]
    assert {"quantile": 0.9, "at_most": 2048} in lengths and 512 in lengths


def test_a_prompt_of_an_eval_has_the_templates_date(tmp_path: Path) -> None:
    text = SMALL.replace("builtin = chatml", 'builtin = chatml; today = "2025-06-30"')
    found = job(planned(tmp_path, text), "final")
    complete(EvaluateJob, {**PREPARED, "kind": "evaluate", **found.body})
    assert {s["template"]["today"] for s in found.body["subjects"]} == {"2025-06-30"}
