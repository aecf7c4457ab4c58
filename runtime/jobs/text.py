"""YAML of a job, which people may have edited: a key that stands there twice is an error, and not the last one's."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

# libyaml's is ten times as fast, where PyYAML was built with it.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Twice(ValueError):
    """A key that is written twice; the message says which, and where."""


class _Loader(_Safe):  # type: ignore[misc]
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Any, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if key.value in seen:
                raise Twice(f"{key.value} is written twice, in lines {seen[key.value]} and {line}: keep one")
            seen[key.value] = line
        made: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return made


def load(text: str) -> Any:
    """Raises yaml.YAMLError, Twice."""
    return yaml.load(text, Loader=_Loader)
