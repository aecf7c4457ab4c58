"""Reviewing a recipe: rules, suppressions, and what cannot be checked here."""

from smolc.compiler.lint.engine import lint

__all__ = ["lint"]
