"""The words of conditions (`and`, `or`, `not`, `in`): names everywhere else, and mistakes made with them."""

from __future__ import annotations

from smolc.compiler.syntax.case import VALUE_ENDS, VALUE_STARTS, Case, Mended, error, said
from smolc.compiler.syntax.lex import Token

_WORDS = {"and": "AND", "or": "OR", "not": "NOT", "in": "IN"}
_JOINS = frozenset({"AND", "OR"})
_ENDS_OF_PATH = frozenset({"NAME", "STRING"})
_OPERAND_STARTS = frozenset({"NAME", "STRING", "LPAR"})
_AFTER_KEY = frozenset({"EQUAL", "DOT", "COLON", "ARROW"})
_FOREIGN = {"&": "and", "|": "or"}
_OTHER_WAY = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def with_words(tokens: list[Token]) -> list[Token]:
    """The tokens of a statement, its `and`, `or`, `not` and `in` made keywords where no name can stand.

    That is in a value: `and` behind an operand, `not` before one. In a line of a block, only `in [` and `not in [` are.
    """
    if _WORDS.keys().isdisjoint(tokens):
        return tokens
    begin = next((at for at, token in enumerate(tokens) if token.type == "EQUAL"), None)
    out = list(tokens)
    for at, token in enumerate(tokens):
        if token.type == "NAME" and token in _WORDS and at > (begin or 0):
            is_word = _in_line(out, at) if begin is None else _in_value(out, at)
            if is_word:
                out[at] = Token(_WORDS[token], token, token.start, token.end)
    return out


def _type(tokens: list[Token], at: int) -> str:
    return tokens[at].type if at < len(tokens) else ""


def _in_line(tokens: list[Token], at: int) -> bool:
    if tokens[at] == "not" and tokens[at - 1].type in _ENDS_OF_PATH:
        return tokens[at + 1 : at + 2] == ["in"] and _type(tokens, at + 2) == "LSQB"
    behind_path = tokens[at - 1].type in _ENDS_OF_PATH or tokens[at - 1].type == "NOT"
    return tokens[at] == "in" and behind_path and _type(tokens, at + 1) == "LSQB"


def _in_value(tokens: list[Token], at: int) -> bool:
    before, after = tokens[at - 1].type, _type(tokens, at + 1)
    if after in _AFTER_KEY:
        return False
    if before in VALUE_ENDS:
        return True
    if tokens[at] == "in":
        return before == "NOT" and tokens[at - 2].type in VALUE_ENDS
    if tokens[at] != "not" or before not in ("EQUAL", "LPAR", "NOT", *_JOINS):
        return False
    is_column = tokens[at + 1 : at + 2] == ["in"] and _type(tokens, at + 2) == "LSQB"
    return after in _OPERAND_STARTS and not is_column


# --- mistakes, in the manner of mend.py


def _in_condition(case: Case) -> bool:
    """Whether what could be read so far is a condition, or can only become one."""
    value = next((at for at, token in enumerate(case.tokens[: case.at]) if token.type == "EQUAL"), None)
    return value is not None and any(
        t.type in (*_JOINS, "NOT", "IN", "OPERATOR") for t in case.tokens[value:]
    )


def _foreign_word(case: Case) -> Mended | None:
    """`&&`, `||`, `AND`, `!`."""
    token = case.token
    if token is None or not _in_condition(case):
        return None
    word = ""
    if "AND" in case.expected:
        word = token.lower() if token.type == "NAME" and token.lower() in ("and", "or") else ""
        word = word or (_FOREIGN.get(token, "") if token.type == "OTHER" else "")
    elif "NOT" in case.expected and token == "!":
        word = "not"
    if not word:
        return None
    double = token.type == "OTHER" and case.tokens[case.at + 1 : case.at + 2] == [str(token)]
    span = case.span().to(case.span(case.at + double))
    spaced = f"{word} " if word == "not" and case.source.text[span.end : span.end + 1] != " " else word
    found = error(
        "S044", "unreadable-condition", f"`{span.text}` is written `{word}`", span, f"write `{word}`", spaced
    )
    keyword = Token(_WORDS[word], word, span.start, span.end)
    return Mended(found, [*case.tokens[: case.at], keyword, *case.tokens[case.at + 1 + double :]])


def _wrong_equals(case: Case) -> Mended | None:
    """`where = lang = "en"`."""
    if case.kind != "EQUAL" or not {"OPERATOR", "IN"} <= case.expected or "EQUAL" in case.expected:
        return None
    message = "a condition compares with `==`; `=` gives a value"
    found = error("S044", "unreadable-condition", message, case.span(), "write `==`", "==")
    return Mended(found, case.replaced("OPERATOR", "=="))


def _wrong_way(case: Case) -> Mended | None:
    """`3 <= score`, `1 < score < 5`."""
    if case.kind != "OPERATOR" or not any(t.type == "EQUAL" for t in case.tokens[: case.at]):
        return None
    sign = str(case.token)
    if "AND" in case.expected:
        return Mended(
            error(
                "S044", "unreadable-condition", "a comparison has two sides", case.span(),
                "write two comparisons with `and` between them: `score > 1 and score < 5`",
            )
        )  # fmt: skip
    if case.before in _JOINS | {"NOT"}:
        message = f"a column is missing before `{sign}`"
        return Mended(
            error(
                "S044",
                "unreadable-condition",
                message,
                case.span(),
                'name it again: `lang == "en" or lang == "de"`',
            )
        )
    if case.before not in ("NUMBER", "TRIPLE", "RSQB"):
        return None
    after = case.tokens[case.at + 1] if case.at + 1 < len(case.tokens) else None
    column = str(after) if after is not None and after.type in _ENDS_OF_PATH else "score"
    value = case.tokens[case.at - 1] if case.before == "NUMBER" else "3"
    help = f"write the column first: `{column} {_OTHER_WAY.get(sign, sign)} {value}`"
    return Mended(
        error("S044", "unreadable-condition", "a comparison begins with its column", case.span(), help)
    )


def _not_compared(case: Case) -> Mended | None:
    """`lang == "en" or "de"`, `good and score >= 3`."""
    if case.kind not in ("$END", "RPAR", *_JOINS) or not _in_condition(case) or "AND" in case.expected:
        return None
    if case.kind == "RPAR" and not case.open_brackets():
        return None
    before = case.tokens[case.at - 1]
    if before.type in (*_JOINS, "NOT", "IN", "LPAR"):
        what = "a value" if before.type == "IN" else "a comparison"
        message = f"{what} is missing after `{before}`"
        return Mended(
            error("S005", "expected-value", message, case.span(case.at - 1), 'write `lang == "en"`')
        )
    if "OPERATOR" not in case.expected:
        return None
    message = f"{said(before)} is not compared with anything"
    help = (
        "write `{0} == true`"
        if before.type == "NAME"
        else "name the column again, or write `COLUMN in [...]`"
    )
    return Mended(error("S044", "unreadable-condition", message, case.span(case.at - 1), help.format(before)))


def _not_joined(case: Case) -> Mended | None:
    """`(a == 1, b == 2)`, `(a == 1 b == 2)`: neither is a call or a list."""
    if "AND" not in case.expected or case.kind not in VALUE_STARTS | {"COMMA"} or case.kind == "LSQB":
        return None
    opened = case.open_brackets()
    if case.kind != "COMMA" and not opened:
        return None  # a second statement on the line
    if case.kind == "COMMA" and case.at + 1 == len(case.tokens):
        return None
    message = "two conditions are joined by `and` or `or`"
    comma = case.kind == "COMMA"
    tokens = case.replaced("AND", "and") if comma else case.inserted("AND", "and")
    return Mended(
        error("S044", "unreadable-condition", message, case.span(), "write `and` between the two"), tokens
    )


def _parenthesised(case: Case) -> Mended | None:
    """`betas = (0.9, 0.95)`."""
    if case.before != "LPAR" or case.kind not in ("NUMBER", "MINUS", "TRIPLE", "LSQB") or case.at < 2:
        return None
    if case.tokens[case.at - 2].type != "EQUAL" or "OPERATOR" in {t.type for t in case.tokens[case.at :]}:
        return None
    help = "write it without them; a list is written `[0.9, 0.95]`"
    return Mended(
        error("S001", "unexpected", "only conditions stand in parentheses", case.span(case.at - 1), help)
    )


def _joined_lines(case: Case) -> Mended | None:
    """`where { score >= 3 and lang == "en" }`, `where { not good == true }`."""
    kinds = [t.type for t in case.tokens[: case.at]]
    word = case.tokens[0] if case.kind == "OPERATOR" and case.tokens[0] == "not" else case.token
    if word not in ("and", "or", "not") or "EQUAL" in kinds or (word != "not" and "OPERATOR" not in kinds):
        return None
    help = f"write it as a value, `where = ... {word} ...`"
    if word == "and":
        help = "write one comparison a line, all of which must hold; or `where = ... and ...`"
    message = f"a line of a block is one comparison, without `{word}`"
    return Mended(error("S044", "unreadable-condition", message, case.span(), help))


MISTAKES = (
    _foreign_word,
    _wrong_equals,
    _wrong_way,
    _not_compared,
    _not_joined,
    _parenthesised,
    _joined_lines,
)
