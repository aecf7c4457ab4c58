"""What rules are given: the recipe, and what is read from disk only when a rule asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from smolc.compiler.diagnostics import Span
from smolc.compiler.lint.tokenizer import TokenizerFiles, tokenizer_files
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage
from smolc.compiler.plan import templates
from smolc.compiler.resolve import Resolved


@dataclass
class Context:
    """A recipe under review. Nothing in it is downloaded or run."""

    recipe: Recipe
    resolved: Resolved
    _tokenizers: dict[str, TokenizerFiles | None] = field(default_factory=dict)

    def runs(self, stage: str) -> Iterator[Stage]:
        """The stage as it is trained: each point of its grid, or itself."""
        for run in self.recipe.runs[stage]:
            yield run.stage

    def tokenizer(self, model: str) -> TokenizerFiles | None:
        """The tokenizer files of a model, if they lie on this machine."""
        if model not in self._tokenizers:
            self._tokenizers[model] = tokenizer_files(self.recipe.models[model], self.resolved)
        return self._tokenizers[model]

    def template(self, stage: Stage) -> str | None:
        """Text of the chat template that a stage trains with; None if it is not on this machine or cannot be read."""
        name = templates.template_of(stage, self.recipe)
        if name is not None:
            template = self.recipe.templates[name]
            if template.builtin is not None or template.file is not None:
                return templates.text_of(template, self.resolved)[0]
        files = self.tokenizer(templates.model_of(stage, self.recipe))
        return files.template if files else None


def first(*spans: Span | None) -> Span | None:
    """The first place that is known: a value's own, else that of what it stands in."""
    return next((span for span in spans if span is not None), None)
