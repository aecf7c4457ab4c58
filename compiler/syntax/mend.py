"""Says what is wrong with a statement, and makes out what was meant.

Each function looks for one mistake and answers None if it is not that one; `mend` asks them in order.
"""

from __future__ import annotations

from smolc.compiler.diagnostics import Diagnostic, Label, Span
from smolc.compiler.syntax.case import (
    CLOSE,
    OPEN,
    VALUE_ENDS,
    VALUE_STARTS,
    Case,
    Mended,
    error,
    key_before,
    quoted,
    said,
    starts_statement,
)
from smolc.compiler.syntax.habits import HABITS
from smolc.compiler.syntax.lex import Token
from smolc.compiler.syntax.units import is_unit, unit_meant
from smolc.compiler.syntax.words import MISTAKES

_WORDS = {
    "EQUAL": "`=`", "OPERATOR": "a comparison (`>=`, `==`, ...)", "DOT": "`.`", "COMMA": "`,`", "LPAR": "`(`",
    "RPAR": "`)`", "RSQB": "`]`", "LBRACE": "`{`", "NAME": "a name", "STRING": "a string",
    "NUMBER": "a number", "$END": "the end of the line", "PLUS": "`+`", "MINUS": "`-`", "AND": "`and`", "OR": "`or`",
}  # fmt: skip


def mend(case: Case) -> Mended:
    for look in _LOOKS:
        found = look(case)
        if found is not None:
            return found
    return Mended(_unexpected(case))


def _keywords(case: Case) -> Mended | None:
    """`smolc`, `extends` and `drop` with something else behind them than they take."""
    first = case.tokens[0].type if case.tokens else ""
    if first not in ("SMOLC", "EXTENDS", "DROP"):
        return None
    whole = case.span(0).to(case.span(len(case.tokens) - 1))
    if first == "DROP":
        message = "`drop` takes a kind and a label"
        return Mended(error("S021", "bad-drop", message, whole, "write `drop dataset gsm`"))
    if first == "SMOLC":
        return Mended(error("S023", "bad-edition", "`smolc` takes a whole number", whole, "write `smolc 1`"))
    message = "`extends` takes the parent's path in quotes"
    if len(case.tokens) == 1:
        return Mended(error("S024", "bad-extends", message, whole, 'write `extends "base.recipe"`'))
    rest = case.span(1).to(case.span(len(case.tokens) - 1))
    literal = quoted(rest.text)
    return Mended(error("S024", "bad-extends", message, rest, f"write `extends {literal}`", literal))


def _missing_value(case: Case) -> Mended | None:
    ends = case.kind in ("$END", "LBRACE", "RPAR", "RSQB", "COMMA", "EQUAL", "OPERATOR")
    if case.before not in ("EQUAL", "OPERATOR", "PLUS", "MINUS") or not ends:
        return None
    place = case.span(case.at - 1)
    before = str(case.tokens[case.at - 1])
    if case.kind == "EQUAL" and before in ("<", ">", "="):
        return Mended(
            error("S001", "unexpected", f"`{before} =` is not an operator", place, f"write `{before}=`")
        )
    if case.kind == "LBRACE":
        return None
    message = f"a value is missing after `{before}`"
    return Mended(error("S005", "expected-value", message, place, _value_help(case)))


def _value_help(case: Case) -> str:
    key = key_before(Case(case.source, case.tokens, case.at - 1, set(), case.start))
    if key and case.before == "EQUAL":
        return f"write `{key} = ...`, or take `{key}` out to get its default"
    return "write a number, a name or text in quotes"


def _brackets(case: Case) -> Mended | None:
    opened = case.open_brackets()
    if case.kind in CLOSE:
        if not opened:
            message = f"this `{case.token}` closes nothing"
            return Mended(
                error("S009", "extra-bracket", message, case.span(), "take it out", ""), case.removed()
            )
        opener = case.tokens[opened[-1]]
        if CLOSE[case.kind] != opener.type:
            right = ")" if opener.type == "LPAR" else "]"
            labels = (Label(case.span(opened[-1]), "opened here"),)
            message = f"`{opener}` is closed by `{right}`, not by `{case.token}`"
            outer = [i for i in opened if case.tokens[i].type == CLOSE[case.kind]]
            if outer:
                return _unclosed(case, opened, case.inserted(OPEN[opener.type], right))
            found = error("S009", "extra-bracket", message, case.span(), f"write `{right}`", right, labels)
            return Mended(found, case.replaced(OPEN[opener.type], right))
        return None
    if case.kind == "$END" and opened and case.before not in ("EQUAL", "MINUS"):
        opener = case.tokens[opened[-1]]
        return _unclosed(
            case, opened, case.inserted(OPEN[opener.type], ")" if opener.type == "LPAR" else "]")
        )
    return None


def _unclosed(case: Case, opened: list[int], tokens: list[Token]) -> Mended:
    opener = case.tokens[opened[-1]]
    right = ")" if opener.type == "LPAR" else "]"
    place = case.span(case.at - 1)
    labels = (Label(Span(case.source, place.end, place.end), f"`{right}` is missing here"),)
    message = f"this `{opener}` is not closed"
    found = error("S008", "unclosed-bracket", message, case.span(opened[-1]), f"add `{right}`", None, labels)
    return Mended(found, tokens)


def _commas(case: Case) -> Mended | None:
    if case.kind != "COMMA":
        return None
    if case.open_brackets():
        found = error(
            "S016", "extra-comma", "nothing stands before this comma", case.span(), "take it out", ""
        )
        return Mended(found, case.removed())
    if case.at + 1 == len(case.tokens):
        found = error("S016", "extra-comma", "no comma at the end of a line", case.span(), "take it out", "")
        return Mended(found, case.removed())
    rest = case.tokens[case.at + 1 :]
    equal = next((i for i in range(case.at) if case.tokens[i].type in ("EQUAL", "OPERATOR")), None)
    if equal is None or equal + 1 >= case.at:
        return None
    if starts_statement(rest, 0):
        return Mended(
            _two(case, Case(case.source, case.tokens, case.at + 1, set(), case.start)),
            case.tokens[: case.at],
            rest,
        )
    span = case.span(equal + 1).to(case.span(len(case.tokens) - 1))
    found = error(
        "S018",
        "list-without-brackets",
        "a list stands in brackets",
        span,
        f"write `[{span.text}]`",
        f"[{span.text}]",
    )
    start, end = Token("LSQB", "[", span.start, span.start), Token("RSQB", "]", span.end, span.end)
    return Mended(found, [*case.tokens[: equal + 1], start, *case.tokens[equal + 1 :], end])


def _missing_between(case: Case) -> Mended | None:
    """Something is missing before `at`: a comma, `=`, a line end; or there is a space too many."""
    if case.before not in VALUE_ENDS or case.kind not in VALUE_STARTS | {"BRACED"}:
        return None
    if case.before == "NUMBER" and case.kind == "NAME" and is_unit(str(case.token)):
        span = case.span(case.at - 1).to(case.span())
        joined = f"{case.tokens[case.at - 1]}{unit_meant(str(case.token))}"
        found = error("S019", "space-in-number", "no space before a unit", span, f"write `{joined}`", joined)
        number = Token("NUMBER", joined, span.start, span.end)
        return Mended(found, [*case.tokens[: case.at - 1], number, *case.tokens[case.at + 1 :]])
    end = case.span(case.at - 1).end
    gap = Span(case.source, end, end)
    if case.open_brackets():
        message = f"a comma is missing between {said(case.tokens[case.at - 1])} and {said(case.token)}"
        found = error("S020", "missing-comma", message, gap, "write `,` here", ",")
        return Mended(found, case.inserted("COMMA", ","))
    given = any(t.type in ("EQUAL", "OPERATOR") for t in case.tokens[: case.at])
    if given and starts_statement(case.tokens, case.at):
        return Mended(_two(case, case), case.tokens[: case.at], case.tokens[case.at :])
    if not given and case.start == "statement":
        key = key_before(case)
        rest = case.source.text[case.span().start : case.span(len(case.tokens) - 1).end]
        help = f"write `{key} = {rest}`"
        found = error("S006", "missing-equals", f"`=` is missing after `{key}`", gap, help, " =")
        return Mended(found, case.inserted("EQUAL", "="))
    return None


def _two(case: Case, second: Case) -> Diagnostic:
    return error(
        "S010", "two-statements", "a second statement begins on the same line", second.span(),
        "start a new line, or write `;` between the two",
    )  # fmt: skip


def _alone(case: Case) -> Mended | None:
    """A key and nothing else, or two names without `=` between them."""
    if case.kind != "$END" or case.start != "statement":
        return None
    kinds = [t.type for t in case.tokens]
    if kinds in (["NAME", "NAME"], ["NAME", "STRING"]):
        second = Case(case.source, case.tokens, 1, {"EQUAL"}, case.start)
        return _missing_between(second)
    if "EQUAL" not in case.expected:
        return None
    whole = case.span(0).to(case.span(len(case.tokens) - 1))
    help = f"write `{whole.text} = ...`"
    if len(kinds) == 1:
        help += f", or `{whole.text} {{` to begin a block"
    return Mended(error("S006", "missing-equals", f"`{whole.text}` is given no value", whole, help))


def _unexpected(case: Case) -> Diagnostic:
    expected = set(case.expected)
    words: list[str] = []
    if expected >= VALUE_STARTS:
        words.append("a value")
        expected -= VALUE_STARTS
    words += sorted(w for w in (_WORDS.get(k) for k in expected) if w)
    if "LBRACE" in {t.type for t in case.tokens[-1:]} and "EQUAL" in expected:
        words = ["a block's kind and label"]
    message = f"{said(case.token)} does not fit here"
    if case.start == "statement" and not case.at:
        words = ["a line that begins with a key (`key = value`), a block's kind or `}`"]
    help = (
        f"expected {', '.join(words[:-1])} or {words[-1]}"
        if len(words) > 1
        else (f"expected {words[0]}" if words else None)
    )
    return error("S001", "unexpected", message, case.span(), help)


_LOOKS = (
    *MISTAKES,
    *HABITS,
    _keywords,
    _missing_value,
    _brackets,
    _commas,
    _missing_between,
    _alone,
)
