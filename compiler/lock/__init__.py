"""`smolc.lock`: what a recipe read, pinned by content."""
