"""Sections -> what pydantic validates: raw values by key, in the shape of the nouns."""

from __future__ import annotations

from smolc.compiler.diagnostics import Diagnostic, Label, Severity, Span
from smolc.compiler.diagnostics.suggest import closest
from smolc.compiler.format.value import print_compare
from smolc.compiler.model import filters
from smolc.compiler.model.base import Args, Origin
from smolc.compiler.model.tasks import LABELLED
from smolc.compiler.model.types import Link
from smolc.compiler.resolve import Section
from smolc.compiler.syntax import tree

MIXTURE_KEYS = ("basis", "budget", "holdout", "dedup", "decontaminate")
SWEEP_KEYS = ("pick", "mode", "at_most", "halve_at")

NESTED = {
    "dataset": ("where",),
    "mixture": ("from",),
    "stage": ("sweep",),
    "eval": ("task", "vibe", "replicates", "expect"),
}
"""Blocks that may stand inside a block."""

FROM = "Splits of one dataset from the hub, each a row of the mixture."


def arrange(section: Section, found: list[Diagnostic]) -> Args:
    """One top-level section. Blocks that may not stand in it are reported here; keys are pydantic's to check."""
    kind = section.kind.text
    if kind == "mixture":
        return _mixture(section, found)
    args = plain(section)
    _no_strangers(section, NESTED.get(kind, ()), found)
    if kind == "dataset":
        _dataset(section, args, found)
    elif kind == "stage":
        _stray_checks(section, found)
        sweep = section.child("sweep")
        if sweep is not None:
            args["sweep"] = _sweep(sweep, found)
    elif kind == "eval":
        _eval(section, args, found)
    else:
        _stray_checks(section, found)
    return args


def plain(section: Section) -> Args:
    """Fields only."""
    keys = {f.key: f.path.span for f in section.fields.values()}
    values = {f.key: f.value.span for f in section.fields.values()}
    return Args(
        Origin(section.head, keys, values), section.name, {f.key: f.value for f in section.fields.values()}
    )


def _wrong(code: str, name: str, message: str, span: Span, help: str | None = None) -> Diagnostic:
    return Diagnostic(code, name, Severity.ERROR, message, span, help=help)


def _no_strangers(section: Section, allowed: tuple[str, ...], found: list[Diagnostic]) -> None:
    for nested in section.sections:
        kind = nested.kind.text
        if kind not in allowed:
            near = closest(kind, allowed)
            found.append(
                _wrong(
                    "R004",
                    "unknown-block",
                    f"{section.name} has no block `{kind}`",
                    nested.kind.span,
                    f"did you mean `{near}`?"
                    if near
                    else (f"it may hold {', '.join(allowed)}" if allowed else None),
                )
            )
        elif kind in LABELLED and nested.label is None:
            found.append(
                _wrong("R005", "no-label", f"`{kind}` needs a name", nested.head, f"write `{kind} NAME {{`")
            )


def _stray_checks(section: Section, found: list[Diagnostic]) -> None:
    for check in section.checks:
        help = "write `key = value`" if check.operator == "==" else "comparisons stand in `expect` or `where`"
        found.append(
            _wrong(
                "R006",
                "misplaced-comparison",
                f"a comparison cannot stand in {section.name}",
                check.span,
                help,
            )
        )


def _dataset(section: Section, args: Args, found: list[Diagnostic]) -> None:
    """Reads both forms of `where`; with mistakes in it, which are reported, none is left."""
    _stray_checks(section, found)
    field, block = section.fields.get("where"), section.child("where")
    if field is not None and block is not None:
        message = f"{section.name} has two filters: `where = ...` and `where {{ ... }}`"
        help = "write one of them; `where = ...` can say `and` and `or`"
        labels = (Label(field.path.span, "one is here"),)
        found.append(
            Diagnostic("V015", "two-filters", Severity.ERROR, message, block.head, labels, help=help)
        )
    if field is not None and isinstance(field.value, tree.Condition):
        args["where"] = filters.of_condition(field.value, found)
    elif block is not None:
        for stray in block.fields.values():
            message = "`where` holds comparisons"
            found.append(
                _wrong("V010", "bad-condition", message, stray.path.span, f"write `{stray.key} == ...`")
            )
        args["where"] = filters.of_lines(block.checks, found) if block.checks else None


def _mixture(section: Section, found: list[Diagnostic]) -> Args:
    _no_strangers(section, NESTED["mixture"], found)
    _stray_checks(section, found)
    args = plain(section)
    rows = []
    for key, field in section.fields.items():
        if key in MIXTURE_KEYS:
            continue
        del args[key]
        if len(field.path.parts) > 1:
            dataset = field.path.parts[0].text
            message = f"a row is a dataset and its weight, and `{key}` has a dot"
            help = f'for a split, write `from {dataset} {{ "{key[len(dataset) + 1 :]}" = ... }}`'
            found.append(_wrong("V014", "dotted-row", message, field.path.span, help))
            continue
        rows.append(_row(field.path.parts[0], None, field.path.span, field.value))
    for nested in section.sections:
        if nested.kind.text != "from":
            continue
        if nested.label is None:
            found.append(
                _wrong("R005", "no-label", "`from` needs a dataset", nested.head, "write `from DATASET {`")
            )
            continue
        label = nested.label
        rows.extend(_row(label, f.key, f.path.span, f.value) for f in nested.fields.values())
    args["rows"] = tuple(rows)
    return args


def _row(dataset: tree.Ident, split: str | None, span: Span, weight: tree.Value) -> Args:
    origin = Origin(span, {"weight": span}, {"weight": weight.span})
    link = Link(dataset.text, None, dataset.span)
    return Args(origin, f"`{split or dataset.text}`", {"dataset": link, "split": split, "weight": weight})


def _sweep(section: Section, found: list[Diagnostic]) -> Args:
    _stray_checks(section, found)
    _no_strangers(section, (), found)
    args = plain(section)
    axes = []
    for key, field in section.fields.items():
        if key in SWEEP_KEYS:
            continue
        del args[key]
        if not isinstance(field.value, tree.List) or not field.value.items:
            message = f"a sweep needs a list of values for `{key}`"
            found.append(
                _wrong("V011", "bad-sweep", message, field.value.span, f"write `{key} = [1e-5, 2e-5]`")
            )
            continue
        axes.append(
            Args(
                Origin(field.path.span), f"`{key}`", {"path": field.path, "values": tuple(field.value.items)}
            )
        )
    args["axes"] = tuple(axes)
    return args


def _eval(section: Section, args: Args, found: list[Diagnostic]) -> None:
    _stray_checks(section, found)
    for nested in section.sections:
        if nested.kind.text in LABELLED and nested.label is not None:
            _no_strangers(nested, (), found)
            _stray_checks(nested, found)
            args.setdefault(nested.kind.text, {})[nested.label.text] = plain(nested)
    expect = section.child("expect")
    if expect is not None:
        for stray in expect.fields.values():
            message = "`expect` holds comparisons"
            found.append(_wrong("V012", "bad-check", message, stray.path.span, f"write `{stray.key} >= 60%`"))
        for check in expect.checks:
            if check.operator in ("in", "not in"):
                message = (
                    f"a score is compared with numbers and other scores; `{check.operator}` is for `where`"
                )
                found.append(_wrong("V012", "bad-check", message, check.span, "write `sft.gsm8k >= 60%`"))
        args["expect"] = tuple(
            Args(
                Origin(c.span),
                "check",
                {"left": c.left, "operator": c.operator, "right": c.right, "text": print_compare(c)},
            )
            for c in expect.checks
            if c.operator not in ("in", "not in")
        )
