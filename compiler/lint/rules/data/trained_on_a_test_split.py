"""Training on a split or a file that is called test

## What it does

Looks for stages that train on a split of the hub, or on a local file, whose name says that it is for testing:
the split `test` or `test_sft`, the files `maths-test.jsonl` or `test-00000-of-00001.parquet` (not
`unit_test_writing.jsonl`). What is declared as `role = test` is an error of its own, and the
benchmarks that smolc knows are `trained-on-a-benchmark`.

## Why is this bad?

Somebody set these rows apart to measure with, and published numbers are measured on them. A model that was
trained on them cannot be compared with any. The Smol Training Playbook's rule is to hold a test set out of
everything, ablations included. Where a repository has nothing but a test split, say so in a suppression.

Source: Smol Training Playbook, post-training chapter (evals).

## Wrong

```
dataset chats { hub = "HuggingFaceH4/ultrachat_200k" ; split = "test_sft" }
stage sft { init = base ; method = sft ; data = chats }
```

## Right

```
dataset chats { hub = "HuggingFaceH4/ultrachat_200k" ; split = "train_sft" }
stage sft { init = base ; method = sft ; data = chats }
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity, Span
from smolc.compiler.lint.benchmarks import benchmark
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.sources import Source, named_test, trained

RULE = Rule("D205", "trained-on-a-test-split", Severity.WARNING)
_FILE = re.compile(r"(?:.*[-_])?test(?:[-_][0-9].*)?", re.IGNORECASE)
"""Of a file's name the end counts, and the number of a part."""


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, source in trained(context):
        if source.dataset.role == "test" or benchmark(source.dataset.hub, source.split):
            continue
        for said, span in _names(source):
            if span not in seen:
                seen.add(span)
                yield Finding(
                    f"stage `{name}` trains on {said}, which its name says is for testing",
                    span,
                    notes=(
                        "a model trained on the rows that others measure with cannot be compared with theirs",
                    ),
                    help="train on the training split; if there is no other, allow this with the reason",
                )


def _names(source: Source) -> Iterator[tuple[str, Span | None]]:
    dataset = source.dataset
    if dataset.path is not None:
        for path in dataset.path:
            name = path.replace("\\", "/").rpartition("/")[2]
            if _FILE.fullmatch(name.split(".")[0]):
                yield f"`{path}`", dataset.span_of("path")
    elif named_test(source.split):
        of_row = source.row is not None and source.row.split is not None
        yield f"the split `{source.split}`", source.span if of_row else dataset.span_of("split")
