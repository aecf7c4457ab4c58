"""What is trained on, and how much of each."""
