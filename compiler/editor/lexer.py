"""Colours for recipes wherever Pygments makes them: documentation, papers, terminals."""

from __future__ import annotations

from pygments.lexer import RegexLexer, bygroups  # type: ignore[import-untyped]
from pygments.token import (  # type: ignore[import-untyped]
    Comment,
    Generic,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Whitespace,
)

from smolc.compiler.syntax.layout import KINDS
from smolc.compiler.syntax.units import COUNTS, MEASURES, SCALES

_SUFFIXES = sorted(
    {*SCALES, *MEASURES, *COUNTS, *(s + c for s in SCALES for c in COUNTS)}, key=len, reverse=True
)
_NUMBER = r"[0-9][0-9_]*(?:\.[0-9_]+)?(?:[eE][+-]?[0-9]+)?"
_SUFFIX = "|".join(_SUFFIXES)
_KIND = "|".join(sorted(KINDS))
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"


class SmolcLexer(RegexLexer):  # type: ignore[misc]
    """Recipes of smolc. What is no recipe comes out plain: no text makes an error token."""

    name = "smolc"
    aliases = ["smolc", "recipe"]  # noqa: RUF012
    filenames = ["*.recipe"]  # noqa: RUF012
    mimetypes = ["text/x-smolc"]  # noqa: RUF012
    url = "https://github.com/smolc/smolc"

    tokens = {  # noqa: RUF012
        "root": [
            (r"\s+", Whitespace),
            (r"#[ \t]*lint[ \t]*:[^\n]*", Comment.Special),
            (r"#[^\n]*", Comment.Single),
            (r'"""', String.Double, "block"),
            (r'"', String.Double, "text"),
            (
                rf"({_NUMBER})((?:{_SUFFIX})?)(?![A-Za-z0-9_%])",
                bygroups(Number, Keyword.Type),
            ),
            (r"\b(extends|drop)(\s+)(?=[\"A-Za-z_])(?!\w+\s*=)", bygroups(Keyword.Namespace, Whitespace)),
            (r"\b(smolc)([ \t]+)(?=[0-9])", bygroups(Keyword.Namespace, Whitespace)),
            (
                rf'({_KIND})([ \t]+)({_NAME}|"[^"\n]*")([ \t]*)(\{{)',
                bygroups(Keyword.Declaration, Whitespace, Name.Class, Whitespace, Punctuation),
            ),
            (
                rf"({_KIND})([ \t]*)(\{{)",
                bygroups(Keyword.Declaration, Whitespace, Punctuation),
            ),
            (rf"{_NAME}(?=[ \t]*=(?!=))", Name.Attribute),
            (rf"{_NAME}(?=\()", Name.Function),
            (r"\b(true|false)\b", Keyword.Constant),
            (_NAME, Name),
            (r"==|!=|<=|>=|[=<>+-]", Operator),
            (r"[][(){},.;]", Punctuation),
            (r".", Generic),
        ],
        "text": [
            (r"\\u\{[0-9A-Fa-f]+\}|\\[^\n]", String.Escape),
            (r'[^"\\\n]+', String.Double),
            (r'"|\n|\\', String.Double, "#pop"),
        ],
        "block": [
            (r"\\u\{[0-9A-Fa-f]+\}|\\.", String.Escape),
            (r'"""', String.Double, "#pop"),
            (r'[^"\\]+|"|\\', String.Double),
        ],
    }
