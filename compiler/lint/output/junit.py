"""JUnit's XML: a suite for each recipe, a failed case for each finding. What most CI systems can show."""

from __future__ import annotations

import re
from collections.abc import Sequence

from smolc.compiler.diagnostics import Diagnostic, Severity
from smolc.compiler.diagnostics.render import render_full

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(found: list[Diagnostic], recipes: Sequence[str], color: bool) -> str:
    """Information is no failure: it stands in a case's output."""
    from xml.etree import ElementTree

    root = ElementTree.Element("testsuites", name="smolc lint")
    by_file: dict[str, list[Diagnostic]] = {name: [] for name in recipes}
    for one in found:
        name = one.span.source.name if one.span else (recipes[0] if recipes else "")
        by_file.setdefault(name, []).append(one)
    for name, own in by_file.items():
        failures = sum(d.severity >= Severity.WARNING for d in own)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_xml(name),
            tests=str(max(1, len(own))),
            failures=str(failures),
            errors="0",
        )
        if not own:
            ElementTree.SubElement(suite, "testcase", classname=_xml(name), name="lint")
        for one in own:
            line, column = (one.span.line, one.span.column) if one.span else (1, 1)
            case = ElementTree.SubElement(
                suite, "testcase", classname=_xml(name), name=f"{one.name}:{line}:{column}", line=str(line)
            )
            if one.severity >= Severity.WARNING:
                kind = f"{one.severity.word}[{one.code}]"
                failure = ElementTree.SubElement(case, "failure", message=_xml(one.message), type=kind)
                failure.text = _xml(render_full([one]))
            else:
                ElementTree.SubElement(case, "system-out").text = _xml(render_full([one]))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _xml(text: str) -> str:
    return _NOT_XML.sub("?", text)
