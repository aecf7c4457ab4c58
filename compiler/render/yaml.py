"""YAML that reads like hand-written: keys in order, short lists on one line, a comment on top."""

from __future__ import annotations

import re
from typing import Any

from smolc.compiler.render.environment import comment

_HIDDEN = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069]")
"""Characters that are not seen, or turn around how others are: written as escapes, so that a person reads what is there."""


def dump(value: dict[str, Any], *head: str) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def sequence(dumper: yaml.SafeDumper, data: Any) -> yaml.Node:
        plain = all(not isinstance(item, (dict, list, tuple)) for item in data)
        return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=plain)

    def string(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
        style = '"' if _HIDDEN.search(data) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    Dumper.add_representer(str, string)
    Dumper.add_representer(list, sequence)
    Dumper.add_representer(tuple, sequence)
    text = yaml.dump(
        value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False
    )
    text = _HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04X}", str(text))
    return "".join(f"# {comment(line)}\n" for line in head) + text
