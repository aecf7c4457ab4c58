"""Pushing a trained model to a hub: only where its recipe says so, and only when that is asked for."""
