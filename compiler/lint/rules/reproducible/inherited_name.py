"""A recipe that has its parent's name

## What it does

Looks for recipes that extend another and have no name of their own: no `recipe` block, or one with the parent's
label, in a file that is called something else.

## Why is this bad?

What is built goes to `build/NAME`. Two recipes of one name build into one folder in turn: what the first had
trained and the second changes is trained anew each time, and the report is of whichever ran last. Runs that
share a folder have overwritten each other in sweeps (axolotl#3079) and have resumed from each other's
checkpoints (torchforge#631). `-o` keeps them apart for one who remembers it.

Source: axolotl#3079, torchforge#631.

## Wrong

```
extends "smollm3.recipe"
stage sft { optim = adamw(lr = 1e-5) }
```

## Right

```
extends "smollm3.recipe"
recipe smollm3_slow { about = "At half the learning rate." }
stage sft { optim = adamw(lr = 1e-5) }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule

RULE = Rule("R704", "inherited-name", Severity.INFO)


def check(context: Context) -> Iterator[Finding]:
    resolved, name = context.resolved, context.recipe.name
    parents = [path.stem for path in resolved.files[1:]]
    stem = resolved.files[0].stem
    if name not in parents or name == stem:
        return
    yield Finding(
        f"this recipe is called `{name}`, like the one it extends, and builds into the same folder",
        resolved.of("recipe")[0].head,
        help=f"give it a name of its own: `recipe {_label(stem)} {{ about = ... }}`",
    )


def _label(stem: str) -> str:
    """A file's name as a label."""
    plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in stem)
    return plain if plain[:1].isalpha() else f"recipe_{plain}"
