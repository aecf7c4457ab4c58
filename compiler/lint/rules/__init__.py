"""One rule a file, one folder a family.

A file's docstring is its rule's documentation (title, then `What it does`, `Why is this bad?`, `Wrong`,
`Right`); it defines `RULE` and `check(context)`. The rule's cases stand beside it in a `.cases` file, which
needs no Python. Nothing else has to know of a new rule; a new folder is a package, listed in pyproject.toml.
"""
