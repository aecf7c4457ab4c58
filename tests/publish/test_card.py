"""A model's card: what it says, and that nobody's text does anything in it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from shared import RECIPE, WINNER, change_job, hub, parts, run_folder

from smolc.runtime.card import escape
from smolc.runtime.card.facts import Folder
from smolc.runtime.card.write import card, published_as, write_cards

HOSTILE = [
    "<script>alert(1)</script>",
    "[click](https://evil.example) ![x](https://evil.example/x.png)",
    "`code` ``more`` ```\n# Heading\n```",
    "---\nlicense: mit\n---",
    "a | b \\| <img src=x> \\\\| c",
    "*bold* _under_ ~~gone~~ $x$ <https://evil.example>",
    "https://evil.example www.evil.example me@evil.example",
    "# heading",
    "1. item",
    "- item",
    "&lt;b&gt; &#60;i&#62;",
    "{{ 7 * 7 }} {% raw %}",
    "yaml: [1, &a *a, !!python/object:os.system]",
    "\x1b[31mred\x1b[0m \u202egnihtemos \u2028# line",
    "```\n\n# after the fence\n````",
]


def read(text: str) -> list[Token]:
    """As GitHub does, and with HTML, where that would be read."""
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return [inner for token in reader.parse(text) for inner in (token, *(token.children or ()))]


def kinds(text: str) -> list[str]:
    return [token.type for token in read(text) if token.type not in ("text", "inline")]


def a_card(folder: Path, job: str = "dpo", weights: str = "merged") -> str:
    made = Folder(folder)
    view = made.run.find(job)
    assert view is not None
    return card(made, view, weights, published_as(made, view, weights))


@pytest.mark.parametrize("text", HOSTILE)
def test_prose_is_a_line_of_text(text: str) -> None:
    assert kinds(escape.prose(text)) == ["paragraph_open", "paragraph_close"]
    assert kinds(f"| a |\n|---|\n| {escape.prose(text)} |").count("td_open") == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_code_is_a_span_in_one_cell(text: str) -> None:
    found = kinds(f"| a |\n|---|\n| {escape.code(text)} |")
    assert found.count("td_open") == 1 and not {"link_open", "image", "em_open", "strong_open"} & set(found)
    html = [token.content for token in read(escape.code(text)) if token.type.startswith("html")]
    assert html in ([], ["<code>", "</code>"])


@pytest.mark.parametrize("text", HOSTILE)
def test_a_block_ends_where_it_should(text: str) -> None:
    assert kinds(escape.block(text)) == ["fence"]


def test_a_recipe_of_a_stranger_is_only_told(tmp_path: Path) -> None:
    """The same elements of a page, whatever the names are."""
    seen = []
    for texts in (HOSTILE, [f"name {number}" for number in range(len(HOSTILE))]):
        folder = run_folder(
            tmp_path / str(len(seen)),
            hub(license=texts[0], language=texts),
            about="x ".join(texts),
            models={"base": {"license": texts[1]}},
            sources=dict.fromkeys(texts[::2], texts[2]),
        )
        (folder / "recipe.txt").write_text("\n".join(texts))
        prepared = yaml.safe_load((folder / "jobs/sft.data/job.yaml").read_text())
        one = prepared["sources"][0]
        sources = [{**one, "name": t, "location": {"type": "files", "paths": [t]}} for t in texts]
        change_job(folder, "sft.data", sources=sources)
        front, body = parts(a_card(folder))
        assert front["license"] == "other" and front["library_name"] == "transformers"
        assert {t.content for t in read(body) if t.type == "html_inline"} <= {"<code>", "</code>"}
        links = [t.attrs["href"] for t in read(body) if t.type == "link_open"]
        assert links == ["https://github.com/smolc/smolc"]
        assert "\x1b" not in body and "\u202e" not in body
        seen.append([k for k in kinds(body) if k not in ("code_inline", "html_inline")])
    assert seen[0] == seen[1] and seen[0].count("tr_open") > 30


def test_what_a_card_says(tmp_path: Path) -> None:
    folder = run_folder(
        tmp_path,
        hub(license="Apache-2.0", language=["en"]),
        about="Reverses words.",
        models={"base": {"license": "mit"}},
        sources={"reverse": "cc0-1.0"},
    )
    source = {"type": "hub", "id": "some/base", "revision": "a" * 40}
    change_job(folder, "base", source=source)
    prepared = yaml.safe_load((folder / "jobs/sft.data/job.yaml").read_text())
    data = {"type": "hub", "id": "some/words", "config": None, "split": "train", "revision": None}
    prepared["sources"][0]["location"] = data
    change_job(folder, "sft.data", sources=prepared["sources"])
    front, body = parts(a_card(folder))
    assert {key: front[key] for key in list(front)[:8]} == {
        "license": "apache-2.0",
        "language": ["en"],
        "base_model": ["some/base"],
        "base_model_relation": "finetune",
        "datasets": ["some/words"],
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["smolc", "sft", "dpo"],
    }
    index = front["model-index"][0]
    assert index["name"] == "words" and index["results"][0]["metrics"][0]["value"] == 0.975
    lines = body.splitlines()
    assert lines[1] == "# words" and "Reverses words." in lines
    assert f"| `base` | `some/base @ {'a' * 40}` | 812,416 | `mit` |" in lines
    assert (
        "### 1. sft: supervised fine-tuning" in lines
        and "It is the best of a grid of 3, by eval\\_loss." in lines
    )
    assert "| learning rate | 5e-5, cosine, 5% warm-up |" in lines
    assert "| `sft` | `reverse` | `some/words, train` | `cc0-1.0` | 61.4% | 61,400 | 2,400 |" in lines
    scores = (
        "| `final` (test) | `reverse` | `exact_match` | 40 | 97.5% \\[87.1, 99.6\\] | 0.0% \\[0.0, 8.8\\] |"
    )
    assert scores in lines
    unknown = next(line for line in lines if "which licence" in line)
    assert "the data copy" in unknown and "reverse" not in unknown and "this model" not in unknown
    assert RECIPE.strip() in body and 'from_pretrained("someone/words"' in body
    # As the hub's own library reads it.
    from huggingface_hub import ModelCard

    assert ModelCard(a_card(folder)).data.eval_results[0].metric_value == 0.975


@pytest.mark.parametrize(
    ("publish", "license"),
    [({}, {"license": "unknown"}), ({"license": "my own"}, {"license": "other", "license_name": "my own"})],
)
def test_licences_as_the_hub_knows_them(
    publish: dict[str, Any], license: dict[str, str], tmp_path: Path
) -> None:
    front, _ = parts(a_card(run_folder(tmp_path, hub(**publish))))
    assert {key: value for key, value in front.items() if key.startswith("license")} == license


def test_an_adapter_names_the_model_it_belongs_to(tmp_path: Path) -> None:
    """That of DPO, the one that the recipe publishes of SFT."""
    published = hub(job="sft.pick", to="someone/sft") | {"more": hub(weights="adapter")["hub"]}
    folder = run_folder(tmp_path, published)
    lora = {"type": "lora", "rank": 4, "alpha": 8.0, "dropout": 0.0, "targets": "all_linear"}
    change_job(folder, "dpo", adapter={**lora, "scaling": "rank", "dora": False})
    (folder / "out/dpo/adapter").mkdir()
    written = {path.relative_to(folder / "out").as_posix() for path in write_cards(folder)}
    assert written == {f"{WINNER}/model/README.md", "dpo/model/README.md", "dpo/adapter/README.md"}
    front, body = parts((folder / "out/dpo/adapter/README.md").read_text())
    assert (front["base_model"], front["base_model_relation"]) == (["someone/sft"], "adapter")
    assert front["library_name"] == "peft" and "lora" in front["tags"]
    assert (
        'from_pretrained("someone/sft"' in body
        and 'PeftModel.from_pretrained(model, "someone/words")' in body
    )


def test_the_program_of_a_card_is_one(tmp_path: Path) -> None:
    body = parts(a_card(run_folder(tmp_path)))[1]
    fence = next(token for token in read(body) if token.type == "fence")
    compile(fence.content, "card", "exec")
    assert "apply_chat_template" in fence.content


def test_a_card_says_what_is_not_known(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    (folder / "out/final/done.json").unlink()
    line = json.dumps({"date": "", "job": "final", "plan": "", "hash": ""})
    (folder / "out/.final.jsonl").write_text(f"{line}\n{line}\n")
    body = parts(a_card(folder))[1]
    assert "Nothing was measured: how good it is, is not known." in body
    assert "The eval final is part of the recipe and was not run." in body and "## Scores" in body


def test_problems_that_were_trained_on_are_told(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    one = {
        "id": "contamination",
        "kind": "contamination",
        "title": "",
        "stage": None,
        "needs": [],
        "hash": "0",
    }
    (folder / "manifest.json").write_text(json.dumps({**manifest, "jobs": [one, *manifest["jobs"]]}))
    (folder / "out/contamination").mkdir()
    leaked = {"final": {"reverse": ["a", "b"], "copy": []}, "other": {"words": ["c"]}}
    (folder / "out/contamination/overlap.json").write_text(json.dumps({"leaked": leaked}))
    lines = [line for line in a_card(folder).splitlines() if "trains on" in line]
    assert lines == ["- 2 problems of reverse (final) are in data that this recipe trains on."]


def test_a_merge_tells_its_parts(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, hub(job="blend"))
    manifest = json.loads((folder / "manifest.json").read_text())
    needs = ["sft.pick", "dpo"]
    one = {
        "id": "blend",
        "kind": "merge",
        "title": "blend: a mean",
        "stage": "blend",
        "needs": needs,
        "hash": "0",
    }
    (folder / "manifest.json").write_text(json.dumps({**manifest, "jobs": [*manifest["jobs"], one]}))
    (folder / "out/blend/model").mkdir(parents=True)
    merged = [{"name": "sft", "weight": 0.25}, {"name": "dpo", "weight": 0.75}]
    result = {"model": {"out": "blend/model"}, "method": "linear", "merged": merged}
    (folder / "out/blend/result.json").write_text(json.dumps(result))
    (folder / "out/blend/done.json").write_text(json.dumps({"hash": "0", "inputs": {}, "needs": {}}))
    write_cards(folder)
    front, body = parts((folder / "out/blend/model/README.md").read_text())
    assert front["tags"] == ["smolc", "sft", "dpo", "merge"]
    assert (
        "### 3. blend: a mean" in body and "| dpo | weight 0.75 |" in body and "| method | linear |" in body
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "other", [None, "x", [1, [2]], {"a": {}}, -1, 1e308, b"[" * 9999, b"\xff\x00"], ids=str
)
def test_damaged_outputs_do_no_harm(other: Any, tmp_path: Path) -> None:
    """Each value in turn is of another type; or each file is none."""
    folder = run_folder(tmp_path, hub())
    names = ("stats.json", "result.json", "results.json", "card.json")
    files = {path: json.loads(path.read_text()) for name in names for path in folder.rglob(name)}
    turns = max(len(content) for content in files.values())
    for turn in range(1 if isinstance(other, bytes) else turns):
        for path, content in files.items():
            key = list(content)[turn % len(content)]
            damaged = other if isinstance(other, bytes) else json.dumps({**content, key: other}).encode()
            path.write_bytes(damaged)
        write_cards(folder)


def test_what_was_edited_by_hand_is_said(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, hub())
    assert "edited by hand" not in a_card(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for entry in manifest["jobs"]:
        if entry["id"] in ("sft.data", "dpo", "final"):
            entry["files"] = {f"jobs/{entry['id']}/job.yaml": "0" * 64}
            entry["content"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    said = [line for line in a_card(folder).splitlines() if "edited by hand" in line]
    assert [line.split()[1] for line in said] == ["sft.data", "dpo"]
