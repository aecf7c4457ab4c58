"""The one canonical form of a recipe, with its comments."""
