"""An address where a path or an id is wanted

## What it does

Looks for paths of models, tokenizers and templates, and for hub ids, that are addresses: `https://`, `s3://`,
`file://` and the like.

## Why is this bad?

Nothing is fetched from addresses: `path` is a file or folder on the machine of the run, and `hub` an id such as
`some/model`, which goes to the hub with its revision, so that what is trained on can be pinned. An address
fails at the first job, on the cluster. It is also where passwords and internal host names end up in shared
recipes.

## Wrong

```
model base { hub = "https://huggingface.co/HuggingFaceTB/SmolLM3-3B-Base" }
```

## Right

```
model base { hub = "HuggingFaceTB/SmolLM3-3B-Base" }
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.written import hub_ids, local_paths

RULE = Rule("X809", "address-for-a-path", Severity.ERROR)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_HUB = re.compile(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/(?:datasets/)?([\w.-]+/[\w.-]+?)/?")


def check(context: Context) -> Iterator[Finding]:
    for whose, path, span in local_paths(context):
        if _ADDRESS.match(path):
            help = "download it and write the path of the file, or name the repository by `hub = ...`"
            yield Finding(
                f"the path of {whose} is an address: nothing is fetched from there", span, help=help
            )
    for whose, id, span in hub_ids(context):
        known = _HUB.fullmatch(id)
        if known is not None:
            yield Finding(
                f"{whose} names its repository by an address",
                span,
                help=f'write the id alone: `"{known[1]}"`',
                edits=(Edit(span, f'"{known[1]}"'),) if span and span.text == f'"{id}"' else (),
            )
        elif _ADDRESS.match(id):
            help = "an id is `owner/name`; what is not on the hub is downloaded first, and named by `path`"
            yield Finding(f"{whose} has an address where an id on the hub is wanted", span, help=help)
