"""SARIF 2.1.0, which code scanning services read. Source: the OASIS standard and its JSON schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import smolc
from smolc.compiler.diagnostics import Diagnostic, Severity, Span
from smolc.compiler.lint.discover import all_rules
from smolc.compiler.lint.since import fingerprint

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
SCHEMA = "https://json.schemastore.org/sarif-2.1.0-rtm.5.json"


def render(found: list[Diagnostic], recipes: Sequence[str], color: bool) -> str:
    """One run. Columns count characters from 1; a region's end is behind its last character, as SARIF wants it."""
    rules = _rules(found)
    places = {rule["id"]: index for index, rule in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "smolc",
                "version": smolc.__version__,
                "informationUri": "https://github.com/smolc/smolc",
                "rules": rules,
            }
        },
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": _artifact(name)} for name in dict.fromkeys(recipes)],
        "results": [_result(d, places[d.code]) for d in found],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rules(found: list[Diagnostic]) -> list[dict[str, Any]]:
    """All rules of lint, and those of the compiler's own codes that come up."""
    rules = {
        one.rule.code: {
            "id": one.rule.code,
            "name": one.rule.name,
            "shortDescription": {"text": one.title},
            "help": {"text": one.docs.strip(), "markdown": f"# {one.docs.strip()}"},
            "defaultConfiguration": {"level": LEVELS[one.rule.severity]},
        }
        for one in all_rules()
    }
    for one in found:
        own = {"id": one.code, "name": one.name, "defaultConfiguration": {"level": LEVELS[one.severity]}}
        rules.setdefault(one.code, own)
    return list(rules.values())


def _result(found: Diagnostic, index: int) -> dict[str, Any]:
    text = "\n".join([found.message, *found.notes, *([f"help: {found.help}"] if found.help else [])])
    made: dict[str, Any] = {
        "ruleId": found.code,
        "ruleIndex": index,
        "level": LEVELS[found.severity],
        "message": {"text": text},
        "partialFingerprints": {"recipeAddress/v1": ":".join(map(str, fingerprint(found)[:3]))},
    }
    if found.span is not None:
        made["locations"] = [{"physicalLocation": _physical(found.span)}]
    if found.labels:
        made["relatedLocations"] = [
            {"physicalLocation": _physical(label.span), "message": {"text": label.text}}
            for label in found.labels
        ]
    if found.edits:
        changes = [
            {
                "artifactLocation": _artifact(edit.span.source.name),
                "replacements": [
                    {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}}
                ],
            }
            for edit in found.edits
        ]
        made["fixes"] = [{"description": {"text": found.help or found.message}, "artifactChanges": changes}]
    return made


def _physical(span: Span) -> dict[str, Any]:
    return {"artifactLocation": _artifact(span.source.name), "region": _region(span)}


def _artifact(name: str) -> dict[str, str]:
    return {"uri": quote(name.replace("\\", "/"))}


def _region(span: Span) -> dict[str, int]:
    (line, column), (end_line, end_column) = (span.source.position(o) for o in (span.start, span.end))
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
