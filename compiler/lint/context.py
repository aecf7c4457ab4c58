"""What rules are given: the recipe, and what is read from disk only when a rule asks for it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from smolc.compiler.diagnostics import Span
from smolc.compiler.lint.tokenizer import TokenizerFiles, tokenizer_files
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage
from smolc.compiler.plan import templates
from smolc.compiler.plan.defaults import END_OF_TURN
from smolc.compiler.plan.types import Plan
from smolc.compiler.resolve import Resolved

T = TypeVar("T")


@dataclass(frozen=True)
class ChatTemplate:
    """A chat template as far as it is known here.

    name: what messages call it. text: None if there is none, or, unless `known`, if it cannot be read here.
    end: the end of turn that the recipe names or the shipped template has. span: where the recipe names it.
    own: whether it is the tokenizer's own.
    """

    name: str
    text: str | None
    known: bool
    end: str | None
    span: Span | None
    own: bool


@dataclass
class Context:
    """A recipe under review. Nothing in it is downloaded or run.

    plan: every job with all its values decided, on the cluster of `--on`; None where it could not be made.
    """

    recipe: Recipe
    resolved: Resolved
    plan: Plan | None = None
    _tokenizers: dict[str, TokenizerFiles | None] = field(default_factory=dict)
    _texts: dict[str, str | None] = field(default_factory=dict)
    _remembered: dict[Hashable, Any] = field(default_factory=dict)

    def remember(self, key: Hashable, make: Callable[[], T]) -> T:
        """What several rules ask for, worked out once."""
        if key not in self._remembered:
            self._remembered[key] = make()
        made: T = self._remembered[key]
        return made

    def runs(self, stage: str) -> Iterator[Stage]:
        """The stage as it is trained: each point of its grid, or itself."""
        for run in self.recipe.runs[stage]:
            yield run.stage

    def tokenizer(self, model: str) -> TokenizerFiles | None:
        """The tokenizer files of a model, if they lie on this machine."""
        if model not in self._tokenizers:
            self._tokenizers[model] = tokenizer_files(self.recipe.models[model], self.resolved)
        return self._tokenizers[model]

    def template_text(self, name: str) -> str | None:
        """The text of a declared template; None if it is the tokenizer's own or cannot be read."""
        if name not in self._texts:
            self._texts[name] = templates.text_of(self.recipe.templates[name], self.resolved)[0]
        return self._texts[name]

    def template(self, stage: Stage) -> ChatTemplate:
        """The chat template that a stage trains with."""
        name = templates.template_of(stage, self.recipe)
        if name is None:
            return self._template(None, stage)
        model = templates.model_of(stage, self.recipe)
        return self.remember(("chat template", name, model), lambda: self._template(name, stage))

    def _template(self, name: str | None, stage: Stage) -> ChatTemplate:
        declared = self.recipe.templates[name] if name is not None else None
        end = None
        if declared is not None:
            end = declared.end_of_turn or END_OF_TURN.get(declared.builtin or "")
            source = next((k for k in ("file", "text", "builtin") if declared.given(k)), None)
            if source is not None:
                assert name is not None
                text = self.template_text(name)
                span = declared.span_of(source)
                return ChatTemplate(f"template `{name}`", text, text is not None, end, span, own=False)
        files = self.tokenizer(templates.model_of(stage, self.recipe))
        span = declared.span if declared is not None else stage.span_of("template")
        text = files.template if files else None
        return ChatTemplate("the tokenizer's chat template", text, files is not None, end, span, own=True)


def first(*spans: Span | None) -> Span | None:
    """The first place that is known: a value's own, else that of what it stands in."""
    return next((span for span in spans if span is not None), None)
