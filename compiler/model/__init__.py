"""What a recipe may say: one module per noun, typed with pydantic."""
