"""`--baseline`: the same data and models, trained as smolc would if the recipe said nothing about it.

A tuned recipe is compared with this baby baseline rather than with the base alone: what it gains is what the choices in
it are worth (Smol Training Playbook, post-training chapter: simple baselines first).
"""

from __future__ import annotations

from typing import Any

from smolc.compiler.model.evaluation import Eval
from smolc.compiler.model.merge import Merge, upstream
from smolc.compiler.model.methods import Cpt, NoPacking, Packing, Wrapped
from smolc.compiler.model.recipe import Recipe, Run
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.types import Link

KEPT = (
    "data",
    "template",
    "overlong",
    "precision",
    "parallel",
    "kernels",
    "checkpointing",
    "log_every",
    "evaluate_every",
    "save_every",
    "keep",
    "on",
)
"""Keys of a stage that a baseline has, too: which data it is, and how and where it is computed."""


def with_baseline(recipe: Recipe) -> Recipe:
    """Each stage gets a twin, `sft-baseline`, and each eval measures it beside the stage. A twin of a stage that starts
    from another one starts from that one's twin, and twins are merged as their stages are. No name can be taken: names in
    a recipe have no hyphens."""
    twins = {_name(name): _twin(stage, recipe) for name, stage in recipe.stages.items()}
    merges = {_name(name): _merged(recipe.merges[name], recipe) for name in _mergers(recipe)}
    runs = {name: (Run(written={}, values={}, stage=twin),) for name, twin in twins.items()}
    evals = {name: _measured(evaluation, recipe) for name, evaluation in recipe.evals.items()}
    return recipe.model_copy(
        update={
            "stages": recipe.stages | twins,
            "merges": recipe.merges | merges,
            "runs": recipe.runs | runs,
            "evals": evals,
        }
    )


def _name(stage: str) -> str:
    return f"{stage}-baseline"


def _twin(stage: Stage, recipe: Recipe) -> Stage:
    """At its defaults, but for what says which rows these are and what the machine needs. An adapter stays one of its
    kind: the whole model may not fit."""
    values: dict[str, Any] = {key: getattr(stage, key) for key in KEPT if stage.given(key)}
    init = _twins_link(stage.init) if _has_twin(stage.init, recipe) else stage.init
    values |= {
        "init": init,
        "method": type(stage.method).unwritten(),
        "adapter": type(stage.adapter).unwritten(),
        "packing": _packing(stage),
    }
    twin = Stage.model_construct(**values)
    object.__setattr__(twin, "__pydantic_private__", dict(stage.__pydantic_private__ or {"_origin": None}))
    return twin


def _twins_link(link: Link) -> Link:
    return Link(_name(link.name), None, link.span)


def _has_twin(link: Link, recipe: Recipe) -> bool:
    return link.name in recipe.stages or link.name in _mergers(recipe)


def _mergers(recipe: Recipe) -> list[str]:
    """Merges that something trained goes into; others are what they are."""
    return [name for name in recipe.merges if not recipe.stages.keys().isdisjoint(upstream(name, recipe))]


def _merged(merge: Merge, recipe: Recipe) -> Merge:
    """As the recipe merges, of twins."""
    of = tuple(_twins_link(link) if _has_twin(link, recipe) else link for link in merge.of)
    like = merge.like and (_twins_link(merge.like) if _has_twin(merge.like, recipe) else merge.like)
    return merge.model_copy(update={"of": of, "like": like})


def _packing(stage: Stage) -> Packing:
    """Unpacked, with rows as long as before. Running text that is cut anywhere has no rows to leave unpacked."""
    if isinstance(stage.packing, Wrapped) and isinstance(stage.method, Cpt):
        return stage.packing
    return NoPacking.model_construct(length=stage.packing.length)


def _measured(evaluation: Eval, recipe: Recipe) -> Eval:
    links = {link.name: _twins_link(link) for link in evaluation.of if _has_twin(link, recipe)}
    return evaluation.model_copy(update={"of": (*evaluation.of, *links.values())})
