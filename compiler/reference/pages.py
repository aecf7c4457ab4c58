"""The language reference as pages of markdown, made from the catalogue, the grammar, the rules and `prose/*.md`."""

from __future__ import annotations

import re
from pathlib import Path

from smolc.compiler.lint.discover import all_rules
from smolc.compiler.model.habits import HABITS
from smolc.compiler.reference.catalogue import catalogue, docs_of
from smolc.compiler.reference.entries import FAMILIES, family
from smolc.compiler.reference.page_of_block import page_of_block, table
from smolc.compiler.reference.page_of_method import methods, page_of_method
from smolc.compiler.reference.suite import suite
from smolc.compiler.syntax import grammar, units

MADE = "<!-- Made by `python -m smolc.compiler.reference`; change compiler/ instead. -->\n\n"


def pages() -> dict[str, str]:
    """File name -> text, all of docs/reference/."""
    made = {
        "README.md": _index(),
        "syntax.md": _syntax(),
        **{f"{kind}.md": page_of_block(block, prose(kind)) for kind, block in catalogue().items()},
        **{f"{word}.md": page_of_method(word) for word in methods()},
        "rules.md": _rules(),
        "codes.md": _codes(),
        "habits.md": _habits(),
        "suite.md": suite(),
    }
    return {name: MADE + text.strip() + "\n" for name, text in made.items()}


def prose(name: str) -> str:
    """What is written by hand."""
    return Path(__file__).with_name("prose").joinpath(f"{name}.md").read_text(encoding="utf-8").strip()


def _index() -> str:
    blocks = [f"- [{kind}]({kind}.md): {_sentence(block.docs)}" for kind, block in catalogue().items()]
    more = [
        "How a stage can train, a page for each method:\n",
        *(f"- [{word}]({word}.md): {_sentence(docs_of(kind))}" for word, kind in methods().items()),
        "\nWhat is reported:\n",
        "- [rules](rules.md): the rules of `smolc lint`",
        "- [codes](codes.md): what the compiler itself reports",
        "\nWhat can be measured: [the suite](suite.md).",
        "\nComing from another tool: [what its keys are called here](habits.md).",
    ]
    return "\n".join([prose("index"), "", *blocks, "", *more])


def _sentence(docs: str) -> str:
    """The first one, small enough to stand behind a colon."""
    first = re.split(r"(?<=[.])\s", docs)[0].rstrip(".")
    return first[0].lower() + first[1:]


def _syntax() -> str:
    scales = table(
        ("scale", "times"), ((f"`{scale}`", f"{factor:,}") for scale, factor in units.SCALES.items())
    )
    counts = {
        "tok": ("tokens", "`8Kitok`"),
        "seq": ("sequences: rows, pairs, conversations", "`128seq`"),
        "step": ("optimiser steps", "`500step`"),
        "epoch": ("times through the data", "`3epoch`"),
    }
    kept = {"%": "percent", "s": "seconds", "B": "bytes"}
    rows = [(f"`{unit}`", *counts[unit]) for unit in units.COUNTS]
    for unit, (kind, factor) in units.MEASURES.items():
        times = "" if factor == 1 or unit == "%" else f"{int(factor):,} "
        rows.append((f"`{unit}`", f"{times}{kept[kind]}", f"`8{unit}`"))
    parts = {
        "scales": scales,
        "units": table(("unit", "what it counts", "for example"), rows),
        "grammar": f"```lark\n{_grammar()}\n```",
    }
    return re.sub(r"<!-- (\w+) -->", lambda match: parts[match[1]], prose("syntax"))


def _grammar() -> str:
    """What a statement is; the terminals, and what is only there for mistakes, are left out."""
    text = Path(grammar.__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    start, end = text.index("statement:"), text.index("// Keywords only")
    return text[start:end].strip()


def _rules() -> str:
    rules = [(one.rule, one.title, one.docs.strip().partition("\n")[2]) for one in all_rules()]
    rows = [
        (_anchor(rule.code, rule.name, rule.code), f"`{rule.name}`", rule.severity.word, title)
        for rule, title, _ in rules
    ]
    sections = [f"## {rule.code} {rule.name}\n\n{title}.\n\n{_bold(docs)}" for rule, title, docs in rules]
    return "\n\n".join([prose("rules"), table(("code", "name", "severity", "about"), rows), *sections])


def _codes() -> str:
    parts = [prose("codes")]
    for letter, (_, about) in FAMILIES.items():
        rows = [(_anchor(c.code, c.name, c.code), f"`{c.name}`", c.title) for c in family(letter)]
        parts += [f"**{about}**", table(("code", "name", "about"), rows)]
    for letter in FAMILIES:
        parts += [f"## {c.code} {c.name}\n\n{c.title}.\n\n{_bold(c.docs)}" for c in family(letter)]
    return "\n\n".join(parts)


def _bold(docs: str) -> str:
    """Headings of a rule's docs as bold lines, so that a page has one heading a rule; fences say their language."""
    kept = re.split(r"(^```.*?^```$)", docs.strip(), flags=re.MULTILINE | re.DOTALL)
    for at, text in enumerate(kept):
        if at % 2:
            kept[at] = re.sub(r"\A```\n(\s*)(\S)(.)", _fence, text)
        else:
            kept[at] = re.sub(r"^## (.*)$", r"**\1**", text, flags=re.MULTILINE)
    return "".join(kept)


def _fence(match: re.Match[str]) -> str:
    """Recipes for the most part; templates and JSON begin with a brace."""
    language = "recipe" if match[2] != "{" else "jinja" if match[3] in "{%#" else "json"
    return f"```{language}\n{match[1]}{match[2]}{match[3]}"


def _anchor(code: str, name: str, shown: str) -> str:
    return f"[{shown}](#{code.lower()}-{name})"


def _habits() -> str:
    rows = [(f"`{theirs}`", ours) for theirs, ours in HABITS.items()]
    return prose("habits") + "\n\n" + table(("there", "here"), rows)
