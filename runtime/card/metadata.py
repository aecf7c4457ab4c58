"""The front matter of a card: YAML as the hub reads it.

Source: the model card specification of huggingface_hub (modelcard_template.md and docs/hub/model-cards).
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from smolc.runtime.card.facts import Folder, Measured
from smolc.runtime.jobs.train import Lora, TrainJob
from smolc.runtime.report.collect import JobView
from smolc.runtime.report.text import label

LICENSES = frozenset(
    """apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m
    afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5
    cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0
    cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0
    cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0
    lgpl lgpl-2.1 lgpl-3.0 isc lppl-1.3c ms-pl apple-ascl mpl-2.0 odc-by odbl openrail++ osl-3.0 postgresql ofl-1.1
    ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 gemma unknown
    other""".split()  # noqa: SIM905  a list of them would be as long as a page
)
"""Ids that the hub knows; what is none of them is `other`, with its name."""

_ID = re.compile(r"[\w.-]+/[\w.-]+|[\w.-]+", re.ASCII)


def front_matter(folder: Folder, view: JobView, name: str, weights: str, publish: dict[str, Any]) -> str:
    """Between its two lines of dashes. name: of the model; publish: what its `publish` block says, if there is one."""
    said = yaml.safe_dump(
        metadata(folder, view, name, weights, publish), sort_keys=False, allow_unicode=True, width=1 << 20
    )
    return f"---\n{said}---\n"


def metadata(
    folder: Folder, view: JobView, name: str, weights: str, publish: dict[str, Any]
) -> dict[str, Any]:
    found: dict[str, Any] = dict(_license(publish.get("license")))
    if languages := [label(str(one)) for one in publish.get("language") or ()]:
        found["language"] = languages
    bases, relation = base_models(folder, view, weights)
    if bases:
        found["base_model"], found["base_model_relation"] = bases, relation
    datasets = dict.fromkeys(s.hub for s in folder.sources(view) if s.hub and _ID.fullmatch(s.hub))
    if datasets:
        found["datasets"] = list(datasets)
    found["library_name"] = "peft" if weights == "adapter" else "transformers"
    found["pipeline_tag"] = "text-generation"
    found["tags"] = _tags(folder, view)
    if results := [_result(one) for one in folder.measured(view)]:
        found["model-index"] = [{"name": label(name), "results": results}]
    return found


def base_models(folder: Folder, view: JobView, weights: str) -> tuple[list[str], str]:
    """Hub ids of what the model is made from, and how. Of an adapter, the one model that it belongs to."""
    if weights == "adapter":
        base = adapter_base(folder, view)
        return ([base] if base else []), "adapter"
    made = [one for one in folder.before(view) if one.kind != "model"]
    trained = any(isinstance(one.job, TrainJob) for one in made)
    bases = dict.fromkeys(b for b in folder.hub_starts(view) if _ID.fullmatch(b))
    return list(bases), "finetune" if trained and len(bases) < 2 else "merge"


def adapter_base(folder: Folder, view: JobView) -> str | None:
    """Hub id of the model that an adapter is added to: a start model's, or where the recipe publishes it."""
    if not isinstance(view.job, TrainJob):
        return None
    start = folder.maker(view.job.init)
    if start is None:
        return None
    if start.kind == "model":
        return next(iter(folder.hub_starts(start)), None)
    mine = start.result.get("model")
    published = (
        str(one.get("to"))
        for one in folder.publishes.values()
        if one.get("weights") == "merged" and folder.model_of(str(one.get("job"))) == mine
    )
    return next(published, None)


def _license(said: Any) -> list[tuple[str, str]]:
    if not isinstance(said, str) or not said.strip():
        return [("license", "unknown")]
    name = label(said)
    if name.lower() in LICENSES:
        return [("license", name.lower())]
    return [("license", "other"), ("license_name", name)]


def _tags(folder: Folder, view: JobView) -> list[str]:
    tags = ["smolc"]
    for one in folder.before(view):
        if isinstance(one.job, TrainJob):
            tags.append(one.job.method)
            if isinstance(one.job.adapter, Lora):
                tags += [one.job.adapter.type, *(["dora"] if one.job.adapter.dora else [])]
        elif one.kind != "model":
            tags.append(one.kind)
    return list(dict.fromkeys(tags))


def _result(one: Measured) -> dict[str, Any]:
    task = one.one.task(one.score.task)
    place = getattr(task, "location", None)
    name = label(one.score.task)
    kind = getattr(place, "id", None) or getattr(task, "task", None) or one.score.task
    said = {"type": label(one.score.metric), "value": one.score.value, "name": label(one.score.metric)}
    return {
        "task": {"type": "text-generation"},
        "dataset": {"name": name, "type": label(str(kind))},
        "metrics": [said],
    }
