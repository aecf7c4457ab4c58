"""What must hold of a `generate` and of `pairs` as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from smolc.compiler.diagnostics import Diagnostic, Label, Severity, Span
from smolc.compiler.model.data import Dataset, Share, Take
from smolc.compiler.model.evaluation import Greedy
from smolc.compiler.model.filters import Measured, comparisons
from smolc.compiler.model.formats import Map, PlainText
from smolc.compiler.model.generation import Generate
from smolc.compiler.model.pairing import Exact, Judged, Pairs, Strength, Tests
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import SAVE_EVERY, Stage
from smolc.compiler.model.types import Link


def _error(code: str, name: str, message: str, span: Span | None, help: str | None = None) -> Diagnostic:
    return Diagnostic(code, name, Severity.ERROR, message, span, help=help)


def check_generate(name: str, made: Generate, recipe: Recipe) -> Iterator[Diagnostic]:
    if made.samples > 1 and (isinstance(made.decode, Greedy) or made.decode.temperature == 0):
        message = f"greedy decoding gives the same answer {made.samples} times"
        help = "write `decode = sample(temperature = 0.8, max_new = ...)`, or leave `samples` out"
        yield _error("C021", "average-of-one", message, made.span_of("samples"), help)
    if made.checkpoint is not None:
        yield from _checkpoint(made, recipe)
    prompts = made.prompts.name
    if prompts in recipe.mixtures:
        for row in recipe.mixtures[prompts].rows:
            weight, label = row.weight, row.dataset.name
            cap = None if isinstance(weight, Take) else weight.at_most
            amount = weight.amount if isinstance(weight, Take) else cap
            if isinstance(weight, Share) or (amount is not None and amount.unit == "tok"):
                message = (
                    f"`{label}` is counted in tokens in mixture `{prompts}`, and prompts are counted in rows"
                )
                help = f"write `{label} = all` or `{label} = take(1_000seq)` in a mixture of prompts"
                yield _at(_error("C048", "prompts-in-tokens", message, weight.span, help), made.prompts.span)
            elif label in recipe.pairs:
                message = f"`{label}` is made of answers, and generate `{name}` asks for prompts"
                help = "name the dataset that its prompts are from"
                yield _at(_error("C048", "prompts-in-tokens", message, row.span, help), made.prompts.span)
            else:
                yield from _readable(label, recipe.datasets[label], row.dataset.span, made.prompts.span)
    else:
        yield from _readable(prompts, recipe.datasets[prompts], made.prompts.span, made.prompts.span)


def _checkpoint(made: Generate, recipe: Recipe) -> Iterator[Diagnostic]:
    name, step, span = made.of.name, made.checkpoint, made.span_of("checkpoint")
    stage = recipe.stages.get(name)
    if stage is None or step is None:
        message = f"`{made.of}` is not a stage, and only stages keep checkpoints"
        yield _error(
            "C045", "no-checkpoint", message, span, "name the stage in `of`, or leave `checkpoint` out"
        )
    elif (
        stage.sweep is None or not stage.sweep.halve_at
    ):  # the runs of a halving write some at its rungs, too
        found = [_not_kept(name, run.stage, step) for run in recipe.runs[name]]
        wrong = [why for why in found if why is not None]
        if wrong and len(wrong) == len(found):
            message, help = wrong[0]
            written = stage.span_of("save_every")
            labels = (Label(written, "how often one is written"),) if written else ()
            yield replace(_error("C045", "no-checkpoint", message, span, help), labels=labels)


def _not_kept(name: str, stage: Stage, step: int) -> tuple[str, str] | None:
    """Why a run of a stage keeps no checkpoint of a step, and what to write instead; None where it does, or only its
    data can tell."""
    save, length = stage.save_every or SAVE_EVERY, stage.length
    steps = int(length.value) if length.unit == "step" else None
    # The checkpoint of the last step is the trained stage itself.
    if (save.unit == "%" and steps is None) or step == steps:
        return None
    every = int(save.value) if save.unit == "step" else max(1, round(save.value * (steps or 0)))
    if steps is not None and step > steps:
        message = f"stage `{name}` ends after {steps:,} steps, and this is step {step:,}"
        last = (steps - 1) // every * every
        named = f"write `checkpoint = {last}step`, or " if last else ""
        return message, f"{named}leave `checkpoint` out for the trained stage"
    if step % every:
        message = f"stage `{name}` writes a checkpoint every {every:,} steps, and none of step {step:,}"
        fitting = [
            f"`checkpoint = {near}step`"
            for near in (step // every * every, (step // every + 1) * every)
            if near > 0 and (steps is None or near < steps) and _not_kept(name, stage, near) is None
        ]
        return message, f"write {' or '.join(fitting) or f'`save_every = {step}step` in it'}"
    if steps is None:
        return None
    before, keep = range(every, steps, every), max(1, stage.keep)
    reach = len(before) - before.index(step) + 1  # that of the last step is one, too
    if reach <= keep:
        return None
    oldest = before[1 - keep] if keep > 1 else steps
    newest = "newest checkpoint" if keep == 1 else f"newest {keep:,} checkpoints"
    message = f"stage `{name}` keeps its {newest}, from step {oldest:,} on"
    return message, f"write `keep = {reach}` in it"


def _at(diagnostic: Diagnostic, span: Span) -> Diagnostic:
    return replace(diagnostic, labels=(Label(span, "the prompts are named here"),))


def _readable(
    name: str,
    dataset: Dataset,
    span: Span,
    used: Span,
    what: str = "answers to `{}`, which is test data, would be trained on",
) -> Iterator[Diagnostic]:
    """Whether a dataset has prompts to answer, or answers to compare, that may be trained on. what: of test data."""
    form = dataset.format
    if isinstance(form, PlainText) or (isinstance(form, Map) and "text" in form.texts):
        message = f"dataset `{name}` is running text: it has no prompts"
        yield _error(
            "C049", "no-prompts", message, span, "take one with messages, or with prompts and answers"
        )
    role = dataset.span_of("role")
    if dataset.role == "test" and role is not None:
        message = what.format(name)
        labels = (Label(role, "said here"),)
        yield Diagnostic("C020", "training-on-test", Severity.ERROR, message, span, labels)
    for one in comparisons(dataset.where):
        if isinstance(one, Measured):
            message = f"`{one.measure}` is known of rendered rows only, and `{name}` is read for its prompts"
            help = f"compare columns in the `where` of `{name}`, or read the rows through another dataset"
            labels = (Label(used, "read here"),)
            yield replace(_error("C036", "measure-in-eval", message, one.span, help), labels=labels)


def check_pairs(name: str, pairs: Pairs, recipe: Recipe) -> Iterator[Diagnostic]:
    by = pairs.by
    for link in pairs.answers:
        if link.name in recipe.datasets:
            yield from _readable(link.name, recipe.datasets[link.name], link.span, link.span)
    if isinstance(by, Strength):
        yield from _strength(by)
    elif len(pairs.answers) == 1:
        yield from _alone(pairs.answers[0], by.word, recipe)
    if isinstance(by, Judged) and by.style == "pairwise" and by.given("margin"):
        message = "`margin` is between two grades, and a judge of pairs gives none: it says which of two answers is better"
        yield _error(
            "C053",
            "margin-of-pairwise",
            message,
            by.span_of("margin"),
            "take it out, or write `style = grade`",
        )
    if isinstance(by, Tests) and not pairs.run_code:
        message = f"pairs `{name}` run programs that a model wrote, which the recipe does not allow"
        help = "write `run_code = true` in it: they run alone, without network and within limits"
        yield _error("C041", "code-not-allowed", message, by.span, help)
    if isinstance(by, (Exact, Tests)) and by.problems is not None:
        link = by.problems
        what = "`{}`, which is test data, would decide what is trained on"
        yield from _readable(link.name, recipe.datasets[link.name], link.span, link.span, what)
    elif isinstance(by, (Exact, Tests)):
        stray = next((x for x in pairs.answers if x.name in recipe.datasets), None)
        if stray is not None:
            message = f"what is right is not known of the answers in dataset `{stray.name}`"
            help = f"name the rows that say it: `{by.word}(..., problems = ...)`"
            yield _error("C047", "no-problems", message, stray.span, help)


def _strength(by: Strength) -> Iterator[Diagnostic]:
    strong = {link.name for link in by.chosen}
    for link in by.rejected:
        if link.name in strong:
            message = f"`{link.name}` is both the stronger and the weaker one"
            help = "generate answers of two models, or of two checkpoints of a stage"
            yield _error("C046", "nothing-to-pair", message, link.span, help)


def _alone(link: Link, word: str, recipe: Recipe) -> Iterator[Diagnostic]:
    made = recipe.generates.get(link.name)
    if made is not None and made.samples == 1:
        message = (
            f"`{link.name}` has one answer to each prompt, and `{word}` compares answers to the same prompt"
        )
        help = "write `samples = 4` or so in it, with `decode = sample(...)`, or name another one beside it"
        yield _error("C046", "nothing-to-pair", message, link.span, help)
