"""A recipe with its parents and overrides folded in, as text, and where each value comes from."""
