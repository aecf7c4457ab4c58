"""Runs the rules over a recipe."""

from __future__ import annotations

from smolc.compiler.diagnostics import Diagnostic, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.discover import all_rules
from smolc.compiler.lint.files import missing_files
from smolc.compiler.lint.rule import Loaded
from smolc.compiler.lint.settings import Settings
from smolc.compiler.lint.suppress import apply
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.plan.types import Plan
from smolc.compiler.resolve import Resolved

CRASHED = "A009"


def lint(
    recipe: Recipe, resolved: Resolved, plan: Plan | None = None, settings: Settings | None = None
) -> list[Diagnostic]:
    """All findings that are not suppressed, and what is wrong with suppressions. All rules run unless settings say less."""
    context = Context(recipe, resolved, plan)
    rules = all_rules()
    settings = settings or Settings()
    found: list[Diagnostic] = []
    unchecked: set[str] = set()
    for rule in rules:
        if not settings.wants(rule.rule):
            unchecked.add(rule.rule.name)
            continue
        more, skipped = run(rule, context)
        found.extend(more)
        if skipped:
            unchecked.add(rule.rule.name)
    return [*missing_files(recipe, resolved), *apply(found, resolved, [r.rule for r in rules], unchecked)]


def run(rule: Loaded, context: Context) -> tuple[list[Diagnostic], bool]:
    """What one rule says, and whether there was something that it could not check.

    A rule that fails is reported, not raised.
    """
    found: list[Diagnostic] = []
    models: set[str] = set()
    try:
        for finding in rule.check(context):
            if finding.unchecked is not None:
                known = finding.unchecked in models
                models.add(finding.unchecked)
                if known or rule.rule.severity is Severity.INFO:
                    continue  # that advice could not be given is not worth a line
            found.append(rule.diagnostic(finding))
    except Exception as error:  # a rule may fail in any way; the others still run
        message = f"internal error in rule {rule.rule.code} {rule.rule.name}: {type(error).__name__}: {error}"
        help = "the recipe was not checked by this rule; please report this with the recipe"
        found.append(Diagnostic(CRASHED, "rule-crashed", Severity.WARNING, message, help=help))
    return found, bool(models)
