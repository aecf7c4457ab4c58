"""Learning rates and what they depend on."""
