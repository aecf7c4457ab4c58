"""What completion offers: an item, and the items that need nothing but their own description."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from smolc.compiler.lint.discover import all_rules
from smolc.compiler.reference.catalogue import Block, Key

MOST_FILES = 200


@dataclass(frozen=True)
class Item:
    """label: what is shown and filtered by. insert: what is written, with `$0` where the cursor goes if it is a `snippet`.

    kind: key, block, constructor, word, reference, value, keyword, file or rule. start and end: characters that are
    replaced, filled in at the end. order: the lower, the higher up.
    """

    label: str
    insert: str
    kind: str
    detail: str = ""
    docs: str = ""
    snippet: bool = False
    order: int = 5
    start: int | None = None
    end: int | None = None


def key_item(key: Key, given: bool, docs: str) -> Item:
    """given: the `=` stands there already."""
    detail = key.type + (f"; {key.default} unless given" if key.default else "")
    return Item(
        key.name, key.name if given else f"{key.name} = ", "key", detail, docs, order=1 if key.required else 4
    )


def block_item(block: Block, docs: str) -> Item:
    """With what it needs already in it."""
    needed = [key for key in block.keys if key.required]
    width = max((len(key.name) for key in needed), default=0)
    head = f"{block.kind} ${{1:{block.label.lower()}}}" if block.label else block.kind
    lines = [f"  {key.name:<{width}} = ${{{number}}}" for number, key in enumerate(needed, 2)]
    body = "\n".join([*lines, "  $0"])
    summary = block.docs.split("\n")[0]
    return Item(block.kind, f"{head} {{\n{body}\n}}", "block", summary, docs, snippet=True, order=6)


def rules(written: str, offset: int) -> list[Item]:
    """Names of rules in `# lint: allow(`; the whole of it where a comment begins like one. written: up to the cursor."""
    listed = re.fullmatch(r"#\s*lint\s*:\s*allow\s*\((?:[^()]*[,\s])?([^\s,()]*)", written)
    if listed is not None:
        start = offset - len(listed[1])
        return [
            Item(one.rule.name, one.rule.name, "rule", one.title, one.docs.strip(), start=start, end=offset)
            for one in all_rules()
        ]
    begun = re.fullmatch(r"#\s*(l?|li|lin|lint):?\s*", written)
    if begun is None or not begun[1]:
        return []
    start = offset - len(written) + begun.start(1)
    insert = "lint: allow(${1:rule}) -- ${2:why it is right here}"
    detail = "accept a finding, with the reason"
    return [Item("lint: allow(...)", insert, "keyword", detail, snippet=True, start=start, end=offset)]


def files_in(recipe: Path, written: str, offset: int, ending: str = "") -> list[Item]:
    """Files and folders beside the recipe that a path may go on with."""
    above, _, last = written.rpartition("/")
    folder = recipe.parent / above if above or not written.startswith("/") else Path("/")
    found: list[Item] = []
    try:
        for entry in sorted(folder.iterdir()):
            is_folder = entry.is_dir()
            if (
                entry.name.startswith(".")
                or entry == recipe
                or not (is_folder or entry.name.endswith(ending))
            ):
                continue
            name = entry.name + ("/" if is_folder else "")
            found.append(Item(name, name, "file", start=offset - len(last), end=offset))
            if len(found) == MOST_FILES:
                break
    except (OSError, ValueError):
        return []
    return found
