"""One rule a file, one folder a family.

A file's docstring is its rule's documentation; the rule's cases stand beside it in a `.cases` file.
"""
