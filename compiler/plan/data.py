"""Bodies of `model` and `prepare` jobs: where things are, how rows are read, how much of each."""

from __future__ import annotations

from typing import Any

from smolc.compiler.model.data import All, Dataset, Mixture, Row, Share, Take
from smolc.compiler.model.methods import Cpt, Sft
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.start import BytesTokenizer, HubTokenizer, Model, OwnTokenizer
from smolc.compiler.model.types import Quantity
from smolc.compiler.plan.paths import relative
from smolc.compiler.resolve import Resolved


def model_body(model: Model, resolved: Resolved) -> dict[str, Any]:
    return {
        "source": _model_source(model, resolved),
        "tokenizer": _tokenizer(model, resolved),
        "dtype": model.dtype,
        "trust_remote_code": model.trust_remote_code,
    }


def _model_source(model: Model, resolved: Resolved) -> dict[str, Any]:
    if model.hub is not None:
        return {"type": "hub", "id": model.hub, "revision": model.revision}
    if model.path is not None:
        path = relative(resolved, model.path, model.span_of("path"))
        return (
            {"type": "gguf", "path": path, "file": model.gguf}
            if model.gguf
            else {"type": "path", "path": path}
        )
    shape = model.scratch
    assert shape is not None
    return {
        "type": "scratch",
        "architecture": shape.word,
        "layers": shape.layers,
        "hidden": shape.hidden,
        "heads": shape.heads,
        "kv_heads": shape.kv_heads or shape.heads,
        "intermediate": shape.intermediate or 4 * shape.hidden,
        "context": shape.context,
    }


def _tokenizer(model: Model, resolved: Resolved) -> dict[str, Any]:
    tokenizer = model.tokenizer
    if isinstance(tokenizer, OwnTokenizer):
        return {"type": "own"}
    if isinstance(tokenizer, BytesTokenizer):
        return {"type": "bytes", "special": list(tokenizer.special)}
    if isinstance(tokenizer, HubTokenizer):
        return {"type": "hub", "id": tokenizer.id, "revision": tokenizer.revision}
    folder = relative(resolved, tokenizer.folder, tokenizer.span_of("folder"))
    return {"type": "path", "id": folder, "revision": None}


def location(dataset: Dataset, resolved: Resolved, split: str | None = None) -> dict[str, Any]:
    if dataset.path is not None:
        span = dataset.span_of("path")
        return {"type": "files", "paths": [relative(resolved, p, span) for p in dataset.path]}
    return {
        "type": "hub",
        "id": dataset.hub,
        "config": dataset.config,
        "split": split or dataset.split,
        "revision": dataset.revision,
    }


def rows_of(dataset: Dataset, resolved: Resolved, split: str | None = None) -> dict[str, Any]:
    """Location, format and conditions: how the rows of a dataset are read."""
    form = {"type": dataset.format.word, **dataset.format.model_dump()}
    if form["type"] == "preference":
        form["prompt"] = form["prompt"] or None
    return {
        "location": location(dataset, resolved, split),
        "format": form,
        "where": [c.model_dump() for c in dataset.where],
        "system": dataset.system,
    }


def _weight(weight: All | Take | Share) -> dict[str, Any]:
    if isinstance(weight, Share):
        return {"type": "share", "share": weight.share, "at_most_epochs": weight.at_most}
    if isinstance(weight, Take):
        rows = int(weight.amount.value) if weight.amount.unit == "seq" else None
        return {"type": "take", "fraction": weight.amount.value if rows is None else None, "rows": rows}
    return {"type": "all"}


def _source(row: Row, recipe: Recipe, resolved: Resolved) -> dict[str, Any]:
    name = row.dataset.name if row.split is None else f"{row.dataset.name}/{row.split}"
    read = rows_of(recipe.datasets[row.dataset.name], resolved, row.split)
    return {"name": name, **read, "weight": _weight(row.weight)}


def sources_of(data: str, recipe: Recipe, resolved: Resolved) -> list[dict[str, Any]]:
    """What a mixture, or a dataset by itself, reads: location, format and weight of each source."""
    if data in recipe.mixtures:
        return [_source(row, recipe, resolved) for row in recipe.mixtures[data].rows]
    return [{"name": data, **rows_of(recipe.datasets[data], resolved), "weight": {"type": "all"}}]


def prepare_body(
    stage: Stage,
    model: str,
    template: dict[str, Any] | None,
    recipe: Recipe,
    sources: list[dict[str, Any]],
) -> dict[str, Any]:
    """sources: those of the stage's data."""
    mixture = recipe.mixtures.get(stage.data.name) or Mixture(rows=())
    method = stage.method
    loss_on = (
        method.loss_on if isinstance(method, Sft) else "all" if isinstance(method, Cpt) else "completion"
    )
    return {
        "method": method.word,
        "model": model,
        "template": template,
        "loss_on": loss_on,
        "sources": sources,
        "basis": mixture.basis,
        "budget_tokens": mixture.budget,
        "holdout": _holdout(mixture.holdout),
        "length": stage.packing.length,
        "overlong": stage.overlong,
        "packing": stage.packing.word,
        "trust_remote_code": recipe.models[model].trust_remote_code,
    }


def _holdout(holdout: Quantity | None) -> dict[str, Any] | None:
    if holdout is None:
        return None
    whole = holdout.unit == "seq"
    return {"fraction": None if whole else holdout.value, "rows": int(holdout.value) if whole else None}
