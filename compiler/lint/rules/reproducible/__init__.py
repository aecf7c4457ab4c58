"""Whether the same recipe gives the same run next year."""
