"""How much is learnt from in one step."""
