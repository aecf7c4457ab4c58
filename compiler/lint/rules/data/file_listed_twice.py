"""A file that stands twice in a dataset

## What it does

Looks for lists of files (`path = [...]`) in which the same file stands more than once, also where it is
written differently (`a.jsonl`, `./a.jsonl`).

## Why is this bad?

Its rows are read twice, so they weigh twice what the recipe says and are repeated twice as often. In the
Smol Training Playbook's SFT mixture s1k-1.1 is 10.8% of the tokens; listed twice it would be 19.5%, and each
trace would be seen eight times in four epochs. Nothing in a training log shows it.

Source: Smol Training Playbook, post-training chapter (mixture).

## Wrong

```
dataset traces { path = ["a.jsonl", "b.jsonl", "a.jsonl"] }
```

## Right

```
dataset traces { path = ["a.jsonl", "b.jsonl", "c.jsonl"] }
```

If the rows are to be repeated, say so in the mixture: `traces = share(20%, at_most = 2epoch)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from os.path import normpath

from smolc.compiler.diagnostics import Edit, Label, Severity, Span
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.syntax import tree

RULE = Rule("D208", "file-listed-twice", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for section in context.resolved.of("dataset"):
        field = section.fields.get("path")
        if field is None or not isinstance(field.value, tree.List) or section.label is None:
            continue
        items = [item for item in field.value.items if isinstance(item, tree.Text)]
        seen: dict[str, tree.Text] = {}
        for before, item in zip([None, *items], items, strict=False):
            first = seen.setdefault(normpath(item.value), item)
            if first is item:
                continue
            yield Finding(
                f"`{item.value}` stands twice in dataset `{section.label.text}`",
                item.span,
                labels=(Label(first.span, "first here"),),
                notes=("its rows are read twice, and weigh twice what the mixture says",),
                help="take one of them out; to repeat rows, write `at_most = 2epoch` in a `share`",
                edits=_without(before, item),
            )


def _without(before: tree.Text | None, item: tree.Text) -> tuple[Edit, ...]:
    """Takes an item out of its list, unless there is more than a comma before it."""
    if before is None or before.span.source.text[before.span.end : item.span.start].strip() != ",":
        return ()
    return (Edit(Span(item.span.source, before.span.end, item.span.end), ""),)
