"""What a recipe may do to the machine that it runs on."""
