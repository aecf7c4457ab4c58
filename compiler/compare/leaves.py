"""A recipe as values by address, resolved and with defaults: what two recipes are compared by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from smolc.compiler.compare.side import Side
from smolc.compiler.diagnostics import Span
from smolc.compiler.format.value import print_path, print_value, quote
from smolc.compiler.format.value import spelled as name
from smolc.compiler.model.base import Noun, Variant
from smolc.compiler.model.build import NOUNS
from smolc.compiler.model.data import Dataset, Mixture
from smolc.compiler.model.evaluation import Eval
from smolc.compiler.model.filters import conjuncts, text_of
from smolc.compiler.model.stage import Stage, Sweep
from smolc.compiler.model.start import HubTokenizer, Model, Template
from smolc.compiler.model.tasks import LABELLED
from smolc.compiler.model.types import Link, To
from smolc.compiler.plan.paths import relative
from smolc.compiler.reference.readers import readers
from smolc.compiler.reference.written import written
from smolc.compiler.show.defaults import decided
from smolc.compiler.syntax import tree

Block = tuple[str, str]
"""Kind and label; the recipe's own block is ``("recipe", "")``."""

Names = Mapping[Block, str]
"""What blocks of an old recipe are called in the new one, where that changed."""


class Ref(NamedTuple):
    """A reference: the kinds that it may name, and the block's name."""

    kinds: tuple[str, ...]
    name: str
    part: str | None


@dataclass(frozen=True)
class Leaf:
    """One value. key: its address in the block. value: what is compared. text: as recipe text.

    span: where it was written; None for a default. content: of a chat template. id: what tells it from others, where
    that is more than its key. constructor: its arguments are values of their own. locked: a commit of `smolc.lock`,
    which stands for the revision that is written.
    """

    key: str
    value: Any
    text: str
    span: Span | None
    content: str | None = None
    id: str = ""
    constructor: bool = False
    locked: bool = False


Leaves = dict[str, Leaf]
"""By id, or by key where that is enough."""


def leaves(side: Side, names: Names) -> dict[Block, Leaves]:
    """All values by block and key. References and keys follow `names`; the blocks' own labels do not."""
    walker = _Walker(side, names)
    found = {("recipe", ""): walker.recipe()}
    for kind, (plural, _) in NOUNS.items():
        for label, noun in getattr(side.recipe, plural).items():
            found[kind, label] = _by_id(walker.block(label, noun))
    return found


def _by_id(found: Iterable[Leaf]) -> Leaves:
    return {leaf.id or leaf.key: leaf for leaf in found}


class _Walker:
    def __init__(self, side: Side, names: Names) -> None:
        self.side = side
        self.recipe_ = side.recipe
        self.names = names

    def recipe(self) -> Leaves:
        label = self.side.resolved.of("recipe")[0].label
        name = Leaf("name", self.recipe_.name, quote(self.recipe_.name), label.span if label else None)
        return _by_id([name, *self._noun(self.recipe_, "", {})])

    def block(self, label: str, noun: Any) -> Iterator[Leaf]:
        if isinstance(noun, Template):
            yield self._template(label, noun)
        if isinstance(noun, Mixture):
            yield from self._rows(noun)
        yield from self._noun(noun, "", decided(noun, self.recipe_))
        if isinstance(noun, Dataset):
            for condition in conjuncts(noun.where):
                text = text_of(condition)
                yield Leaf("where", True, text, noun.span, id=f"where {text}")
        elif isinstance(noun, Stage) and noun.sweep is not None:
            yield from self._sweep(noun.sweep)
        elif isinstance(noun, Eval):
            yield from self._eval(noun)

    # --- fields

    def _noun(self, noun: Noun, above: str, decided: Mapping[str, Any]) -> Iterator[Leaf]:
        for key, info in type(noun).model_fields.items():
            by = readers(info)
            if not by or (not above and (type(noun), key) in _ELSEWHERE):
                continue
            at = f"{above}.{key}" if above else key
            value = getattr(noun, key)
            more = decided.get(key)
            span = noun.span_of(key) if noun.given(key) else None
            commit = self._commit(noun) if key == "revision" else None
            if commit is not None:
                yield Leaf(at, commit, quote(commit), span or noun.span, locked=True)
            elif isinstance(value, Variant):
                yield Leaf(at, value.word, self._constructor(value), span, constructor=True)
                yield from self._noun(value, at, more or {})
            elif value is None and isinstance(more, str):
                yield self._decided(at, more, by)
            else:
                compared, text = self._value(noun, key, value, span)
                yield Leaf(at, compared, text, span)

    def _commit(self, noun: Noun) -> str | None:
        if self.side.locked is None or not isinstance(noun, (Model, HubTokenizer, Dataset)):
            return None
        from smolc.compiler.lock.pin import commit_of

        return commit_of(noun, self.side.locked)

    def _decided(self, at: str, text: str, by: Any) -> Leaf:
        """A value that the plan decides, as a value that was read would be."""
        from smolc.compiler.diagnostics import Source
        from smolc.compiler.syntax.parse import parse_value

        value, _ = parse_value(Source("default", text))
        if isinstance(value, tree.Ref):
            kinds = next(r.kinds for r in by if isinstance(r, To))
            parts = [p.text for p in value.path.parts]
            return Leaf(at, self._ref(kinds, parts[0], None), text, None)
        if isinstance(value, tree.Number) and value.unit is not None:
            return Leaf(at, (value.value, value.unit), text, None)
        return Leaf(at, _compared(value) if value is not None else text, text, None)

    def _value(self, noun: Noun, key: str, value: Any, span: Span | None) -> tuple[Any, str]:
        by = readers(type(noun).model_fields[key])
        if value is None:
            return None, ""
        if (type(noun).__name__, key) in _PATHS:
            paths = value if isinstance(value, tuple) else (value,)
            moved = [relative(self.side.resolved, path, span) for path in paths]
            said = ", ".join(map(quote, moved))
            return tuple(moved), said if len(moved) == 1 else f"[{said}]"
        text = span.text if span is not None and "\n" not in span.text else None
        kinds = next((r.kinds for r in by if isinstance(r, To)), ())
        if isinstance(value, Link):
            # A stage and the winner of its grid are the same model where training starts from one.
            return self._ref(kinds, value.name, None), text or str(value)
        if isinstance(value, tuple) and value and isinstance(value[0], Link):
            said = f"[{', '.join(map(str, value))}]"
            return tuple(self._ref(kinds, one.name, one.part) for one in value), text or said
        if isinstance(value, str):
            return value, text or (quote(value) if '"' in value else written(value, by) or "")
        return value, text or written(value, by) or "[]"

    def _ref(self, kinds: tuple[str, ...], label: str, part: str | None) -> Ref:
        for kind in kinds:
            label = self.names.get((kind, label), label)
        return Ref(kinds, label, part)

    def _constructor(self, variant: Variant) -> str:
        """With the arguments that the recipe gives it."""
        said, plain = [], True
        for key in [
            *variant.positional,
            *(k for k in type(variant).model_fields if k not in variant.positional),
        ]:
            if not variant.given(key):
                plain = False
                continue
            span = variant.span_of(key)
            value = getattr(variant, key)
            text = (
                self._constructor(value)
                if isinstance(value, Variant)
                else self._value(variant, key, value, span)[1]
            )
            plain = plain and key in variant.positional
            said.append(text if plain else f"{key} = {text}")
        return f"{variant.word}({', '.join(said)})" if said else variant.word

    def _whole(self, key: str, variant: Variant, span: Span | None) -> Leaf:
        """A constructor compared as one value."""
        value = (variant.word, tuple(self._noun(variant, "", {})))
        bare = tuple((leaf.key, leaf.value) for leaf in value[1])
        return Leaf(key, (variant.word, bare), self._constructor(variant), span)

    # --- what is not a field

    def _template(self, label: str, template: Template) -> Leaf:
        content = self.side.plan.templates.get(f"templates/{label}.jinja")
        key = next((k for k in ("file", "text", "builtin") if template.given(k)), None)
        text = "the tokenizer's own"
        if key == "text":
            text = "text"
        elif key is not None:
            text = self._value(template, key, getattr(template, key), template.span_of(key))[1]
        return Leaf("text", content, text, template.span_of(key) if key else None, content)

    def _rows(self, mixture: Mixture) -> Iterator[Leaf]:
        for row in mixture.rows:
            dataset = self.names.get(("dataset", row.dataset.name), row.dataset.name)
            key = _bare(dataset)
            if row.split is not None:
                key = f"from.{key}.{_bare(row.split)}"
            yield self._whole(key, row.weight, row.weight.span or row.span)

    def _sweep(self, sweep: Sweep) -> Iterator[Leaf]:
        for axis in sweep.axes:
            text = f"[{', '.join(print_value(value) for value in axis.values)}]"
            value = tuple(_compared(one) for one in axis.values)
            yield Leaf(f"sweep.{print_path(axis.path)}", value, text, axis.span)
        pick = self._whole("sweep.pick", sweep.pick, sweep.span_of("pick"))
        yield replace(pick, value=(sweep.pick.word, sweep.pick.metric.name))
        for key in ("mode", "at_most"):
            span = sweep.span_of(key) if sweep.given(key) else None
            yield Leaf(f"sweep.{key}", getattr(sweep, key), str(getattr(sweep, key)), span)
        if sweep.halve_at:
            rungs = ", ".join(f"{at:.4%}".rstrip("0%").rstrip(".") + "%" for at in sweep.halve_at)
            yield Leaf("sweep.halve_at", sweep.halve_at, f"[{rungs}]", sweep.span_of("halve_at"))

    def _eval(self, evaluation: Eval) -> Iterator[Leaf]:
        for task in evaluation.tasks:
            yield self._whole(f"tasks.{task.word}", task, task.span)
        for kind in LABELLED:
            for label, own in getattr(evaluation, kind).items():
                yield from self._noun(own, f"{kind}.{_bare(label)}", {})
        for check in evaluation.expect:
            left = self._score(check.left)
            terms = tuple((sign, self._term(value)) for sign, value in check.right)
            yield Leaf("expect", terms, check.text, check.span, id=f"expect {left} {check.operator}")

    def _score(self, path: tree.Path) -> str:
        """`sft.ifeval`, with the stage's or model's new name."""
        first = path.parts[0].text
        kinds = ("stage", "merge", "model")
        label = next((self.names[kind, first] for kind in kinds if (kind, first) in self.names), first)
        return ".".join([_bare(label), *(name(part) for part in path.parts[1:])])

    def _term(self, value: tree.Value) -> Any:
        return self._score(value.path) if isinstance(value, tree.Ref) else _compared(value)


_PATHS = {("Dataset", "path"), ("Model", "path"), ("PathTokenizer", "folder")}
_ELSEWHERE: set[tuple[type[Noun], str]] = {
    *((Template, key) for key in ("file", "text", "builtin")),
    (Eval, "tasks"),
    (Dataset, "where"),
}


def _bare(text: str) -> str:
    """A name in an address."""
    return text if text.isascii() and text.isidentifier() else quote(text)


def _compared(value: tree.Value) -> Any:
    """A value that no type has read, without its spelling: `50%` is 0.5, `4Ki` is 4096."""
    match value:
        case tree.Number():
            return value.value if value.unit in (None, "%") else (value.value, value.unit)
        case tree.Text() | tree.Bool():
            return value.value
        case tree.Ref():
            return str(value.path)
        case tree.List():
            return tuple(_compared(one) for one in value.items)
        case tree.Test() | tree.Negation() | tree.Joined() | tree.Group():
            return print_value(value)
        case _:
            arguments = (
                ((a.name.text if a.name else str(i)), _compared(a.value))
                for i, a in enumerate(value.arguments)
            )
            said = tuple(sorted(arguments, key=lambda one: one[0]))
            return (value.name.text, said) if said else value.name.text
