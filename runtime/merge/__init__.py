"""Making one model of the weights of several."""
