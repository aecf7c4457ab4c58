"""Learning from chosen and rejected answers."""
