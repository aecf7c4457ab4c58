"""What the types alone cannot say: values that exclude or need one another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from smolc.compiler.diagnostics import Diagnostic, Label, Severity, Span
from smolc.compiler.model.data import Mixture
from smolc.compiler.model.data_checks import check_dataset, check_format, check_mixture
from smolc.compiler.model.eval_checks import check_eval, measuring, scores_of
from smolc.compiler.model.merge_checks import check_merge
from smolc.compiler.model.methods import Cpt, Dpo, Fit, Qlora, Sft, Wrapped, Zero
from smolc.compiler.model.pair_checks import check_generate, check_pairs
from smolc.compiler.model.publish_checks import check_publish
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage, Sweep
from smolc.compiler.model.start import BytesTokenizer, Model, OwnTokenizer, Template

OF_DIFFERENCES = frozenset(
    {"sigmoid", "sigmoid_norm", "hinge", "ipo", "exo_pair", "robust", "discopop", "sft"}
)
"""DPO's losses that look at no more than the difference between two rewards, and one that looks at none."""


def check_values(recipe: Recipe) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for name, model in recipe.models.items():
        found.extend(_model(name, model))
    for name, dataset in recipe.datasets.items():
        found.extend(check_dataset(name, dataset))
    for name, mixture in recipe.mixtures.items():
        found.extend(check_mixture(name, mixture, recipe))
    for name, template in recipe.templates.items():
        found.extend(_template(name, template))
    for name, stage in recipe.stages.items():
        said = {(d.message, d.span): d for d in _stage(name, stage, recipe)}
        for run in recipe.runs.get(name, ()):
            if run.stage is not stage:
                said.update({(d.message, d.span): d for d in _stage(name, run.stage, recipe)})
        found.extend(said.values())
    for name, merge in recipe.merges.items():
        found.extend(check_merge(name, merge, recipe))
    for name, evaluation in recipe.evals.items():
        found.extend(check_eval(name, evaluation, recipe))
    found.extend(check_publish(recipe))
    for name, made in recipe.generates.items():
        found.extend(check_generate(name, made, recipe))
    for name, pairs in recipe.pairs.items():
        found.extend(check_pairs(name, pairs, recipe))
    if not (recipe.stages or recipe.merges or recipe.evals or recipe.generates or recipe.pairs):
        help = "add a `stage` or an `eval`"
        found.append(
            _error(
                "C001", "nothing-to-do", f"recipe `{recipe.name}` declares nothing to run", recipe.span, help
            )
        )
    return found


def _error(code: str, name: str, message: str, span: Span | None, help: str | None = None) -> Diagnostic:
    return Diagnostic(code, name, Severity.ERROR, message, span, help=help)


def _model(name: str, model: Model) -> Iterator[Diagnostic]:
    given = [k for k in ("hub", "path", "scratch") if getattr(model, k) is not None]
    if len(given) != 1:
        said = "none is given" if not given else " and ".join(f"`{g}`" for g in given) + " are"
        span = model.span_of(given[1]) if given else model.span
        yield _error(
            "C002",
            "one-source",
            f"model `{name}` needs exactly one of `hub`, `path`, `scratch`; {said}",
            span,
        )
        return
    for key in ("hub", "path"):
        if getattr(model, key) is not None and not getattr(model, key).strip():
            yield _error(
                "C024",
                "empty-source",
                f"`{key}` of model `{name}` is empty",
                model.span_of(key),
                "name the model",
            )
    if model.gguf is not None and model.path is None:
        yield _error(
            "C003", "gguf-without-path", "`gguf` is a file inside `path`", model.span_of("gguf"), "add `path`"
        )
    if model.revision is not None and model.hub is None:
        yield _error(
            "C004",
            "hub-only-key",
            "only a model from the hub has a revision",
            model.span_of("revision"),
        )
    if model.scratch is not None:
        if isinstance(model.tokenizer, OwnTokenizer):
            help = 'write `tokenizer = bytes`, or name one: `tokenizer = hub("...")`'
            yield _error(
                "C005",
                "tokenizer-for-model",
                f"model `{name}` is made from scratch and has no tokenizer",
                model.span,
                help,
            )
        yield from _shape(model)
    elif isinstance(model.tokenizer, BytesTokenizer):
        message = "a byte tokenizer fits only a model made from scratch"
        yield _error("C005", "tokenizer-for-model", message, model.span_of("tokenizer"))


def _shape(model: Model) -> Iterator[Diagnostic]:
    shape = model.scratch
    assert shape is not None
    if shape.hidden % shape.heads:
        near = (h for away in range(10_000) for h in (shape.heads - away, shape.heads + away))
        fits = next((h for h in near if 0 < h <= shape.hidden and shape.hidden % h == 0), 1)
        message = f"hidden = {shape.hidden} cannot be divided among {shape.heads} heads"
        yield _error(
            "C006", "shape", message, shape.span_of("heads"), f"the nearest that fits is `heads = {fits}`"
        )
    elif shape.kv_heads is not None and shape.heads % shape.kv_heads:
        message = f"{shape.heads} heads cannot share {shape.kv_heads} key-value heads"
        yield _error("C006", "shape", message, shape.span_of("kv_heads"), "kv_heads must divide heads")


def _template(name: str, template: Template) -> Iterator[Diagnostic]:
    given = [k for k in ("file", "text", "builtin") if getattr(template, k) is not None]
    if len(given) > 1:
        message = f"template `{name}` has {' and '.join(f'`{k}`' for k in given)}"
        yield _error("C002", "one-source", message, template.span_of(given[-1]), "keep one of them")


def datasets_of(stage: Stage, recipe: Recipe) -> list[str]:
    """Names of the datasets and pairs that a stage learns from."""
    if stage.data.name in recipe.mixtures:
        return list(dict.fromkeys(r.dataset.name for r in recipe.mixtures[stage.data.name].rows))
    return [stage.data.name]


def _held_data(name: str, stage: Stage, recipe: Recipe) -> Iterator[Diagnostic]:
    """What must hold of a dataset that is held out for the validation loss as a whole."""
    mixture = recipe.mixtures.get(stage.data.name)
    if mixture is None or (held := mixture.held_data) is None or held.name not in recipe.datasets:
        return
    dataset = recipe.datasets[held.name]
    yield from (replace(found, span=held.span) for found in check_format(held.name, dataset, stage))
    if same := next((row for row in mixture.rows if row.dataset.name == held.name), None):
        message = f"mixture `{stage.data.name}` trains on `{held}`, and holds it out"
        labels = (Label(same.dataset.span, "trained on"),) if same.dataset.span else ()
        help = "take one of them out; a part of it is kept out of training by `holdout = 2%`"
        yield Diagnostic(
            "C052", "held-out-and-trained", Severity.ERROR, message, held.span, labels, help=help
        )
    if dataset.role == "test":
        message = f"stage `{name}` would look at `{held}`, which is test data, while it trains"
        help = (
            "hold out a part of the mixture, or a dataset with `role = validation`; ask test data in an eval"
        )
        yield _error("C020", "training-on-test", message, held.span, help)


def _stage(name: str, stage: Stage, recipe: Recipe) -> Iterator[Diagnostic]:
    method = stage.method
    yield from _held_data(name, stage, recipe)
    for dataset in datasets_of(stage, recipe):
        rows = recipe.rows(dataset)
        yield from check_format(dataset, rows, stage)
        role = rows.span_of("role")
        if rows.role == "test" and role is not None:
            message = f"stage `{name}` would train on `{dataset}`, which is test data"
            labels = (Label(role, "said here"),)
            yield Diagnostic(
                "C020", "training-on-test", Severity.ERROR, message, stage.span_of("data"), labels
            )
    if stage.packed and not isinstance(method, (Cpt, Sft)):
        message = f"{method.word} cannot train packed rows: a pair is compared answer by answer"
        yield _error(
            "C012",
            "packing-preferences",
            message,
            stage.packing.span,
            f"packing = none(length = {_length(stage)})",
        )
    if isinstance(stage.packing, Wrapped) and isinstance(method, Sft) and method.loss_on != "all":
        message = "wrapped packing cuts conversations in two and lets them see each other"
        yield _error(
            "C013",
            "wrapped-conversations",
            message,
            stage.packing.span,
            f"packing = best_fit(length = {_length(stage)})",
        )
    if isinstance(stage.packing.length, Fit):
        yield from _fit(stage)
    if stage.overlong == "split" and not isinstance(method, (Cpt, Sft)):
        message = f"{method.word} cannot split long rows: a pair is compared answer by answer"
        help = "write `overlong = drop`, or a longer `length`"
        yield _error("C028", "split-preferences", message, stage.span_of("overlong"), help)
    if isinstance(stage.adapter, Qlora) and isinstance(stage.parallel, Zero) and stage.parallel.stage == 3:
        message = "a 4-bit base cannot be sharded by ZeRO-3"
        yield _error("C014", "qlora-zero3", message, stage.parallel.span, "parallel = ddp, or adapter = lora")
    if isinstance(method, Dpo):
        yield from _dpo(method)
    if stage.sweep is not None:
        yield from _pick(name, stage, recipe)
        yield from _halving(
            name, stage.sweep, len(recipe.runs.get(name, ())), recipe.mixtures.get(stage.data.name)
        )


def _length(stage: Stage) -> str:
    """A row's length as the recipe says it."""
    length = stage.packing.length
    return length.span.text if isinstance(length, Fit) and length.span else str(stage.packing.bound)


def _fit(stage: Stage) -> Iterator[Diagnostic]:
    span = stage.packing.span_of("length")
    if isinstance(stage.packing, Wrapped):
        message = "wrapped rows are cut anywhere, so that no length fits them better than another"
        yield _error("C029", "fitted-length", message, span, "write a length, such as `length = 4Ki`")
    elif stage.packed and stage.batch is not None and stage.batch.unit == "tok":
        message = (
            f"a batch of {stage.batch.value:,} tokens is so many rows of a length that is not known "
            "until the data is prepared"
        )
        labels = (Label(span, "fitted to the data"),) if span else ()
        help = "give the batch in sequences, such as `batch = 32seq`, or the length, such as `length = 4Ki`"
        place = stage.span_of("batch")
        yield Diagnostic("C029", "fitted-length", Severity.ERROR, message, place, labels, help=help)


def _dpo(method: Dpo) -> Iterator[Diagnostic]:
    if method.weights is not None and len(method.weights) != len(method.loss):
        count = len(method.loss)
        said = "1 loss needs 1 weight" if count == 1 else f"{count} losses need {count} weights"
        message = f"{said}, found {len(method.weights)}"
        yield _error("C015", "dpo-weights", message, method.span_of("weights"))
    if "exo_pair" in method.loss and method.label_smoothing in (0, 1):
        message = (
            f"exo_pair needs label smoothing {'above 0' if method.label_smoothing == 0 else 'below 100%'}"
        )
        yield _error(
            "C025", "exo-without-smoothing", message, method.span_of("loss"), "write `label_smoothing = 1%`"
        )
    asked = method.divergence.word
    if asked != "reverse_kl" and (single := [f"`{o}`" for o in method.loss if o not in OF_DIFFERENCES]):
        message = (
            f"{' and '.join(single)} {'look' if len(single) > 1 else 'looks'} at each answer by itself, and rewards of "
            f"divergence `{asked}` are known up to what the two answers of a pair share"
        )
        help = "take `divergence` out, or write a loss of the difference, such as `sigmoid`"
        yield _error("C060", "losses-exclude", message, method.span_of("divergence"), help)
    if method.wpo:
        sorts = [f"`{o}`" for o in method.loss if o.startswith("aot")]
        if sorts:
            verb = "sort" if len(sorts) > 1 else "sorts"
            message = f"wpo weighs pairs, and {' and '.join(sorts)} {verb} the answers of a micro batch"
            help = "take `wpo` out, or write a loss of single pairs, such as `sigmoid`"
            yield _error("C060", "losses-exclude", message, method.span_of("wpo"), help)
        if "sft" in method.loss:
            message = "wpo weighs pairs, and `sft` is a mean over the tokens of all chosen answers"
            help = "take `sft` out, or `wpo`"
            yield _error("C060", "losses-exclude", message, method.span_of("wpo"), help)


def _halving(name: str, sweep: Sweep, runs: int, data: Mixture | None) -> Iterator[Diagnostic]:
    rungs, span = sweep.halve_at, sweep.span_of("halve_at")
    if not rungs:
        return
    # A halving of two leaves one, and there is nothing more to halve.
    most = max(0, (runs - 1).bit_length())
    if any(after <= before for before, after in pairwise(rungs)):
        yield _error(
            "V011", "bad-sweep", "the parts of `halve_at` must rise", span, "write the earliest first"
        )
    elif rungs[-1] >= 1:
        help = "write a part such as `50%`"
        yield _error("V011", "bad-sweep", "a grid is halved before its runs end", span, help)
    elif runs > 0 and len(rungs) > most:
        message = f"{runs} run{'s' if runs > 1 else ''} cannot be halved {_times(len(rungs))}"
        help = f"write at most {most} part{'s' if most > 1 else ''}" if most else "take `halve_at` out"
        yield _error("V011", "bad-sweep", message, span, help)
    if (data is None or not data.holdout) and sweep.pick.metric.name != "eval_loss":
        message = f"stage `{name}` halves its grid by eval_loss, and its data keeps nothing out of training"
        yield _error("C016", "no-holdout", message, span, "add `holdout = 2%` to its mixture")


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _pick(name: str, stage: Stage, recipe: Recipe) -> Iterator[Diagnostic]:
    assert stage.sweep is not None
    metric = stage.sweep.pick.metric
    if metric.name == "eval_loss":
        if (
            isinstance(recipe.mixtures.get(stage.data.name), Mixture)
            and recipe.mixtures[stage.data.name].holdout
        ):
            return
        message = f"stage `{name}` picks by eval_loss, and its data keeps nothing out of training"
        yield _error("C016", "no-holdout", message, metric.span, "add `holdout = 2%` to its mixture")
        return
    found = measuring(metric.name, recipe)
    if found is None:
        scores = dict.fromkeys(
            score for evaluation in recipe.evals.values() for score in scores_of(evaluation)
        )
        known = ", ".join(["eval_loss", *scores])
        message = f"stage `{name}` picks by `{metric.name}`, which no eval measures"
        yield _error("C017", "unknown-metric", message, metric.span, f"one of {known}")
    elif found[1].role == "test":
        message = f"stage `{name}` picks by `{metric.name}`, which eval `{found[0]}` measures as a test"
        help = "pick by an eval with `role = validation`, or by `eval_loss`: a test is for the model that was picked"
        yield _error("C037", "picked-by-test", message, metric.span, help)
