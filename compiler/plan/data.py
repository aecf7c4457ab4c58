"""Bodies of `model` and `prepare` jobs: where things are, how much of each, and what it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smolc.compiler.model.data import (
    All,
    Dataset,
    Drop,
    ExactDedup,
    Mixture,
    NearDedup,
    Ngram,
    NoDecontamination,
    NoDedup,
    Row,
    Share,
    Take,
)
from smolc.compiler.model.formats import Preference
from smolc.compiler.model.methods import Cpt, Fit, Method, Sft
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.start import BytesTokenizer, HubTokenizer, Model, OwnTokenizer
from smolc.compiler.model.types import Quantity
from smolc.compiler.plan.paths import relative
from smolc.compiler.plan.rows import format_body, rows_of
from smolc.compiler.resolve import Resolved

VERSION = 2
"""Of prepared data: `runtime/jobs/prepare.py` says when it is raised."""


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


def _weight(weight: All | Take | Share) -> dict[str, Any]:
    if isinstance(weight, Share):
        epochs = weight.epochs
        return {"type": "share", "share": weight.share, "at_most_epochs": epochs, **_caps(weight.at_most)}
    if isinstance(weight, Take):
        amount = weight.amount
        return {
            "type": "take",
            "fraction": amount.value if amount.unit == "%" else None,
            "rows": int(amount.value) if amount.unit == "seq" else None,
            "tokens": int(amount.value) if amount.unit == "tok" else None,
        }
    return {"type": "all", **_caps(weight.at_most)}


def _caps(cap: Quantity | None) -> dict[str, int | None]:
    return {
        f"at_most_{name}": int(cap.value) if cap is not None and cap.unit == unit else None
        for name, unit in (("tokens", "tok"), ("rows", "seq"))
    }


def _source(row: Row, recipe: Recipe, resolved: Resolved) -> dict[str, Any]:
    if row.dataset.name in recipe.pairs:
        return _made(row.dataset.name, recipe, row.weight)
    name = row.dataset.name if row.split is None else f"{row.dataset.name}/{row.split}"
    return _read(name, recipe.datasets[row.dataset.name], resolved, row.split, row.weight)


def _read(
    name: str, dataset: Dataset, resolved: Resolved, split: str | None, weight: All | Take | Share
) -> dict[str, Any]:
    bad = dataset.bad_rows.at_most if isinstance(dataset.bad_rows, Drop) else 0.0
    rows = rows_of(dataset, resolved, split)
    return {"name": name, **rows, "weight": _weight(weight), "bad_rows": bad}


def _made(pairs: str, recipe: Recipe, weight: All | Take | Share) -> dict[str, Any]:
    """Preference rows that a `pairs` job of the same folder makes."""
    return {
        "name": pairs,
        "location": {"type": "made", "job": pairs},
        "format": format_body(Preference.unwritten()),
        "where": None,
        "system": None,
        "weight": _weight(weight),
        "bad_rows": recipe.pairs[pairs].tolerated,
    }


def sources_of(data: str, recipe: Recipe, resolved: Resolved) -> list[dict[str, Any]]:
    """What a mixture, or a dataset or pairs by themselves, read: location, format and weight of each source, and of what
    is held out beside them."""
    if data in recipe.mixtures:
        mixture = recipe.mixtures[data]
        made = [_source(row, recipe, resolved) for row in mixture.rows]
        if (held := mixture.held_data) is not None:
            made.append(_read(held.name, recipe.datasets[held.name], resolved, None, All.unwritten()))
        return made
    if data in recipe.pairs:
        return [_made(data, recipe, All.unwritten())]
    return [_read(data, recipe.datasets[data], resolved, None, All.unwritten())]


def prepare_body(
    stage: Stage,
    model: str,
    template: dict[str, Any] | None,
    recipe: Recipe,
    sources: list[dict[str, Any]],
    against: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """sources: those of the stage's data. against: what the recipe's evals ask, for a mixture that is decontaminated."""
    mixture = recipe.mixtures.get(stage.data.name) or Mixture(rows=())
    method = stage.method
    length = stage.packing.length
    return {
        "version": VERSION,
        "method": method.word,
        "model": model,
        "template": template,
        **_mask(method),
        "sources": sources,
        "basis": mixture.basis,
        "budget_tokens": mixture.budget,
        "holdout": _holdout(mixture),
        "dedup": _dedup(mixture.dedup),
        "decontaminate": _decontaminate(mixture.decontaminate, against),
        "length": {"quantile": length.quantile, "at_most": stage.packing.bound}
        if isinstance(length, Fit)
        else length,
        "overlong": stage.overlong,
        "packing": stage.packing.word,
        "trust_remote_code": recipe.models[model].trust_remote_code,
    }


def _holdout(mixture: Mixture) -> dict[str, Any] | None:
    part, held = mixture.held_part, mixture.held_data
    if part is None and held is None:
        return None
    return {
        "fraction": part.value if part is not None and part.unit == "%" else None,
        "rows": int(part.value) if part is not None and part.unit == "seq" else None,
        "source": None if held is None else held.name,
    }


def _mask(method: Method) -> dict[str, Any]:
    """Which tokens are trained."""
    thinking = not isinstance(method, Sft) or method.thinking
    if not isinstance(method, Sft):
        loss_on = "all" if isinstance(method, Cpt) else "completion"
        return {"loss_on": loss_on, "roles": [], "thinking": thinking}
    if isinstance(method.loss_on, str):
        return {"loss_on": method.loss_on, "roles": [], "thinking": thinking}
    return {"loss_on": "roles", "roles": list(method.loss_on), "thinking": thinking}


def _dedup(dedup: NoDedup | ExactDedup | NearDedup) -> dict[str, Any] | None:
    if isinstance(dedup, NoDedup):
        return None
    return {"type": dedup.word, "threshold": dedup.threshold if isinstance(dedup, NearDedup) else None}


def _decontaminate(
    decontaminate: NoDecontamination | Ngram, against: Sequence[dict[str, Any]]
) -> dict[str, Any] | None:
    if isinstance(decontaminate, NoDecontamination):
        return None
    return {"ngram": decontaminate.n, "action": decontaminate.action, "against": list(against)}
