"""GitLab's code quality report: a JSON artifact that merge requests compare with their target's.

Source: GitLab's documentation of the code quality report format.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

from smolc.compiler.diagnostics import Diagnostic, Severity
from smolc.compiler.lint.since import fingerprint

LEVELS = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.INFO: "info"}


def render(found: list[Diagnostic], recipes: Sequence[str], color: bool) -> str:
    seen: Counter[object] = Counter()
    issues = []
    for one in found:
        key = fingerprint(one)
        seen[key] += 1
        path = one.span.source.name if one.span else (recipes[0] if recipes else "")
        issues.append(
            {
                "description": "\n".join([one.message, *([one.help] if one.help else [])]),
                "check_name": one.name,
                "fingerprint": sha256(repr((key, seen[key])).encode()).hexdigest(),
                "severity": LEVELS[one.severity],
                "location": {"path": path, "lines": {"begin": one.span.line if one.span else 1}},
            }
        )
    return json.dumps(issues, indent=2) + "\n"
