"""Two recipes side by side: what changed, by recipe address, and what follows from it."""
