"""The model's own Python code will run

## What it does

Says so wherever a model has `trust_remote_code = true`.

## Why is this bad?

With it, transformers downloads Python files from the model's repository and runs them as you, on every
machine of the run, with your tokens and data in reach. Whoever can push to that repository can change them
at any time. Nothing else in a recipe runs code: this is the one line to look for in a recipe from somebody
else.

Current transformers knows most architectures by itself, and a recipe rarely needs this.

## Wrong

```
model base {
  hub               = "someone/their-model"
  trust_remote_code = true
}
```

## Right

Read the code at one commit, pin that commit, and say that you did.

```
model base {
  hub               = "someone/their-model"
  revision          = "0123456789abcdef0123456789abcdef01234567"
  # lint: allow(trust-remote-code) -- read modeling_theirs.py at this commit: no I/O
  trust_remote_code = true
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule

RULE = Rule("X801", "trust-remote-code", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, model in context.recipe.models.items():
        if model.trust_remote_code:
            source = model.hub or model.path or name
            yield Finding(
                f"running this recipe runs the Python code of `{source}` as you, with your access",
                model.span_of("trust_remote_code"),
                notes=("unless `revision` is a commit, it is whatever the repository holds that day",),
                help="take it out if transformers knows the architecture, else read it and pin its commit",
            )
