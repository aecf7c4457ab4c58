"""`README.md` of a model's folder, from `templates/card.md.j2`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from smolc.runtime.card.escape import block, code, prose
from smolc.runtime.card.facts import Folder, Measured, Source
from smolc.runtime.card.metadata import adapter_base, front_matter
from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.looks import looks, times
from smolc.runtime.jobs.model import GgufModel, HubModel, ModelJob, PathModel
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.report.collect import JobView
from smolc.runtime.report.outputs import mapping, number, objects
from smolc.runtime.report.scored import interval
from smolc.runtime.report.story import METHODS
from smolc.runtime.report.text import count, decimal, percent, setting
from smolc.runtime.report.training import facts_of, settings_of

NAME = "README.md"
RANDOM = "random weights"
# What says how it ran on a machine, and nothing of what was learnt.
_ASIDE = ("tokens per second", "peak memory", "attention", "parallel")


def write_cards(path: Path) -> list[Path]:
    """A card in each folder of a model that was made here, and of its adapter. Raises BrokenFolder, OSError."""
    folder = Folder(path)
    written = []
    for view in folder.run.jobs:
        if view.state != "done" or view.kind == "model" or folder.maker(view.id) is not view:
            continue
        if not mapping(view.result.get("model")).get("out"):
            continue
        for weights, name in (("merged", "model"), ("adapter", "adapter")):
            if (view.out / name).is_dir():
                publish = published_as(folder, view, weights)
                target = view.out / name / NAME
                write_atomically(target, card(folder, view, weights, publish))
                written.append(target)
    return written


def published_as(folder: Folder, view: JobView, weights: str) -> dict[str, Any]:
    """What the recipe says of where a model may be pushed to; nothing if it does not say so."""
    mine = view.result.get("model")
    return next(
        (
            one
            for one in folder.publishes.values()
            if one.get("weights") == weights and folder.model_of(str(one.get("job"))) == mine
        ),
        {},
    )


def card(folder: Folder, view: JobView, weights: str, publish: dict[str, Any]) -> str:
    """The whole text. publish: as in `card.json`, or empty."""
    manifest = folder.run.manifest
    stage = view.entry.stage or view.id
    to = publish.get("to")
    name = str(to).rpartition("/")[2] if to else f"{manifest.recipe}-{stage}"
    measured, sources = folder.measured(view), folder.sources(view)
    text = (
        _engine()
        .get_template("card.md.j2")
        .render(
            name=name,
            about=manifest.about[:4000],
            weights=weights,
            made=list(_made(folder, view)),
            starts=list(_starts(folder, view)),
            sources=[_row(one) for one in sources],
            several=len({one.stage for one in sources}) > 1,
            license=publish.get("license"),
            unknown=_unknown(folder, view, sources, publish),
            scores=[_score(one) for one in measured],
            limits=list(_limits(folder, view, measured)),
            usage=usage(folder, view, weights, str(to) if to else "path/to/this/folder"),
            recipe=folder.recipe,
            smolc=manifest.smolc,
            hash=manifest.hash[:12],
        )
    )
    return front_matter(folder, view, name, weights, publish) + "\n" + text


def _made(folder: Folder, view: JobView) -> Iterator[dict[str, Any]]:
    """Each step on the way: what it was, and name and value of what it was set to and came to."""
    for one in folder.before(view):
        if isinstance(one.job, TrainJob):
            settings = [*settings_of(one, set(), True), *facts_of(folder.trained(one))]
            picked = next(
                (
                    f"the best of a grid of {len(p.job.candidates)}, by {p.result.get('metric')}"
                    for p in folder.run.of_kind("pick")
                    if p.result.get("winner") == one.id and p.job is not None
                ),
                None,
            )
            yield {
                "name": one.entry.stage or one.id,
                "what": METHODS[one.job.method],
                "picked": picked,
                "settings": [s for s in settings if s[0] not in _ASIDE],
            }
        elif one.kind != "model":
            parts = objects(one.result.get("merged"))
            settings = [(str(p.get("name")), f"weight {setting(p.get('weight'))}") for p in parts]
            if method := one.result.get("method"):
                settings.insert(0, ("method", str(method)))
            what = one.entry.title.removeprefix(f"{one.id}: ")
            yield {"name": one.id, "what": what, "picked": None, "settings": settings}


def _starts(folder: Folder, view: JobView) -> Iterator[dict[str, Any]]:
    for one in folder.starts(view):
        assert isinstance(one.job, ModelJob)
        where = _place(one.job)
        size = number(one.result.get("parameters"))
        yield {
            "name": one.id,
            "where": where,
            "size": count(size) if size else None,
            "license": "–" if where == RANDOM else folder.license("models", one.id),
        }


def _place(job: ModelJob) -> str:
    """Of a folder only its name: where it lies is the machine's."""
    source = job.source
    if isinstance(source, HubModel):
        return f"{source.id} @ {source.revision}" if source.revision else source.id
    if isinstance(source, PathModel):
        return Path(source.path).name
    return source.file if isinstance(source, GgufModel) else RANDOM


def _row(source: Source) -> dict[str, Any]:
    return {
        "stage": source.stage,
        "name": source.name,
        "where": source.where,
        "hub": source.hub,
        "license": source.license or "unknown",
        "share": "–" if source.share is None else percent(source.share),
        "tokens": "–" if source.tokens is None else count(source.tokens),
        "rows": "–" if source.rows is None else count(source.rows),
    }


def _unknown(folder: Folder, view: JobView, sources: list[Source], publish: dict[str, Any]) -> list[str]:
    """What has no licence that the recipe knows of."""
    missing = [] if publish.get("license") else ["this model"]
    starts = [one.id for one in folder.starts(view) if _place(one.job) != RANDOM]
    missing += [f"the start model {one}" for one in starts if not folder.license("models", one)]
    missing += [f"the data {name}" for name in dict.fromkeys(s.name for s in sources if not s.license)]
    return missing


def _score(measured: Measured) -> dict[str, Any]:
    score, start = measured.score, measured.start
    share = score.is_share and (start is None or start.is_share)

    def said(one: Any) -> str:
        value = percent(one.value) if share else decimal(one.value)
        return " ".join(filter(None, (value, interval(one.low, one.high, share))))

    return {
        "eval": measured.one.id,
        "role": measured.one.job.role if measured.one.job else "",
        "task": score.task,
        "metric": score.metric,
        "n": "–" if score.n is None else count(score.n) + (f" × {score.k}" if score.k > 1 else ""),
        "value": said(score),
        "start": said(start) if start is not None and start.value is not None else "–",
    }


def _limits(folder: Folder, view: JobView, measured: list[Measured]) -> Iterator[str]:
    """What the numbers do not say, and the recipe."""
    for one in folder.by_hand(view):
        files = ", ".join(one.edited)
        yield f"{one.id} was run as {files} said, edited by hand: not all of it is as the recipe below says."
    if not measured:
        yield "Nothing was measured: how good it is, is not known."
    seen = looks(folder.path)
    tests = dict.fromkeys(m.one.id for m in measured if m.one.job and m.one.job.role == "test")
    for name in tests:
        if seen.get(name, 0) > 1:
            yield f"The test data of {name} was looked at {times(seen[name])}: what was chosen in between is not tested."
    if measured and not tests:
        yield "All scores are of validation data, by which choices may have been made."
    for name, task, many in folder.leaked():
        if any((m.one.id, m.score.task) == (name, task) for m in measured):
            yield f"{count(many)} problems of {task} ({name}) are in data that this recipe trains on."
    for name in folder.unmeasured(view):
        yield f"The eval {name} is part of the recipe and was not run."
    small = min((m.score.n for m in measured if m.score.n is not None), default=None)
    if small is not None and small < 200:
        yield f"Scores of few problems ({small} at the least) move by chance: see the intervals."
    yield "Nothing was measured of safety, bias or languages other than those of the data, unless a score above says so."


def usage(folder: Folder, view: JobView, weights: str, where: str) -> str:
    """A program that asks the model something. where: a repository, or a place to be filled in."""
    code = any(isinstance(one.job, TrainJob) and one.job.trust_remote_code for one in folder.before(view))
    remote = ", trust_remote_code=True" if code else ""
    lines = ["from transformers import AutoModelForCausalLM, AutoTokenizer", ""]
    if weights == "adapter":
        base = adapter_base(folder, view) or "path/to/the/model/it/was/trained/from"
        lines[1:1] = ["from peft import PeftModel"]
        lines += [
            f'model = AutoModelForCausalLM.from_pretrained({_literal(base)}, dtype="auto"{remote})',
            f"model = PeftModel.from_pretrained(model, {_literal(where)})",
        ]
    else:
        lines += [f'model = AutoModelForCausalLM.from_pretrained({_literal(where)}, dtype="auto"{remote})']
    lines += [
        f"tokenizer = AutoTokenizer.from_pretrained({_literal(where)}{remote})",
    ]
    if all(one.job.method == "cpt" for one in folder.before(view) if isinstance(one.job, TrainJob)):
        lines += ['inputs = tokenizer("Once", return_tensors="pt")']
    else:
        lines += [
            'messages = [{"role": "user", "content": "Hello!"}]',
            "inputs = tokenizer.apply_chat_template(",
            '    messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"',
            ")",
        ]
    return "\n".join(
        [
            *lines,
            "answer = model.generate(**inputs, max_new_tokens=256)",
            'print(tokenizer.decode(answer[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))',
        ]
    )


def _literal(text: str) -> str:
    return json.dumps(text)


@cache
def _engine() -> Environment:
    engine = Environment(
        loader=PackageLoader("smolc.templates", ""),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # markdown; every value goes through one of these
    )
    engine.filters.update(prose=prose, code=code, block=block)
    return engine
