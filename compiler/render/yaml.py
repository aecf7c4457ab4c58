"""YAML that reads like hand-written: keys in order, short lists on one line, a comment on top."""

from __future__ import annotations

from typing import Any

from smolc.compiler.render.environment import comment


def dump(value: dict[str, Any], *head: str) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def sequence(dumper: yaml.SafeDumper, data: Any) -> yaml.Node:
        plain = all(not isinstance(item, (dict, list, tuple)) for item in data)
        return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=plain)

    Dumper.add_representer(list, sequence)
    Dumper.add_representer(tuple, sequence)
    text = yaml.dump(
        value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False
    )
    return "".join(f"# {comment(line)}\n" for line in head) + str(text)
