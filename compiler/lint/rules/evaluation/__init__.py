"""What is measured, and what it may decide."""
