"""Says what is wrong with a statement, and makes out what was meant.

Each function looks for one mistake and answers None if it is not that one; `mend` asks them in order.
"""

from __future__ import annotations

from dataclasses import dataclass

from smolc.compiler.diagnostics import Diagnostic, Edit, Label, Severity, Source, Span
from smolc.compiler.syntax.lex import Token
from smolc.compiler.syntax.units import is_unit

OPEN = {"LPAR": "RPAR", "LSQB": "RSQB"}
CLOSE = {"RPAR": "LPAR", "RSQB": "LSQB"}
VALUE_STARTS = {"NUMBER", "STRING", "TRIPLE", "NAME", "LSQB", "MINUS"}
_VALUE_ENDS = {"NUMBER", "STRING", "TRIPLE", "NAME", "RPAR", "RSQB"}
_WORDS = {
    "EQUAL": "`=`", "OPERATOR": "a comparison (`>=`, `==`, ...)", "DOT": "`.`", "COMMA": "`,`", "LPAR": "`(`",
    "RPAR": "`)`", "RSQB": "`]`", "LBRACE": "`{`", "NAME": "a name", "STRING": "a string",
    "NUMBER": "a number", "$END": "the end of the line", "PLUS": "`+`", "MINUS": "`-`",
    "SMOLC": "a statement",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A statement that cannot be read: `tokens[at]` (or the end) is not among `expected`."""

    source: Source
    tokens: list[Token]
    at: int
    expected: set[str]
    start: str

    @property
    def token(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    @property
    def kind(self) -> str:
        token = self.token
        return token.type if token is not None else "$END"

    @property
    def before(self) -> str:
        return self.tokens[self.at - 1].type if self.at else ""

    def span(self, at: int | None = None) -> Span:
        """Of a token; at the end, of the place right behind the last one."""
        at = self.at if at is None else at
        if at < len(self.tokens):
            token = self.tokens[at]
            return Span(self.source, token.start, token.end)
        end = (self.tokens[-1].end) if self.tokens else 0
        return Span(self.source, end, end)

    def open_brackets(self) -> list[int]:
        """Indices of the brackets that are open before `at`, outermost first."""
        stack: list[int] = []
        for i in range(min(self.at, len(self.tokens))):
            kind = self.tokens[i].type
            if kind in OPEN:
                stack.append(i)
            elif kind in CLOSE and stack:
                stack.pop()
        return stack

    def replaced(self, kind: str, text: str) -> list[Token]:
        """The tokens, with another one in place of the one that does not fit."""
        old = self.tokens[self.at]
        token = Token(kind, text, old.start, old.end)
        return [*self.tokens[: self.at], token, *self.tokens[self.at + 1 :]]

    def inserted(self, kind: str, text: str) -> list[Token]:
        """The tokens, with one put before the one that does not fit."""
        at = self.span(self.at - 1).end if self.at else self.span().start
        return [*self.tokens[: self.at], Token(kind, text, at, at), *self.tokens[self.at :]]

    def removed(self) -> list[Token]:
        return [*self.tokens[: self.at], *self.tokens[self.at + 1 :]]


@dataclass(frozen=True)
class Mended:
    """The report, and the tokens to read instead (None: the statement is lost).

    With `rest`, `tokens` is a whole statement and `rest` another one.
    """

    diagnostic: Diagnostic
    tokens: list[Token] | None = None
    rest: list[Token] | None = None


def error(
    code: str,
    name: str,
    message: str,
    span: Span,
    help: str | None = None,
    edit: str | None = None,
    labels: tuple[Label, ...] = (),
) -> Diagnostic:
    """An error; `edit` replaces the text of `span`."""
    edits = () if edit is None else (Edit(span, edit),)
    return Diagnostic(code, name, Severity.ERROR, message, span, labels, help=help, edits=edits)


def mend(case: Case) -> Mended:
    for look in _LOOKS:
        found = look(case)
        if found is not None:
            return found
    return Mended(_unexpected(case))


def _unclosed_string(case: Case) -> Mended | None:
    if case.kind != "BAD_STRING" or case.token is None:
        return None
    text = str(case.token)
    block = text.startswith('"""')
    span = case.span()
    if text == '"' and case.before in _VALUE_ENDS:
        found = error(
            "S007", "unclosed-string", 'this `"` closes nothing', span, 'put `"` before the text, too'
        )
        return Mended(found, case.removed())
    quotes = '"""' if block else '"'
    message = f"this text is not closed: its {quotes} is missing"
    shown = Span(case.source, span.start, span.start + 3) if block else span
    help = 'text of more than one line stands between """ and """' if block else f"end the text with {quotes}"
    literal = _quoted(text.strip('"') if block else text[1:].rstrip())
    return Mended(error("S007", "unclosed-string", message, shown, help), case.replaced("STRING", literal))


def _wrong_quotes(case: Case) -> Mended | None:
    if case.kind != "BAD_QUOTES" or case.token is None:
        return None
    inner = str(case.token)[1:]
    inner = inner[:-1] if inner and inner[-1] in "'“”\"‘’`" else inner
    literal = _quoted(inner)
    message = 'text stands between straight double quotes, `"`'
    return Mended(
        error("S012", "wrong-quotes", message, case.span(), f"write {literal}", literal),
        case.replaced("STRING", literal),
    )


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


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
    key = _key_before(case)
    help = f"write `{key} = ...`"
    found = error(
        "S011", "wrong-assignment", f"{where}, not with `{case.token}`", case.span(), help, _equal(case)
    )
    return Mended(found, case.replaced("EQUAL", "="))


def _equal(case: Case) -> str:
    """`=`, with a space before it where there is none."""
    return " =" if case.at and case.span(case.at - 1).end == case.span().start else "="


def _key_before(case: Case) -> str:
    first = case.at - 1
    while first > 0 and case.tokens[first - 1].type == "DOT":
        first -= 2
    first = max(first, 0)
    return case.source.text[case.span(first).start : case.span(case.at - 1).end]


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
    literal = _quoted(text[start:end])
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
    key = _key_before(Case(case.source, case.tokens, case.at - 1, set(), case.start))
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
    if starts_statement(rest, 0):
        return Mended(
            _two(case, Case(case.source, case.tokens, case.at + 1, set(), case.start)),
            case.tokens[: case.at],
            rest,
        )
    equal = next((i for i in range(case.at) if case.tokens[i].type == "EQUAL"), None)
    if equal is None or equal + 1 >= case.at:
        return None
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
    if case.before not in _VALUE_ENDS or case.kind not in VALUE_STARTS | {"BRACED"}:
        return None
    if case.before == "NUMBER" and case.kind == "NAME" and is_unit(str(case.token)):
        span = case.span(case.at - 1).to(case.span())
        joined = f"{case.tokens[case.at - 1]}{case.token}"
        found = error("S019", "space-in-number", "no space before a unit", span, f"write `{joined}`", joined)
        number = Token("NUMBER", joined, span.start, span.end)
        return Mended(found, [*case.tokens[: case.at - 1], number, *case.tokens[case.at + 1 :]])
    if case.open_brackets():
        place = Span(case.source, case.span(case.at - 1).end, case.span(case.at - 1).end)
        found = error(
            "S020",
            "missing-comma",
            f"a comma is missing before {said(case.token)}",
            case.span(),
            "write `,` between the two",
        )
        found = Diagnostic(
            found.code,
            found.name,
            found.severity,
            found.message,
            found.span,
            help=found.help,
            edits=(Edit(place, ","),),
        )
        return Mended(found, case.inserted("COMMA", ","))
    given = any(t.type in ("EQUAL", "OPERATOR") for t in case.tokens[: case.at])
    if given and starts_statement(case.tokens, case.at):
        return Mended(_two(case, case), case.tokens[: case.at], case.tokens[case.at :])
    if not given and case.start == "statement":
        key = _key_before(case)
        rest = case.source.text[case.span().start : case.span(len(case.tokens) - 1).end]
        help = f"write `{key} = {rest}`"
        place = Span(case.source, case.span(case.at - 1).end, case.span(case.at - 1).end)
        found = error("S006", "missing-equals", f"`=` is missing after `{key}`", case.span(case.at - 1), help)
        found = Diagnostic(
            found.code,
            found.name,
            found.severity,
            found.message,
            found.span,
            help=found.help,
            edits=(Edit(place, " ="),),
        )
        return Mended(found, case.inserted("EQUAL", "="))
    return None


def _two(case: Case, second: Case) -> Diagnostic:
    return error(
        "S010", "two-statements", "a second statement begins on the same line", second.span(),
        "start a new line, or write `;` between the two",
    )  # fmt: skip


def _alone(case: Case) -> Mended | None:
    """A key, a keyword or a label and nothing else."""
    first = case.tokens[0] if case.tokens else None
    if first is None or case.kind != "$END":
        return None
    whole = case.span(0).to(case.span(len(case.tokens) - 1))
    if first.type == "DROP":
        return Mended(
            error("S021", "bad-drop", "`drop` takes a kind and a label", whole, "write `drop dataset gsm`")
        )
    if first.type == "SMOLC":
        return Mended(error("S023", "bad-edition", "the edition is missing", whole, "write `smolc 1`"))
    if first.type == "EXTENDS":
        return Mended(
            error("S024", "bad-extends", "the parent is missing", whole, 'write `extends "base.recipe"`')
        )
    if case.start == "statement" and "EQUAL" in case.expected:
        help = f"write `{whole.text} = ...`"
        if len(case.tokens) == 1:
            help += f", or `{whole.text} {{` to begin a block"
        return Mended(error("S006", "missing-equals", f"`{whole.text}` is given no value", whole, help))
    return None


def _keywords(case: Case) -> Mended | None:
    first = case.tokens[0].type if case.tokens else ""
    if first == "EXTENDS" and case.at == 1:
        rest = case.span(1).to(case.span(len(case.tokens) - 1))
        literal = _quoted(rest.text)
        message = "`extends` takes the parent's path in quotes"
        return Mended(error("S024", "bad-extends", message, rest, f"write `extends {literal}`", literal))
    if first == "SMOLC" and case.at == 1:
        return Mended(
            error("S023", "bad-edition", "an edition is a whole number", case.span(), "write `smolc 1`")
        )
    if first == "DROP":
        return Mended(
            error(
                "S021", "bad-drop", "`drop` takes a kind and a label", case.span(), "write `drop dataset gsm`"
            )
        )
    return None


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
    help = (
        f"expected {', '.join(words[:-1])} or {words[-1]}"
        if len(words) > 1
        else (f"expected {words[0]}" if words else None)
    )
    return error("S001", "unexpected", message, case.span(), help)


def said(token: Token | None) -> str:
    """A token in the user's words."""
    if token is None:
        return "the end of the line"
    text = token.split("\n")[0]
    text = text if len(text) <= 40 else text[:39] + "…"
    kinds = {"NAME": "the name ", "NUMBER": "the number ", "STRING": "the text ", "TRIPLE": "the text "}
    return f"{kinds.get(token.type, '')}`{text}`"


def starts_statement(tokens: list[Token], at: int) -> bool:
    """Whether `path =`, `path >=` or `kind label {` stands at `at`."""
    count = len(tokens)
    if at >= count or tokens[at].type not in ("NAME", "STRING", "HYPHENED"):
        return False
    first = at
    while at + 2 < count and tokens[at + 1].type == "DOT":
        at += 2
    if at + 1 >= count:
        return False
    kind = tokens[at + 1].type
    if kind in ("EQUAL", "OPERATOR", "COLON", "ARROW"):
        return True
    if tokens[first].type != "NAME" or at != first:
        return False
    if kind == "LBRACE":
        return True
    return kind in ("NAME", "STRING") and at + 2 < count and tokens[at + 2].type == "LBRACE"


_LOOKS = (
    _unclosed_string,
    _wrong_quotes,
    _hyphen,
    _wrong_comment,
    _wrong_assignment,
    _wrong_character,
    _braces,
    _keywords,
    _missing_value,
    _brackets,
    _commas,
    _missing_between,
    _alone,
)
