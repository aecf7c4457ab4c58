"""The language described from its model and grammar: every block, key, type, unit, default and range."""
