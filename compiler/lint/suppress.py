"""`# lint: allow(name-or-code, ...) -- reason`: findings that somebody has thought about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from smolc.compiler.diagnostics import Diagnostic, Severity, Source, Span
from smolc.compiler.diagnostics.suggest import closest
from smolc.compiler.lint.rule import Rule
from smolc.compiler.resolve import Resolved
from smolc.compiler.syntax.tree import Comment

HOW = "write `# lint: allow(RULE) -- why it is right here`"
_LINT = r"#\s*lint\s*:"
_ALLOW = r"#\s*lint\s*:\s*allow\s*\((?P<names>[^()]*)\)\s*(?:--\s*(?P<reason>.*))?"
_NAME = r"[^\s,]+"
_OWN_CODE = r"[SRVLCFA][0-9]{3}"


@dataclass(frozen=True, eq=False)
class Allowed:
    """One name in a suppression: the rule, where its name stands, and the line that it speaks of."""

    rule: Rule
    span: Span
    line: int


def apply(
    found: Iterable[Diagnostic], resolved: Resolved, rules: Iterable[Rule], unchecked: set[str]
) -> list[Diagnostic]:
    """`found` without what is suppressed, and with what is wrong with the suppressions themselves.

    unchecked: names of rules that could not look at everything here; suppressing them may help elsewhere.
    """
    allowed, left = read(resolved.comments, list(rules))
    used: set[Allowed] = set()
    for diagnostic in found:
        fitting = [a for a in allowed if _fits(a, diagnostic)]
        used.update(fitting)
        if not fitting:
            left.append(diagnostic)
    if "--set" not in resolved.folders:
        left.extend(
            Diagnostic(
                "A003",
                "useless-suppression",
                Severity.WARNING,
                f"this suppresses nothing: {a.rule.name} has nothing to say about line {a.line}",
                a.span,
                help="take it out",
            )
            for a in allowed
            if a not in used and a.span.source is resolved.source and a.rule.name not in unchecked
        )
    return left


def read(comments: Iterable[Comment], rules: list[Rule]) -> tuple[list[Allowed], list[Diagnostic]]:
    """The suppressions in `comments`, and the mistakes in them."""
    allowed: list[Allowed] = []
    wrong: list[Diagnostic] = []
    for comment in comments:
        if not re.match(_LINT, comment.text):
            continue
        match = re.fullmatch(_ALLOW, comment.text.rstrip())
        if match is None:
            message = "this is no suppression, although it begins like one"
            wrong.append(_error("A004", "malformed-suppression", message, comment.span, HOW))
            continue
        if not (match["reason"] or "").strip():
            message = "a suppression needs a reason"
            wrong.append(_error("A001", "suppression-without-reason", message, comment.span, HOW))
        line = _line_of(comment)
        names = list(re.finditer(_NAME, match["names"]))
        if not names:
            wrong.append(_error("A002", "unknown-rule", "no rule is named", comment.span, HOW))
        for name in names:
            start = comment.span.start + match.start("names") + name.start()
            span = Span(comment.span.source, start, start + len(name[0]))
            rule = next((r for r in rules if name[0] in (r.name, r.code)), None)
            if rule is not None:
                allowed.append(Allowed(rule, span, line))
            else:
                wrong.append(_unknown(name[0], span, rules))
    return allowed, wrong


def _error(code: str, name: str, message: str, span: Span, help: str | None) -> Diagnostic:
    return Diagnostic(code, name, Severity.ERROR, message, span, help=help)


def _unknown(name: str, span: Span, rules: list[Rule]) -> Diagnostic:
    if re.fullmatch(_OWN_CODE, name):
        message = f"`{name}` is not a rule: what the compiler itself reports cannot be suppressed"
        return _error("A002", "unknown-rule", message, span, "mend what it is about")
    near = closest(name, [r.name for r in rules] + [r.code for r in rules])
    help = f"did you mean `{near}`?" if near else "`smolc explain` lists the rules"
    return _error("A002", "unknown-rule", f"there is no rule `{name}`", span, help)


def _line_of(comment: Comment) -> int:
    """The comment's own line, or for one that stands alone the next line that holds more than a comment."""
    line = comment.span.line
    if not comment.own_line:
        return line
    return _next_line(comment.span.source, line)


def _next_line(source: Source, line: int) -> int:
    last = source.text.count("\n") + 1
    for number in range(line + 1, last + 1):
        text = source.line(number).strip()
        if text and not text.startswith("#"):
            return number
    return line


def _fits(allowed: Allowed, diagnostic: Diagnostic) -> bool:
    span = diagnostic.span
    return (
        span is not None
        and diagnostic.code == allowed.rule.code
        and span.source is allowed.span.source
        and span.line == allowed.line
    )
