"""`smolc.lock`: what a recipe read, pinned by content."""

NAME = "smolc.lock"
"""Of the file, in the recipes' folder."""
