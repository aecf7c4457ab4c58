"""`--baseline`: the same data and models, trained as smolc would if the recipe said nothing about it.

A tuned recipe is compared with this baby baseline rather than with the base alone: what it gains is what the choices in
it are worth (Smol Training Playbook, post-training chapter: simple baselines first).
"""

from __future__ import annotations

from typing import Any

from smolc.compiler.model.evaluation import Eval
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
    from another one starts from that one's twin. No name can be taken: names in a recipe have no hyphens."""
    twins = {_name(name): _twin(stage, recipe) for name, stage in recipe.stages.items()}
    runs = {name: (Run(written={}, values={}, stage=twin),) for name, twin in twins.items()}
    evals = {name: _measured(evaluation, recipe) for name, evaluation in recipe.evals.items()}
    return recipe.model_copy(
        update={"stages": recipe.stages | twins, "runs": recipe.runs | runs, "evals": evals}
    )


def _name(stage: str) -> str:
    return f"{stage}-baseline"


def _twin(stage: Stage, recipe: Recipe) -> Stage:
    """At its defaults, but for what says which rows these are and what the machine needs. An adapter stays one of its
    kind: the whole model may not fit."""
    values: dict[str, Any] = {key: getattr(stage, key) for key in KEPT if stage.given(key)}
    init = _twins_link(stage.init) if stage.init.name in recipe.stages else stage.init
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


def _packing(stage: Stage) -> Packing:
    """Unpacked, with rows as long as before. Running text that is cut anywhere has no rows to leave unpacked."""
    if isinstance(stage.packing, Wrapped) and isinstance(stage.method, Cpt):
        return stage.packing
    return NoPacking.model_construct(length=stage.packing.length)


def _measured(evaluation: Eval, recipe: Recipe) -> Eval:
    links = {link.name: _twins_link(link) for link in evaluation.of if link.name in recipe.stages}
    return evaluation.model_copy(update={"of": (*evaluation.of, *links.values())})
