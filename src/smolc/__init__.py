"""smolc: a recipe language for post-training, and the compiler that makes it run."""

__version__ = "0.1.0"
