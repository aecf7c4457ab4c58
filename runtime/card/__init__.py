"""Model cards: what a trained model is, told from the compiled folder alone."""
