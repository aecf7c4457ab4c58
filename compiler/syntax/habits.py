"""Mistakes in how single things are written: quotes, comments, `:` for `=`, text without quotes.

Each function looks for one of them and answers None if it is not that one.
"""

from __future__ import annotations

import re

from smolc.compiler.diagnostics import Span
from smolc.compiler.syntax.case import VALUE_ENDS, Case, Mended, error, key_before, quoted
from smolc.compiler.syntax.lex import Token


def _unclosed_string(case: Case) -> Mended | None:
    if case.kind != "BAD_STRING" or case.token is None:
        return None
    text = str(case.token)
    block = text.startswith('"""')
    span = case.span()
    if text == '"' and case.before in VALUE_ENDS:
        found = error(
            "S007", "unclosed-string", 'this `"` closes nothing', span, 'put `"` before the text, too'
        )
        return Mended(found, case.removed())
    quotes = '"""' if block else '"'
    message = f"this text is not closed: its {quotes} is missing"
    shown = Span(case.source, span.start, span.start + 3) if block else span
    help = 'text of more than one line stands between """ and """' if block else f"end the text with {quotes}"
    literal = quoted(text.strip('"') if block else text[1:].rstrip())
    return Mended(error("S007", "unclosed-string", message, shown, help), case.replaced("STRING", literal))


def _wrong_quotes(case: Case) -> Mended | None:
    if case.kind != "BAD_QUOTES" or case.token is None:
        return None
    inner = str(case.token)[1:]
    inner = inner[:-1] if inner and inner[-1] in "'“”\"‘’`" else inner
    literal = quoted(inner)
    message = 'text stands between straight double quotes, `"`'
    return Mended(
        error("S012", "wrong-quotes", message, case.span(), f"write {literal}", literal),
        case.replaced("STRING", literal),
    )


def _hyphen(case: Case) -> Mended | None:
    if case.kind != "HYPHENED" or case.token is None:
        return None
    name = str(case.token).replace("-", "_")
    help = f"write `{name}`, or spaces around `-` to subtract"
    if "EQUAL" in case.expected or case.at == 0 or "DOT" in case.expected:
        help = f'write `{name}`, or "{case.token}" in quotes if it is named like that outside'
    found = error("S014", "hyphen-in-name", "a name has no hyphen", case.span(), help, name)
    return Mended(found, case.replaced("NAME", name))


def _wrong_comment(case: Case) -> Mended | None:
    if case.kind != "BAD_COMMENT" or case.token is None:
        return None
    if case.before == "COLON" or (case.at and case.span(case.at - 1).end == case.span().start):
        return _bare_text(case)
    help = "write `# ...`"
    edit = "#" + str(case.token)[2:]
    found = error("S013", "wrong-comment", "a comment begins with `#`", case.span(), help, edit)
    return Mended(found, case.removed())


def _wrong_assignment(case: Case) -> Mended | None:
    if case.kind not in ("COLON", "ARROW"):
        return None
    after = case.tokens[case.at + 1] if case.at + 1 < len(case.tokens) else None
    if after is not None and after.type == "BAD_COMMENT" and after.start == case.span().end:
        return _bare_text(case)
    inside = bool(case.open_brackets())
    if "EQUAL" not in case.expected and case.before not in ("STRING", "NAME"):
        return None
    where = "an argument is written `name = value`" if inside else "a value is given with `=`"
    key = key_before(case)
    help = f"write `{key} = ...`"
    found = error(
        "S011", "wrong-assignment", f"{where}, not with `{case.token}`", case.span(), help, _equal(case)
    )
    return Mended(found, case.replaced("EQUAL", "="))


def _equal(case: Case) -> str:
    """`=`, with a space before it where there is none."""
    return " =" if case.at and case.span(case.at - 1).end == case.span().start else "="


def _bare_text(case: Case) -> Mended | None:
    """`hub = HuggingFaceTB/SmolLM3`: text without quotes."""
    equals = [i for i in range(case.at) if case.tokens[i].type in ("EQUAL", "COLON", "LPAR", "COMMA", "LSQB")]
    first = next(
        (i for i in reversed(equals) if case.tokens[i].type != "COLON"), equals[0] if equals else None
    )
    if first is None or first + 1 >= len(case.tokens):
        return None
    text = case.source.text
    start = case.span(first + 1).start
    end = start
    while end < len(text) and text[end] not in ' \t\r\n,)]};#"':
        end += 1
    if end <= case.span().start:
        return None
    last = max(i for i in range(len(case.tokens)) if case.span(i).start < end)
    checkpoint = re.fullmatch(r"([A-Za-z_]\w*)@\d+", text[start:end])
    if checkpoint:
        name = checkpoint[1]
        help = f"write `{name}`: in a merge or an eval `checkpoints = all` adds all that it keeps"
        span = Span(case.source, start, end)
        found = error("S022", "unexpected-character", "no checkpoint is named alone", span, help)
        return Mended(found, [*case.tokens[: first + 2], *case.tokens[last + 1 :]])
    literal = quoted(text[start:end])
    span = Span(case.source, start, end)
    found = error("S015", "text-without-quotes", "text stands in quotes", span, f"write {literal}", literal)
    string = Token("STRING", literal, start, end)
    return Mended(found, [*case.tokens[: first + 1], string, *case.tokens[last + 1 :]])


def _wrong_character(case: Case) -> Mended | None:
    if case.kind == "BAD_WORD":
        message = "a name is made of the letters a-z and A-Z, digits and `_`"
        return Mended(error("S022", "unexpected-character", message, case.span(), "put it in quotes"))
    if case.kind != "OTHER":
        return None
    character = str(case.token)
    if (
        character in "/@~*?&!"
        and case.at
        and case.before in ("NAME", "EQUAL", "NUMBER", "COMMA", "LPAR", "LSQB")
    ):
        bare = _bare_text(case)
        if bare is not None:
            return bare
    instead = {"≥": ">=", "≤": "<=", "≠": "!=", "−": "-", "–": "-", "—": "-", "×": "*", "“": '"', "”": '"'}
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    right = instead.get(character)
    if right in (">=", "<=", "!="):
        message = f"`{shown}` is not an operator"
        found = error("S022", "unexpected-character", message, case.span(), f"write `{right}`", right)
        return Mended(found, case.replaced("OPERATOR", right))
    help = f"write `{right}`" if right else None
    if character.isspace():
        help = "use plain spaces"
        found = error("S022", "unexpected-character", f"an unusual space ({shown})", case.span(), help, " ")
        return Mended(found, case.removed())
    return Mended(
        error("S022", "unexpected-character", f"`{shown}` has no meaning here", case.span(), help, right),
        case.replaced("MINUS", "-") if right == "-" else None,
    )


def _braces(case: Case) -> Mended | None:
    if case.kind != "BRACED":
        return None
    help = "write a constructor, `name(key = value)`, or a list, `[a, b]`"
    return Mended(error("S017", "braces-as-value", "a value is not written in braces", case.span(), help))


HABITS = (
    _unclosed_string,
    _wrong_quotes,
    _hyphen,
    _wrong_comment,
    _wrong_assignment,
    _wrong_character,
    _braces,
)
