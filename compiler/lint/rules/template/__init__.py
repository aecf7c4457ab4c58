"""How conversations become text, and what of it is trained."""
