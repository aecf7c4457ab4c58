"""A text as a literal of a recipe: whatever it holds, it is read as what it was."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smolc.compiler.diagnostics import Source
from smolc.compiler.format import formatted
from smolc.compiler.show.literal import text_literal
from smolc.compiler.syntax import parse, tree
from smolc.compiler.syntax.read import check_characters

# What is hard: quotes, backslashes, blanks and line ends in all places, and characters that a recipe may not hold.
pieces = st.sampled_from(
    ['"', '""', '"""', "\\", "\\n", "\n", "\n\n", " ", "    ", "\t", "{{ x }}", "#", "é", "\ufeff", "\r", "\x0b",
     "\u2028", "\u202e", "\x85", "\xa0", "\u3000", "}", "\nstage x {", "'", "\x1c"]
)  # fmt: skip
texts = st.lists(pieces, max_size=12).map("".join) | st.text(max_size=30)


def read(literal: str) -> str:
    source = Source("case", f"template chat {{\n  text = {literal}\n  thinking = x\n}}\n")
    assert check_characters(source) == []
    file, found = parse(source)
    assert found == []
    (block,) = file.items
    assert isinstance(block, tree.Block)
    text, after = block.items
    assert isinstance(text, tree.Assign) and isinstance(text.value, tree.Text)
    assert isinstance(after, tree.Assign)
    return text.value.value


@settings(max_examples=500, deadline=None)
@given(texts, st.sampled_from(["", "  ", "      "]))
@example("\n", "  ")
@example(" \n  \n", "  ")
@example('a\n"', "  ")
@example('a\n""""', "  ")
@example("  a\n  b", "  ")
@example("\n  a\n\tb", "  ")
@example("\\\n", "  ")
def test_a_literal_is_read_as_its_text(text: str, indent: str) -> None:
    assert read(text_literal(text, indent)) == text


@settings(max_examples=200, deadline=None)
@given(texts)
def test_formatting_keeps_it(text: str) -> None:
    source = f"template chat {{\n  text = {text_literal(text, '  ')}\n  thinking = x\n}}\n"
    file, found = parse(Source("case", formatted(source)))
    assert found == []
    (block,) = file.items
    assert isinstance(block, tree.Block) and isinstance(block.items[0], tree.Assign)
    value = block.items[0].value
    assert isinstance(value, tree.Text) and value.value == text


@settings(max_examples=200, deadline=None)
@given(texts)
def test_no_line_ends_in_a_blank(text: str) -> None:
    assert all(line == line.rstrip() for line in text_literal(text, "  ").split("\n"))


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("", '""'),
        ("{{ messages }}", '"{{ messages }}"'),
        ("a\nb\n", '"""\n  a\n  b\n  """'),
        ("a\n\nb", '"""\n  a\n\n  b"""'),
        ("  a\n  b", '"""\n  \\u{20} a\n    b"""'),
        ('x = """\n', '"""\n  x = \\"\\"\\"\n  """'),
        ("{{ '\\n' }}\n", '"""\n  {{ \'\\\\n\' }}\n  """'),
        ("a \nb\n", '"""\n  a\\u{20}\n  b\n  """'),
    ],
)
def test_how_it_reads(text: str, literal: str) -> None:
    assert text_literal(text, "  ") == literal
