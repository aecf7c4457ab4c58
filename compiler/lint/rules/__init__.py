"""One rule a file, one folder a family. The file's docstring is the rule's documentation; its cases stand beside it."""
