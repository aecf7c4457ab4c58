"""A few answers -> the text of a first recipe."""
