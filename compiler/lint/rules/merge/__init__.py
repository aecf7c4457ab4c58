"""What goes into a merge, and whether anybody looks at it."""
