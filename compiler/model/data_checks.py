"""What the types alone cannot say of data: paths, formats, shares, and what a method can learn from."""

from __future__ import annotations

from collections.abc import Container, Iterator

from smolc.compiler.diagnostics import Diagnostic, Label, Severity, Span
from smolc.compiler.model.base import Variant
from smolc.compiler.model.data import Dataset, Mixture, Ngram, Share
from smolc.compiler.model.formats import (
    CONVERSATION,
    DOCUMENT,
    PREFERENCE,
    Alpaca,
    Format,
    Map,
    Messages,
    PlainText,
    Preference,
    PromptCompletion,
    Sharegpt,
    Unpaired,
)
from smolc.compiler.model.methods import Cpo, Cpt, Dpo, Kto, Orpo, Sft, Simpo
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.texts import ROLES, columns

FITTING: dict[type[Variant], tuple[type[Variant], ...]] = {
    Cpt: (PlainText,),
    Sft: (Messages, Sharegpt, Alpaca, PromptCompletion),
    Dpo: (Preference,),
    Orpo: (Preference,),
    Cpo: (Preference,),
    Simpo: (Preference,),
    Kto: (Unpaired, Preference),
}
"""Formats that a method can learn from."""

MAPS: dict[type[Variant], frozenset[str]] = {
    Cpt: DOCUMENT,
    Sft: CONVERSATION,
    Dpo: PREFERENCE,
    Orpo: PREFERENCE,
    Cpo: PREFERENCE,
    Simpo: PREFERENCE,
}
"""Texts that `map` has to put together for a method."""


def _error(code: str, name: str, message: str, span: Span | None, help: str | None = None) -> Diagnostic:
    return Diagnostic(code, name, Severity.ERROR, message, span, help=help)


def check_dataset(name: str, dataset: Dataset) -> Iterator[Diagnostic]:
    yield from _format(dataset.format)
    if (dataset.hub is None) == (dataset.path is None):
        said = "none is given" if dataset.hub is None else "both are"
        message = f"dataset `{name}` needs exactly one of `hub` and `path`; {said}"
        yield _error("C002", "one-source", message, dataset.span_of("path"))
        return
    if dataset.path is not None:
        if not dataset.path:
            yield _error("C007", "no-files", "`path` is an empty list", dataset.span_of("path"))
        for key in ("config", "revision", "split", "streaming"):
            if dataset.given(key):
                message = f"`{key}` belongs to a dataset from the hub, and this one is local"
                yield _error("C004", "hub-only-key", message, dataset.span_of(key))


def _format(form: Format) -> Iterator[Diagnostic]:
    if isinstance(form, Map):
        said = " and ".join(f"`{key}`" for key in form.texts)
        if form.makes is None:
            message = f"{said} together make no row" if said else "`map` puts nothing together"
            help = "write `text`; `user` and `assistant`; or `user`, `chosen` and `rejected`"
            yield _error("C027", "map-texts", message, form.span, help)
        elif not any(map(columns, form.texts.values())):
            message = (
                f"{said} {'name' if len(form.texts) > 1 else 'names'} no column: all rows would be the same"
            )
            yield _error("C027", "map-texts", message, form.span, "write `{column}` where its text goes")
    elif isinstance(form, Messages):
        roles: dict[str, str] = {}
        for role in ROLES:
            called = form.named.get(role, role)
            if called in roles:
                place = role if role in form.named else roles[called]
                message = f"`{called}` is what the data calls both the {roles[called]} and the {role}"
                yield _error(
                    "C033", "role-names", message, form.span_of(place), "give each a name of its own"
                )
            roles.setdefault(called, role)


def check_mixture(name: str, mixture: Mixture, recipe: Recipe) -> Iterator[Diagnostic]:
    if not mixture.rows:
        yield _error(
            "C008", "empty-mixture", f"mixture `{name}` has no rows", mixture.span, "add `DATASET = all`"
        )
    yield from _shares(name, mixture)
    for row in mixture.rows:
        made = row.dataset.name in recipe.pairs
        if row.split is not None and (made or recipe.datasets[row.dataset.name].path is not None):
            message = f"`{row.dataset.name}` is {'made' if made else 'local'} and has no split `{row.split}`"
            help = f"write `{row.dataset.name} = ...` outside of `from`"
            yield _error("C022", "local-split", message, row.span, help)
    if isinstance(mixture.decontaminate, Ngram) and not recipe.evals:
        message = f"mixture `{name}` is compared with the recipe's evals, and there are none"
        help = "add an `eval`, or leave `decontaminate` out"
        yield _error("C034", "nothing-to-compare", message, mixture.decontaminate.span, help)


def _shares(name: str, mixture: Mixture) -> Iterator[Diagnostic]:
    shares = [r.weight for r in mixture.rows if isinstance(r.weight, Share)]
    total = sum(s.share for s in shares)
    only = len(shares) == len(mixture.rows)
    if total > 1 + 1e-9:
        labels = tuple(Label(s.span, f"{s.share:.4g}") for s in shares[:-1] if s.span)
        message = f"the shares of mixture `{name}` add up to {total:.1%}, more than 100%"
        yield Diagnostic("C009", "shares", Severity.ERROR, message, shares[-1].span, labels)
    elif shares and not only and total > 1 - 1e-9:
        message = f"the shares of mixture `{name}` add up to 100%: nothing is left for the other rows"
        yield _error("C009", "shares", message, shares[-1].span)
    elif shares and only and abs(total - 1) > 0.001:
        message = f"every row of mixture `{name}` is a share, and they add up to {total:.1%}, not 100%"
        yield _error("C009", "shares", message, shares[-1].span)


def check_format(name: str, dataset: Dataset, stage: Stage) -> Iterator[Diagnostic]:
    """Whether the stage's method can learn from a dataset."""
    form, method = dataset.format, stage.method
    fitting, mapped = FITTING[type(method)], MAPS.get(type(method))
    if isinstance(form, Map):
        if form.makes is None or form.makes == mapped:
            return
    elif isinstance(form, fitting):
        return
    wants = [one.word for one in fitting] + ([_map(mapped)] if mapped else [])
    is_now = _map(form.texts) if isinstance(form, Map) else form.word
    message = f"{method.word} learns from {' or '.join(wants)}, and dataset `{name}` is {is_now}"
    labels = (Label(form.span, "its format"),) if form.span else ()
    yield Diagnostic("C011", "format-for-method", Severity.ERROR, message, stage.span_of("data"), labels)


def _map(parts: Container[str]) -> str:
    return f"map({', '.join(key for key in Map.model_fields if key in parts)})"
