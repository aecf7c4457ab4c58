"""What runs in the sandbox itself: scripts for `python guard.py`, which import nothing but the standard library."""
