"""Fixtures of this room; under a name of its own, since `conftest` is every room's."""

from data_project import project, tokenizer

__all__ = ["project", "tokenizer"]
